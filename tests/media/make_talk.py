"""Makes the sample video: a short illustrated talk on how tides work, and what is in it.

Run `python tests/media/make_talk.py` from anywhere. It needs espeak-ng on the PATH, the DejaVu
fonts and the project's own dependencies, no network. It writes two files beside itself:

- talk.mp4: slides, one moving diagram, about 2 s of black, spoken narration, and the narration
  again as an embedded subtitle track. There are no chapter marks: vidsum has to find the parts.
- talk.truth.json: what is on screen and what is said, and when, for tests to compare with.

The figures in the talk are rounded textbook values. The curve for Brest uses the amplitudes of
that port's two largest tidal constituents (M2 2.05 m, S2 0.75 m).
"""

import json
import math
import subprocess
import tempfile
import wave
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import ffmpeg
import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
import pysubs2
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent
VIDEO_PATH = HERE / "talk.mp4"
TRUTH_PATH = HERE / "talk.truth.json"

WIDTH_PX, HEIGHT_PX = 1280, 720
OVERSAMPLING = 2  # Pillow's shapes have hard edges; halving a larger picture smooths them
MARGIN_PX = 80
FPS = 12

VOICE = "en-gb"
WORDS_PER_MINUTE = 150
VOICE_HZ = 22050  # what espeak-ng writes
CUE_CHARS = 90
LEAD_IN_S = 0.5
CLAUSE_GAP_S = 0.12
SENTENCE_GAP_S = 0.4
TAIL_S = 0.7
SHORTEST_SLIDE_S = 11.2
MOTION_S = 11.0

BLACK_AFTER_SLIDES = 6
BLACK_S = 2.0
BLACK_PHASE_S = 4.25  # black from 4.25 s into a 5 s step, so that sampling each 5 s must hit it
SAMPLING_STEP_S = 5.0

METADATA = {
    "title": "How Tides Work",
    "artist": "vidsum project",
    "date": "2025-01-01",
    "creation_time": "2025-01-01T00:00:00Z",
    "comment": "Sample video of the vidsum project. Synthetic narration made with espeak-ng.",
}

# The file lives in the repository, so it has to be small. x264 gives a picture that stands still
# for seconds a much finer quantiser than this crf suggests.
ENCODING = {
    "vf": "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,"
    "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709",
    "c:v": "libx264",
    "preset": "veryslow",
    "crf": "40",
    "bf": "0",
    "g": str(15 * FPS),
    "threads": "1",  # x264's output depends on the number of threads
    "c:a": "aac",
    "b:a": "18k",
    "ar": "16000",
    "c:s": "mov_text",
    "metadata:s:a:0": "language=eng",
    "metadata:s:s:0": "language=eng",
    "chunk_duration": "1000000",  # in us: a short index instead of an entry per packet
    "movflags": "+faststart",
    "fflags": "+bitexact",  # no encoder version in the file
    "flags": "+bitexact",
}

Point = tuple[float, float]
Samples = npt.NDArray[np.int16]


# ---------------------------------------------------------------- drawing


@dataclass(frozen=True)
class Palette:
    paper: str
    ink: str
    accent: str
    faint: str


LIGHT = Palette(paper="#F7F9FB", ink="#14304A", accent="#0A6E86", faint="#5A6E7F")
DARK = Palette(paper="#0B1728", ink="#F1F5FA", accent="#FFC857", faint="#9FB2C6")

WATER = "#7CC0DC"
WATER_PALE = "#CFE6F0"
EARTH = "#2F6B4F"
MOON = "#6B7683"
MOON_LIT = "#F0D27A"
SUN = "#F4B41A"
CORAL = "#C8452B"


@cache
def font(size_px: int, bold: bool) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(name, size_px * OVERSAMPLING)


