"""Function words of seven languages: words that say nothing about what a text is about.

Besides articles, pronouns and the like the lists hold a language's commonest verbs, fillers and
number words, since no tagger sorts those out here. Written for this project.
"""

from __future__ import annotations

from typing import Final

_ENGLISH: Final = """
a about above across actually after again against ago all almost along already also although
always am among an and another any anybody anyone anything are aren't around as ask at away back
basically be became because become been before began begin being below best better between big
both bring but by call called came can can't cannot come could couldn't did didn't different do
does doesn't doing don't done down during each either else end enough especially even ever every
everybody everyone everything exactly far few find fine finally first five for four from further
gave get getting give go goes going gone gonna good got great had hadn't half happen has hasn't
have haven't having he he'd he'll he's hello her here here's hers herself hey hi him himself his
how how's however hundred i i'd i'll i'm i've if important in instead into is isn't it it's its
itself just keep kept kind knew know last later least left less let let's like little long look
looked looking lot made main make makes making many may maybe me mean means might million mine
minus more most mostly much must mustn't my myself near need needs never new next nine no nobody
none nor not nothing now number of off often oh ok okay old on once one ones only onto or other
others ought our ours ourselves out over own part per perhaps place please plus point pretty
probably put quarter quite rather real really right said same saw say says second see seem seen
seven several shall she she'd she'll she's should shouldn't show shown shows simply since six so
some somebody someone something sometimes soon still stop such sure take taken takes talk tell ten
than thank thanks that that's that'll the their theirs them themselves then there there's these
they they'd they'll they're they've thing things think third this those though thought thousand
three through thus time times to today together told too took toward towards tried try trying
turn two twice uh um under until up upon us use used uses using usually very want wanted was
wasn't way ways we we'd we'll we're we've well went were weren't what what's when where where's
whether which while who who's whoever whole whom whose why will with within without won't wonder
work would wouldn't yeah year years yes yet you you'd you'll you're you've your yours yourself zero
minute minutes hour hours seconds day days week weeks month months gets add adds added longer
larger smaller higher lower ahead
"""

_GERMAN: Final = """
ab aber alle allem allen aller alles als also am an andere anderen anderer anderes auch auf aus
bei beim bereits bin bis bist bitte da dabei dadurch dafür dagegen daher dahin damit danach dann
daran darauf daraus darf darin darüber darum das dass davon dazu dein deine dem den denen denn
dennoch der deren des deshalb dessen dich die dies diese diesem diesen dieser dieses dir doch dort
drei du durch dürfen eben ein eine einem einen einer eines einfach einige einmal er erst erste
ersten es etwa etwas euch euer fast für fünf gab ganz gar geben gegen gehen geht gemacht genau
gerade gern gesagt gibt ging gut gute guten habe haben hat hatte hatten heute hier hin hinter ich
ihm ihn ihnen ihr ihre ihrem ihren ihrer im immer in ins irgendwie ist ja jede jedem jeden jeder
jedes jetzt kann kannst kein keine keinen kommen kommt können könnte lassen machen macht mal man
mehr mein meine meinem meinen meiner mich mir mit muss müssen nach nachdem nein neue neuen nicht
nichts nie noch nun nur ob oben oder ohne schon sehen sehr seid sein seine seinem seinen seiner
seit selbst sich sicher sie sieht sind so sogar solche soll sollen sollte sondern sonst sowie statt
über um und uns unser unsere unter viel viele vielen vielleicht vier vom von vor wann war waren
warum was wegen weil weiter welche welchem welchen welcher welches wenig wenn wer werde werden
wie wieder will wir wird wirklich wo wollen wollte worden wurde wurden zehn zu zum zur zwar zwei
zwischen
"""

