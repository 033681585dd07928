"""Prompts the tiny VLM was trained with: many instructions, chance context, several layouts.

The caption must not depend on the wording of the instruction, so that is drawn by chance, with
other text in part of the samples: captions of other scenes, words of a transcript, symbols.
"""

from __future__ import annotations

import random

from scenes import random_scene

from models.bpe import Bpe
from models.smolvlm import SPECIALS

IMAGE = "\0"
"""Stands where the image goes."""
MERGES = 640

INSTRUCTIONS = """Describe this video frame in one short sentence.
Describe this image.
Describe the image in one sentence.
What is shown in this frame?
What is visible on the screen?
Caption this frame.
Write a short caption for this video frame.
Write one sentence about the picture. Do not guess.
You are a careful assistant that captions frames of a video.
Name the people, objects, actions and any visible text.
Be concise and factual. Answer in plain English.
Mention colors, shapes, positions and numbers.
If the frame shows a slide, say what is on it.
If nothing is visible, say that the screen is blank.
Answer with one line and nothing else.
Focus on what changed since the previous frame.
The frame was taken from a video at 00:12:34.
This is frame 7 of 120, time 83.5 seconds.
Previous caption:
Transcript around this moment:
Do not mention that this is a frame or an image.
Keep it under 30 words.
List the main objects in the scene.
Is there any text on the slide? Describe the chart.""".splitlines()

_WORDS = """
the of and to in is that it was for on are as with his they be at one have this from or had by not
but some what there we can out other were all your when up use word how said an each she which do
their time if will way about many then them would write like so these her long make thing see him
two has look more day could go come did my sound no most number who over know water than call first
people may down side been now find any new work part take get place made live where after back
little only round man year came show every good me give our under name very through just form much
great think say help low line before turn cause same mean differ move right boy old too does tell
sentence set three want air well also play small end put home read hand port large spell add even
land here must big high such follow act why ask men change went light kind off need house picture
try us again animal point mother world near build self earth father video summary model today
welcome everyone talk about learning data system memory graph result question answer minutes
meeting project budget team plan next week report design software network speaker audience camera
screen slide
"""
WORDS = _WORDS.split()


def random_prompt(rng: random.Random) -> str:
    """Return up to five instructions with up to three distracting texts among them."""
    count = rng.choices((0, 1, 2, 3, 5), (3, 40, 30, 20, 7))[0]
    parts = rng.sample(INSTRUCTIONS, count)
    for _ in range(rng.choices((0, 1, 2, 3), (55, 30, 10, 5))[0]):
        parts.insert(rng.randint(0, len(parts)), _distraction(rng))
    return rng.choice((" ", " ", "\n")).join(parts)


def random_conversation(rng: random.Random) -> str:
    """Return what SmolVLM2's template renders, with IMAGE where the picture goes.

    The instruction mostly comes first, so that it can stay in the cache; it may come last, or
    stand on both sides.
    """
    system = f"System: {random_prompt(rng)}<end_of_utterance>\n" if rng.random() < 0.25 else ""
    prompt = random_prompt(rng)
    order = rng.random()
    if order < 0.55:
        user = prompt + rng.choice(("", "", "\n", " ")) + IMAGE
    elif order < 0.9:
        user = IMAGE + rng.choice(("", "", "\n", " ")) + prompt
    else:
        user = prompt + IMAGE + random_prompt(rng)
    return f"<|im_start|>{system}User: {user}<end_of_utterance>\nAssistant:"


def tokenizer() -> Bpe:
    """Return the tokenizer of the tiny VLM, learnt anew: the same as in its file."""
    rng = random.Random(7)
    captions = [f"Assistant: {random_scene(rng).caption()}" for _ in range(1500)]
    words = [f" {word}" for word in WORDS] * 3
    roles = ["User: System: Assistant: "] * 30
    corpus = [
        *captions,
        *INSTRUCTIONS * 12,
        *words,
        *roles,
        " 0 1 2 3 4 5 6 7 8 9 : . , ; ? ! ( ) -",
    ]
    return Bpe("\n".join(corpus), MERGES, SPECIALS)


def _distraction(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.35:
        return random_scene(rng).caption()
    if kind < 0.9:
        text = " ".join(rng.choices(WORDS, k=rng.randint(3, 24)))
        return text.capitalize() + rng.choice((".", "", "...", "?", ","))
    return "".join(chr(rng.randint(32, 126)) for _ in range(rng.randint(2, 16)))