class Canvas:
    """One frame in 1280x720 coordinates, which also notes every line of text put on it."""

    def __init__(self, palette: Palette) -> None:
        self.palette = palette
        self.lines: list[str] = []
        size = (WIDTH_PX * OVERSAMPLING, HEIGHT_PX * OVERSAMPLING)
        self._image = Image.new("RGB", size, palette.paper)
        self._pen = ImageDraw.Draw(self._image)

    def text(
        self,
        at: Point,
        words: str,
        size_px: int,
        *,
        bold: bool = False,
        ink: str | None = None,
        anchor: str = "ls",
    ) -> None:
        x, y = _scaled([at])[0]
        face = font(size_px, bold)
        left, top, right, bottom = self._pen.textbbox((x, y), words, font=face, anchor=anchor)
        if left < 0 or top < 0 or right > self._image.width or bottom > self._image.height:
            raise ValueError(f"this text leaves the frame: {words!r}")
        self._pen.text((x, y), words, font=face, fill=ink or self.palette.ink, anchor=anchor)
        self.lines.append(words)

    def line(self, points: list[Point], ink: str, width_px: float) -> None:
        width = round(width_px * OVERSAMPLING)
        self._pen.line(_scaled(points), fill=ink, width=width, joint="curve")

    def polygon(self, points: list[Point], ink: str) -> None:
        self._pen.polygon(_scaled(points), fill=ink)

    def box(self, top_left: Point, bottom_right: Point, ink: str, radius_px: int = 0) -> None:
        corners = _scaled([top_left, bottom_right])
        self._pen.rounded_rectangle(corners, radius=radius_px * OVERSAMPLING, fill=ink)

    def disc(self, centre: Point, radius_px: float, ink: str) -> None:
        self._pen.circle(_scaled([centre])[0], radius_px * OVERSAMPLING, fill=ink)

    def arrow(self, start: Point, end: Point, ink: str) -> None:
        angle = math.atan2(end[1] - start[1], end[0] - start[0])
        neck = polar(end, -18, angle)
        self.line([start, neck], ink, 6)
        side = math.pi / 2
        self.polygon([end, polar(neck, 12, angle + side), polar(neck, 12, angle - side)], ink)

    def frame(self) -> bytes:
        small = self._image.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BOX)
        return small.tobytes()


def _scaled(points: list[Point]) -> list[Point]:
    return [(x * OVERSAMPLING, y * OVERSAMPLING) for x, y in points]


def polar(centre: Point, radius: float, angle: float) -> Point:
    """The point at a distance and an angle (radians, clockwise on screen from the right)."""
    return centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)


def ring(centre: Point, radius_at: Callable[[float], float]) -> list[Point]:
    angles = [math.tau * step / 180 for step in range(180)]
    return [polar(centre, radius_at(angle), angle) for angle in angles]


# A part draws something on a slide; its number is the time since the slide appeared, in seconds.
Part = Callable[[Canvas, float], None]


def heading(title: str) -> Part:
    def draw(canvas: Canvas, _elapsed_s: float) -> None:
        canvas.text((MARGIN_PX, 112), title, 60, bold=True)
        canvas.box((MARGIN_PX, 140), (MARGIN_PX + 120, 148), canvas.palette.accent, 4)

    return draw


def bullets(*items: str, top_px: int = 230, step_px: int = 80) -> Part:
    def draw(canvas: Canvas, _elapsed_s: float) -> None:
        for row, item in enumerate(items):
            y = top_px + row * step_px
            canvas.disc((MARGIN_PX + 7, y - 13), 7, canvas.palette.accent)
            canvas.text((MARGIN_PX + 40, y), item, 36)

    return draw


def figures(*rows: tuple[str, str], column_px: int) -> Part:
    """Rows of one large figure and what it counts."""

    def draw(canvas: Canvas, _elapsed_s: float) -> None:
        for row, (figure, meaning) in enumerate(rows):
            y = 262 + row * (110 if len(rows) > 3 else 145)
            canvas.text((MARGIN_PX, y), figure, 50, bold=True, ink=canvas.palette.accent)
            canvas.text((MARGIN_PX + column_px, y), meaning, 36)

    return draw