_FRENCH: Final = """
à afin ai aie ainsi alors après as assez au aucun aujourd'hui aura aussi autre autres aux avait
avant avec avez avoir avons ayant beaucoup bien bon bonjour bonne ça car ce ceci cela celle celles
celui cent ces cet cette ceux chaque chez choses chose ci cinq combien comme comment contre d dans
de dehors déjà depuis dernier derrière des dès deux devant dire dit dix doit donc dont du durant
elle elles en encore enfin ensuite entre es est et étaient était étant été être eu eux faire fait
faites fois font grand grande gros hier hors ici il ils j jamais je jour jours jusqu juste l la là
laquelle le lequel les lesquels leur leurs loin lors lorsque lui m ma maintenant mais mal même
mêmes mes mieux mille mis moi moins mon n ne neuf ni non nos notre nous nouveau nouvelle on ont
onze ou où par parce parmi pas pendant peu peut peuvent peux plupart plus plutôt pour pourquoi
pouvez pouvoir premier première près puis puisque qu quand quatre que quel quelle quelles quelque
quelques quels qui quoi rien s sa sais sans savoir se selon sept sera serait ses seul seulement si
six soi soit son sont sous souvent suis sur t ta tandis tant te tel telle tes toi ton toujours
tous tout toute toutes très trois trop tu un une va vais vers veut veux vient voici voilà voir
vos votre voulez vous vraiment vu y
"""

_SPANISH: Final = """
a acá ahí ahora al algo algún alguna algunas alguno algunos allí ante antes aquel aquella aquello
aquí así aún aunque bajo bastante bien buen buena bueno cabe cada casi cerca cinco como cómo con
conmigo contra cosa cosas cual cuál cuales cualquier cuando cuándo cuanto cuatro da dado de debe
decir dejar del demás dentro desde después dice dicho diez donde dónde dos durante e el él ella
ellas ello ellos embargo en encima entonces entre era eran eres es esa esas ese eso esos esta está
estaba estado estamos están estar estas este esto estos estoy fin fue fueron gracias gran grande
ha había haber habían hace hacer hacia han hasta hay haya he hecho hemos hizo hola hora hoy igual
incluso ir jamás junto la las le les lo los luego más mal mayor me mediante mejor menos mi mientras
mil mis mismo misma mucha muchas mucho muchos muy nada nadie ni ningún ninguna no nos nosotros
nuestra nuestras nuestro nuestros nueva nuevo nunca o os otra otras otro otros para parece parte
pero poco podemos poder por porque primer primera primero pronto puede pueden pues que qué quien
quién quiere sabe sé sea según ser si sí sido siempre siendo sin sino sobre solo sólo somos son soy
su sus suyo tal también tampoco tan tanto te tener tenemos tengo ti tiempo tiene tienen toda
todas todavía todo todos tras tres tu tú tus u un una unas uno unos usted ustedes va vamos van
varios veces ver vez vosotros voy y ya yo
"""

_ITALIAN: Final = """
a abbiamo abbia ad adesso agli ai al alcune alcuni alla alle allo allora altra altre altri altro
anche ancora andare anni anno appena assai avere aveva avete bene bisogno c c'è casa che chi ci
ciao cinque ciò cioè circa coi col come con contro così cosa cose cui d da dagli dai dal dalla
dalle dall dallo davvero deve di dei degli del dell della delle dello dentro detto dice dieci dietro
dire dopo dove dovere due dunque durante e è ecco ed era erano essere fa fanno fare fatto fino
fra fuori già gli grande grazie ha hai hanno ho i il in infatti insieme invece io l la là le lei li
lo loro lui ma mai male me meglio meno mentre mi mia mie miei mila mille mio molta molte molti
molto ne negli nei nel nell nella nelle nello nessun nessuna nessuno niente no noi non nostra
nostre nostri nostro nulla nuova nuovo o od oggi ogni oltre ora otto parte per perché perciò però
persone più poche pochi poco poi possiamo possono potere prima primo proprio può qua qual quale
quali qualche qualcosa quando quanto quasi quattro quel quella quelle quelli quello questa queste
questi questo qui quindi sa sarà se sé secondo sei sempre senza sette si sì sia siamo siano siete
solo sono sopra soprattutto sotto sta stata stati stato stesso su sua sue sugli sui sul sulla
sulle suo suoi tanto te ti tra tre troppo tu tua tue tuo tuoi tutta tutte tutti tutto un un' una
uno va vai vedere verso vi via viene voi volta volte vostra vostro vuole
"""