def cover(canvas: Canvas, _elapsed_s: float) -> None:
    """The title slide: a wider layout of its own above three rows of waves."""
    canvas.disc((1090, 170), 70, "#E3C878")
    canvas.text((MARGIN_PX, 230), "How Tides Work", 92, bold=True)
    canvas.box((MARGIN_PX, 268), (MARGIN_PX + 160, 278), canvas.palette.accent, 5)
    canvas.text((MARGIN_PX, 350), "The Moon, the Sun and the moving sea", 40)
    waves(canvas, 0)


def waves(canvas: Canvas, _elapsed_s: float) -> None:
    rows = [(530, 22, 0.0, WATER_PALE), (575, 20, 1.9, WATER), (625, 16, 4.0, "#1F7391")]
    for level, height, shift, ink in rows:
        top = [(x, level + height * math.sin(x / 95 + shift)) for x in range(0, WIDTH_PX + 8, 8)]
        canvas.polygon([*top, (WIDTH_PX, HEIGHT_PX), (0, HEIGHT_PX)], ink)


def credit(canvas: Canvas, _elapsed_s: float) -> None:
    words = "A sample video made for vidsum. The voice is synthetic."
    canvas.text((MARGIN_PX, 690), words, 28, ink="#FFFFFF")


def bulges(canvas: Canvas, _elapsed_s: float) -> None:
    earth, moon = (500.0, 500.0), (1090.0, 500.0)
    canvas.polygon([(500 + 1.45 * (x - 500), y) for x, y in ring(earth, lambda _: 125)], WATER)
    canvas.disc(earth, 105, EARTH)
    canvas.disc(moon, 42, MOON)
    canvas.text((1090, 582), "Moon", 30, anchor="ms")
    canvas.text((500, 560), "Earth", 30, ink="#FFFFFF", anchor="ms")
    # The three arrows differ in length as the pulls do, much exaggerated.
    for x, length_px in ((330, 55), (462, 78), (655, 110)):
        canvas.arrow((x, 500), (x + length_px, 500), CORAL)
    canvas.text((300, 512), "far side", 30, anchor="rs")
    canvas.text((790, 512), "near side", 30)
    canvas.text((MARGIN_PX, 680), "Arrows: the Moon's pull, exaggerated", 30)


def spring_and_neap(canvas: Canvas, elapsed_s: float) -> None:
    """The Moon goes round once while the water follows both it and the Sun."""
    turn = min(max(elapsed_s - LEAD_IN_S, 0) / MOTION_S, 1)
    # Seen from above the North Pole the Moon goes anticlockwise, from new (the Sun's side) on.
    angle = math.pi - math.tau * turn
    earth = (500.0, 420.0)
    moon = polar(earth, 210, angle)

    canvas.disc((0, 420), 130, SUN)
    canvas.text((20, 432), "Sun", 34, bold=True)
    canvas.line([*ring(earth, lambda _: 210), polar(earth, 210, 0)], "#C9D3DC", 3)
    tide = ring(earth, lambda at: 118 + 13 * (math.cos(2 * (at - angle)) + 0.46 * math.cos(2 * at)))
    canvas.polygon(tide, WATER)
    canvas.disc(earth, 88, EARTH)
    canvas.text((500, 432), "Earth", 34, bold=True, ink="#FFFFFF", anchor="ms")
    canvas.disc(moon, 28, MOON)
    lit = [polar(moon, 28, math.pi / 2 + math.pi * step / 40) for step in range(41)]
    canvas.polygon(lit, MOON_LIT)
    canvas.text((moon[0], moon[1] + 62), "Moon", 30, anchor="ms")
    range_gauge(canvas, turn)


def range_gauge(canvas: Canvas, turn: float) -> None:
    phases = [
        ("New moon", "Spring tide"),
        ("Waxing crescent", "Range shrinks"),
        ("First quarter", "Neap tide"),
        ("Waxing gibbous", "Range grows"),
        ("Full moon", "Spring tide"),
        ("Waning gibbous", "Range shrinks"),
        ("Last quarter", "Neap tide"),
        ("Waning crescent", "Range grows"),
    ]
    phase, tide = phases[round(turn * 8) % 8]
    double = 2 * math.tau * turn
    strength = math.hypot(1 + 0.46 * math.cos(double), 0.46 * math.sin(double)) / 1.46
    ink = CORAL if strength > 0.75 else canvas.palette.accent
    canvas.text((790, 270), phase, 42, bold=True)
    canvas.text((790, 334), tide, 42, ink=ink)
    canvas.text((790, 432), "Tidal range", 34)
    canvas.box((790, 456), (1200, 500), "#E1E8EE", 8)
    canvas.box((790, 456), (790 + 410 * strength, 500), ink, 8)
    canvas.text((790, 600), "Not to scale", 30, ink=canvas.palette.faint)


def fortnight_chart(canvas: Canvas, _elapsed_s: float) -> None:
    """The sum of the two largest tidal waves at Brest over 15 days, spring tide on day 4."""
    left, right, middle, metre = 150, 1200, 400, 62.0
    spring_h = 4 * 24.0

    def at(hour: float) -> Point:
        since = math.tau * (hour - spring_h)
        height_m = 2.05 * math.cos(since / 12.4206) + 0.75 * math.cos(since / 12.0)
        return left + (right - left) * hour / 360, middle - metre * height_m

    for height_m in range(-3, 4):
        y = middle - metre * height_m
        canvas.line([(left, y), (right, y)], "#8798A8" if height_m == 0 else "#DDE4EA", 2)
        canvas.text((left - 16, y), f"{height_m:+d} m" if height_m else "0 m", 26, anchor="rm")
    for day in range(1, 16, 2):
        canvas.text((left + 70 * (day - 0.5), 628), f"day {day}", 26, anchor="ms")
    canvas.line([at(tenth / 10) for tenth in range(3601)], canvas.palette.accent, 4)
    canvas.text((at(spring_h)[0], 200), "spring range 5.6 m", 30, bold=True, ink=CORAL, anchor="ms")
    canvas.text((at(273)[0], 262), "neap range 2.6 m", 30, bold=True, ink=CORAL, anchor="ms")
    canvas.text((MARGIN_PX, 680), "Only the two largest waves: Moon (M2), Sun (S2)", 26)


def amphidrome(canvas: Canvas, _elapsed_s: float) -> None:
    """Lines of equal time of high water turning about a point, as in the northern hemisphere."""
    hub = (1005.0, 420.0)
    canvas.disc(hub, 165, WATER_PALE)
    for hour in range(12):
        angle = -math.tau * hour / 12
        canvas.line([hub, polar(hub, 165, angle)], canvas.palette.accent, 3)
        if hour % 2 == 0:
            canvas.text(polar(hub, 200, angle), f"{hour} h", 30, anchor="mm")
    canvas.disc(hub, 14, CORAL)
    canvas.text((1005, 670), "Time of high water", 30, anchor="ms")


def range_bars(canvas: Canvas, _elapsed_s: float) -> None:
    places = [
        ("Bay of Fundy, Canada", 16.0, "16 m"),
        ("Severn Estuary, Britain", 14.0, "14 m"),
        ("Brest, France", 7.0, "7 m"),
        ("Most of the Mediterranean", 0.5, "under 0.5 m"),
    ]
    for row, (place, range_m, label) in enumerate(places):
        y = 220 + row * 104
        canvas.text((MARGIN_PX, y + 46), place, 36)
        end_px = 620 + 28 * range_m
        canvas.box((620, y), (end_px, y + 66), canvas.palette.accent if row else CORAL, 6)
        canvas.text((end_px + 16, y + 46), label, 36, bold=True)
    note = "Largest range between low and high water, rounded"
    canvas.text((MARGIN_PX, 670), note, 30, ink=canvas.palette.faint)


def twelfths_stairs(canvas: Canvas, _elapsed_s: float) -> None:
    floor, step_px, before = 590, 30, 0
    for hour, gain in enumerate((1, 2, 3, 3, 2, 1)):
        x = MARGIN_PX + 20 + hour * 184
        lower, upper = floor - before * step_px, floor - (before + gain) * step_px
        canvas.box((x, lower), (x + 160, floor), WATER_PALE)
        canvas.box((x, upper), (x + 160, lower), CORAL if gain == 3 else canvas.palette.accent)
        canvas.text((x + 80, upper - 12), f"+{gain}", 40, bold=True, anchor="ms")
        canvas.text((x + 80, floor + 40), f"hour {hour + 1}", 30, anchor="ms")
        before += gain
    canvas.text((MARGIN_PX, 684), "A rough rule: twelfths of the range, low to high water", 34)