_PORTUGUESE: Final = """
a à agora ainda além alguém algum alguma algumas alguns ali ano anos antes ao aos apenas aquela
aquelas aquele aqueles aquilo aqui as às assim até atrás bem boa bom cada casa certo cima cinco
coisa coisas com como contra da dá daquele dar das de dela dele deles demais dentro depois desde
dessa desse desta deste deve dez dia dias disse disso diz dizer do dois dos duas durante e é ela
elas ele eles em embora enquanto então entre era eram és essa essas esse esses esta está estamos
estão estar estas estava este estes estou eu exemplo faz fazer feito fez ficar foi foram fora gente
grande há hoje ir isso isto já juntos lá lhe lhes lo logo longe lugar maior mais mal mas me meio
melhor menos mesma mesmo meu meus mil minha minhas muita muitas muito muitos na nada não nas nem
nenhum nenhuma ninguém no nós nos nossa nossas nosso nossos nova novo num numa nunca o obrigado
olá onde ontem os ou outra outras outro outros para parte pela pelas pelo pelos pequeno pode podem
poder pois por porque porquê posso pouca pouco primeira primeiro própria próprio qual quais
qualquer quando quanto quase quatro que quê quem quer são se sei seja sem sempre sendo ser será seu
seus si sido sim só sob sobre sua suas tal também tanto tão te tem têm temos tempo tenho ter teu
teve ti tinha toda todas todo todos três tu tua tudo um uma umas uns vai vamos vão veio vem ver vez
vezes você vocês vos vou
"""

_DUTCH: Final = """
aan acht achter af al alle alleen alles als altijd ander andere anders bedankt beetje ben beter bij
bijna bijvoorbeeld binnen bovenop buiten daar daarna daarom daarvan dan dat de deel den denk der
des deze die dingen dit doe doen doet door drie dus echt een één eens eerst eerste eigenlijk elk
elke en er erg ergens even gaan gaat gaf geen gegaan gemaakt genoeg geven gewoon ging goed goede
groot grote haar had hadden heb hebben heeft heel hele hem hen het hier hij hoe hoi hun iemand iets
ik in is ja jaar je jij jou jouw jullie kan keer klein komen komt kon kunnen kunt laat laten leuk
maakt maar maken man me mee meer mensen met mij mijn misschien moet moeten mogen naar nadat nee net
niet niets niks nieuwe nog nooit nu of om omdat onder ons onze ook op over paar per precies samen
sinds soms steeds straks te tegen ten ter terug tien tijd toch toe toen tot tussen twee u uit uw
vaak van vanaf vandaag veel ver verder vier vijf voor vooral waar waarom want waren was wat we weer
weet weg wel welke werd werden wie wij wil willen word worden wordt zal ze zeer zeg zeggen zegt
zei zelf zelfs zes zeven zich zie zien ziet zij zijn zo zoals zonder zou zouden zullen
"""

STOP_WORDS: Final = {
    "en": frozenset(_ENGLISH.split()),
    "de": frozenset(_GERMAN.split()),
    "fr": frozenset(_FRENCH.split()),
    "es": frozenset(_SPANISH.split()),
    "it": frozenset(_ITALIAN.split()),
    "pt": frozenset(_PORTUGUESE.split()),
    "nl": frozenset(_DUTCH.split()),
}
"""Two-letter language code (ISO 639-1) → its function words, in lower case."""

SUFFIXES: Final = {
    "en": ("ings", "ing", "edly", "ed", "es", "s", "e"),
    "de": ("ern", "en", "er", "es", "em", "e", "n", "s"),
    "fr": ("ées", "ée", "és", "es", "ent", "er", "é", "e", "s", "x"),
    "es": ("es", "as", "os", "ar", "a", "o", "e", "s"),
    "it": ("a", "e", "i", "o"),
    "pt": ("es", "as", "os", "ar", "a", "o", "e", "s"),
    "nl": ("en", "er", "es", "e", "n", "s"),
}
"""Two-letter language code → endings that inflection adds, longest first."""