def tide_table(canvas: Canvas, _elapsed_s: float) -> None:
    rows = [
        ("02:14", "0.9 m", "low water"),
        ("08:26", "5.6 m", "high water"),
        ("14:39", "1.0 m", "low water"),
        ("20:51", "5.5 m", "high water"),
    ]
    for row, (time, height, state) in enumerate(rows):
        y = 190 + row * 66
        high = state.startswith("high")
        canvas.box((MARGIN_PX, y), (1200, y + 58), WATER_PALE if high else "#E9EEF2", 8)
        canvas.text((120, y + 42), time, 38, bold=True)
        canvas.text((420, y + 42), height, 38)
        canvas.text((720, y + 42), state, 38)


# ---------------------------------------------------------------- the talk


@dataclass(frozen=True)
class Slide:
    title: str
    narration: tuple[str, ...]
    parts: tuple[Part, ...]
    palette: Palette = LIGHT
    moving: bool = False
    has_heading: bool = True


SLIDES = (
    Slide(
        "How Tides Work",
        (
            "Twice a day, on most coasts, the sea comes in and goes out again.",
            "It is so regular that the times can be printed years ahead.",
        ),
        (cover,),
        has_heading=False,
    ),
    Slide(
        "Two Bulges, Not One",
        (
            "The Moon pulls hardest on the near side of the Earth, and least on the far side.",
            "That difference stretches the ocean both ways, so the side facing away rises too.",
        ),
        (
            bullets(
                "Gravity weakens with distance",
                "The difference raises two bulges",
                top_px=215,
                step_px=62,
            ),
            bulges,
        ),
    ),
    Slide(
        "The Lunar Clock",
        (
            "While the Earth turns once, the Moon moves on, "
            "and we need 50 more minutes to catch up.",
            "So a high tide at noon today returns at about ten to one tomorrow.",
        ),
        (
            figures(
                ("24 h 50 min", "from moonrise to moonrise"),
                ("12 h 25 min", "from high water to high water"),
                ("6 h 12 min", "from high water to low water"),
                ("50 min", "later every day, on average"),
                column_px=420,
            ),
        ),
    ),
    Slide(
        "Why the Moon Wins",
        (
            "The Sun pulls on us nearly 180 times as hard as the Moon does.",
            "But a tide comes from the difference in pull across the Earth, "
            "which fades faster with distance.",
        ),
        (
            figures(
                ("27 million", "Moons weigh as much as the Sun"),
                ("390", "times the Moon's distance"),
                ("8 times", "weaker tide at twice the distance"),
                ("46%", "of the Moon's effect: the Sun's tide"),
                column_px=380,
            ),
        ),
        palette=DARK,
    ),
    Slide(
        "Spring and Neap Tides",
        (
            "At new and full moon, Sun and Moon work along one line: spring tides.",
            "At the quarters they partly cancel: neap tides.",
            "The name spring has nothing to do with the season.",
        ),
        (spring_and_neap,),
        moving=True,
    ),
    Slide(
        "Two Weeks at Brest",
        (
            "At this port in Brittany, the Moon's wave is 2.7 times as high as the Sun's.",
            "Their beats differ by 25 minutes, so they drift apart, "
            "and in a week the range falls by more than half.",
        ),
        (fortnight_chart,),
    ),
    Slide(
        "The Real Ocean",
        (
            "Land is in the way, so the bulges can't simply follow the Moon.",
            "Instead the tide swings round still points, called amphidromes, "
            "like water in a bowl that you swirl.",
        ),
        (
            bullets(
                "Continents block the bulges",
                "Tides run as very long waves",
                "In 4 km of water: 700 km/h",
                "At the hub: almost no tide",
                top_px=250,
                step_px=90,
            ),
            amphidrome,
        ),
    ),
    Slide(
        "The Biggest Tides",
        (
            "Left alone, the water in the Bay of Fundy would slosh about once in 13 hours.",
            "That is close to the tide's own beat, so each push adds to the last.",
        ),
        (range_bars,),
    ),
    Slide(
        "The Rule of Twelfths",
        (
            "Sailors share out six hours of rising tide: a slow start, a rush, a slow end.",
            "Half of the water comes in the middle two hours, when sandbanks vanish fastest.",
        ),
        (twelfths_stairs,),
    ),
    Slide(
        "Machines That Predict",
        (
            "Each cause of the tide is a wave with a fixed period, so a forecast is a long sum.",
            "Kelvin did it with pulleys and one cord, a year of tides in a few hours.",
        ),
        (
            figures(
                ("1872", "Kelvin designs a tide predictor"),
                ("1944", "machines help to time D-Day"),
                ("37", "waves in a usual NOAA forecast"),
                column_px=240,
            ),
        ),
    ),
    Slide(
        "Inside a Tide Table",
        (
            "Add the height in the table to the depth on the chart, and you have the water depth.",
            "Check the clock too: many tables leave out daylight saving time.",
        ),
        (
            tide_table,
            bullets(
                "Heights count from chart datum, a very low tide",
                "Air pressure 1 hPa lower: sea about 1 cm higher",
                "Onshore wind can add much more",
                top_px=510,
                step_px=66,
            ),
        ),
    ),
    Slide(
        "Tides Slow the Earth",
        (
            "Moving all that water costs energy, and it comes out of the Earth's spin.",
            "Fossil corals kept count: "
            "their fine growth lines reveal shorter days, and more of them.",
        ),
        (
            figures(
                ("3.8 cm", "a year: the Moon moves away"),
                ("2 ms", "a century: the day gets longer"),
                ("400 days", "in a year, 380 million years ago"),
                column_px=330,
            ),
        ),
    ),
    Slide(
        "Take It to the Beach",
        (
            "The best rock pools appear at low water, a day or two after a new or full moon.",
            "Go out while the sea is still falling, and start back when it turns.",
        ),
        (
            waves,
            bullets(
                "Two tides a day, 50 minutes later each day",
                "Largest just after new moon and full moon",
                "Fastest halfway between low and high water",
            ),
            credit,
        ),
    ),
)


# ---------------------------------------------------------------- narration


@dataclass(frozen=True)
class Utterance:
    """The speech of one subtitle cue, and the pause that follows it."""

    text: str
    samples: Samples
    pause_s: float

    @property
    def length_s(self) -> float:
        return len(self.samples) / VOICE_HZ


def cue_texts(sentence: str) -> Iterator[str]:
    """Splits a long sentence after a comma or a colon, else between words."""
    while len(sentence) > CUE_CHARS:
        head = sentence[: CUE_CHARS + 1]
        stop = max(head.rfind(", "), head.rfind(": "))
        cut = stop + 1 if stop > 0 else head.rfind(" ")
        yield sentence[:cut]
        sentence = sentence[cut:].strip()
    yield sentence


def speak(text: str, wav_path: Path) -> Samples:
    """Says one cue. Each is spoken on its own, so its length is known and not guessed."""
    command = ["espeak-ng", "-v", VOICE, "-s", str(WORDS_PER_MINUTE), "-w", str(wav_path), text]
    subprocess.run(command, check=True)
    with wave.open(str(wav_path), "rb") as reader:
        if reader.getframerate() != VOICE_HZ:
            raise ValueError(f"espeak-ng wrote {reader.getframerate()} Hz, not {VOICE_HZ}")
        samples = np.frombuffer(reader.readframes(reader.getnframes()), dtype=np.int16)
    heard = np.flatnonzero(np.abs(samples.astype(np.int32)) > 100)
    return samples[heard[0] : heard[-1] + 1]


def narrate(slide: Slide, folder: Path) -> list[Utterance]:
    utterances = []
    for sentence in slide.narration:
        for text in cue_texts(sentence):
            pause_s = SENTENCE_GAP_S if sentence.endswith(text) else CLAUSE_GAP_S
            utterances.append(Utterance(text, speak(text, folder / "cue.wav"), pause_s))
    return utterances


# ---------------------------------------------------------------- timeline


@dataclass(frozen=True)
class Cue:
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class Shot:
    """A slide in its place on the frame grid; no slide means black."""

    slide: Slide | None
    utterances: list[Utterance]
    start_frame: int
    frames: int
    lead_in_s: float = LEAD_IN_S

    @property
    def end_frame(self) -> int:
        return self.start_frame + self.frames

    def cues(self) -> Iterator[tuple[Cue, Samples]]:
        at_s = self.start_frame / FPS + self.lead_in_s
        for utterance in self.utterances:
            end_s = at_s + utterance.length_s
            yield Cue(round(at_s, 3), round(end_s, 3), utterance.text), utterance.samples
            at_s = end_s + utterance.pause_s


def natural_frames(utterances: list[Utterance]) -> int:
    spoken_s = sum(item.length_s + item.pause_s for item in utterances)
    length_s = LEAD_IN_S + spoken_s - utterances[-1].pause_s + TAIL_S
    return math.ceil(max(length_s, SHORTEST_SLIDE_S) * FPS)


def schedule(voices: list[list[Utterance]]) -> list[Shot]:
    lengths = [natural_frames(utterances) for utterances in voices]
    # The black has to begin at a given phase of the 5 s sampling step; the slides before it
    # share the wait.
    step, phase = round(SAMPLING_STEP_S * FPS), round(BLACK_PHASE_S * FPS)
    spare = (phase - sum(lengths[:BLACK_AFTER_SLIDES])) % step
    for index in range(BLACK_AFTER_SLIDES):
        lengths[index] += spare * (index + 1) // BLACK_AFTER_SLIDES
        lengths[index] -= spare * index // BLACK_AFTER_SLIDES

    shots: list[Shot] = []
    frame = 0
    for index, (slide, utterances) in enumerate(zip(SLIDES, voices, strict=True)):
        if index == BLACK_AFTER_SLIDES:
            shots.append(Shot(None, [], frame, round(BLACK_S * FPS)))
            frame = shots[-1].end_frame
        shots.append(Shot(slide, utterances, frame, lengths[index]))
        frame = shots[-1].end_frame
    return shots


# ---------------------------------------------------------------- writing


def render(slide: Slide, number: int, elapsed_s: float) -> Canvas:
    canvas = Canvas(slide.palette)
    if slide.has_heading:
        heading(slide.title)(canvas, elapsed_s)
        page = f"{number}/{len(SLIDES)}"
        canvas.text((1200, 52), page, 24, ink=slide.palette.faint, anchor="rs")
    for part in slide.parts:
        part(canvas, elapsed_s)
    return canvas


def frames_of(shot: Shot) -> Iterator[Canvas]:
    if shot.slide is None:
        yield from [Canvas(replace(DARK, paper="#000000"))] * shot.frames
        return
    number = SLIDES.index(shot.slide) + 1
    still = render(shot.slide, number, 0)
    for index in range(shot.frames):
        yield render(shot.slide, number, index / FPS) if shot.slide.moving else still


def write_audio(shots: list[Shot], path: Path) -> None:
    track = np.zeros(round(shots[-1].end_frame / FPS * VOICE_HZ), dtype=np.int16)
    for shot in shots:
        for cue, samples in shot.cues():
            start = round(cue.start_s * VOICE_HZ)
            track[start : start + len(samples)] = samples
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(VOICE_HZ)
        writer.writeframes(track.tobytes())


def write_subtitles(shots: list[Shot], path: Path) -> None:
    subtitles = pysubs2.SSAFile()
    for shot in shots:
        for cue, _samples in shot.cues():
            start_ms, end_ms = round(cue.start_s * 1000), round(cue.end_s * 1000)
            subtitles.append(pysubs2.SSAEvent(start=start_ms, end=end_ms, text=cue.text))
    subtitles.save(str(path))


def encoder(audio: Path, subtitles: Path, shots: list[Shot]) -> "subprocess.Popen[bytes]":
    """Starts ffmpeg; it takes raw frames on its standard input."""
    size = f"{WIDTH_PX}x{HEIGHT_PX}"
    pictures = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=size, framerate=FPS)
    moving = next(shot for shot in shots if shot.slide is not None and shot.slide.moving)
    cuts_s = [max(shot.start_frame - 0.5, 0) / FPS for shot in shots]
    options = ENCODING | {
        "t": f"{shots[-1].end_frame / FPS:.6f}",
        "force_key_frames": ",".join(f"{cut_s:.3f}" for cut_s in cuts_s),
        # The motion would look rough at the bit rate that is plenty for the still slides.
        "x264-params": f"psy=0:weightp=0:zones={moving.start_frame},{moving.end_frame - 1},b=1.5",
    }
    for index, (key, value) in enumerate(METADATA.items()):
        options[f"metadata:g:{index}"] = f"{key}={value}"
    streams = pictures, ffmpeg.input(str(audio)), ffmpeg.input(str(subtitles))
    job = ffmpeg.output(*streams, str(VIDEO_PATH), **options)
    job = job.global_args("-hide_banner", "-loglevel", "error").overwrite_output()
    process: subprocess.Popen[bytes] = job.run_async(
        cmd=imageio_ffmpeg.get_ffmpeg_exe(), pipe_stdin=True
    )
    return process


def encode(shots: list[Shot], folder: Path) -> list[list[str]]:
    """Writes the video; returns the lines of text that were seen on each shot."""
    audio, subtitles = folder / "talk.wav", folder / "talk.srt"
    write_audio(shots, audio)
    write_subtitles(shots, subtitles)
    process = encoder(audio, subtitles, shots)
    assert process.stdin is not None
    seen = []
    for shot in shots:
        lines: dict[str, None] = {}  # keeps the order and drops repeats
        shown, data = None, b""
        for canvas in frames_of(shot):
            if canvas is not shown:
                shown, data = canvas, canvas.frame()
                lines.update(dict.fromkeys(canvas.lines))
            process.stdin.write(data)
        seen.append(list(lines))
    process.stdin.close()
    if process.wait() != 0:
        raise RuntimeError("ffmpeg could not write the video")
    return seen


def encoded_times_s() -> list[float]:
    """When each frame of the finished file is shown, and once more when the last one ends."""
    with av.open(str(VIDEO_PATH)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        ticks = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
        times = [tick * stream.time_base for tick in ticks]
    return [round(float(time), 3) for time in [*times, times[-1] + Fraction(1, FPS)]]


def truth(shots: list[Shot], seen: list[list[str]]) -> dict[str, object]:
    times_s = encoded_times_s()
    if len(times_s) != shots[-1].end_frame + 1:
        raise RuntimeError(f"{len(times_s) - 1} frames in the file, not {shots[-1].end_frame}")
    black: dict[str, float] = {}
    slides = []
    for shot, lines in zip(shots, seen, strict=True):
        span = {"start_s": times_s[shot.start_frame], "end_s": times_s[shot.end_frame]}
        if shot.slide is None:
            black = span
            continue
        said = {"lines": lines, "narration": shot.slide.narration, "moving": shot.slide.moving}
        slides.append({"title": shot.slide.title, **span, **said})
    cues = [asdict(cue) for shot in shots for cue, _samples in shot.cues()]
    return {"duration_s": times_s[-1], "slides": slides, "black": black, "cues": cues}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shots = schedule([narrate(slide, folder) for slide in SLIDES])
        seen = encode(shots, folder)
    text = json.dumps(truth(shots, seen), indent=1, ensure_ascii=False)
    TRUTH_PATH.write_text(text + "\n", encoding="utf-8")
    length_s, size_kb = shots[-1].end_frame / FPS, VIDEO_PATH.stat().st_size / 1000
    print(f"{VIDEO_PATH.name}: {length_s:.1f} s, {size_kb:.0f} kB")


if __name__ == "__main__":
    main()
