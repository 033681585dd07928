"""A timeline as Final Cut Pro XML: the source in the storyline, shots connected above it.

Written here and not by the OpenTimelineIO adapter, which can only write 25 and the like: it takes
whole numbers for frame rates, and fails with 29.97 over clips that start at 0.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final
from xml.etree import ElementTree

from vidsum.broll.timelines import AI_GENERATED, Layout, Placed, standard_rate, worded

VERSION: Final = "1.8"
_KEY: Final = "vidsum."
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n'


def final_cut_xml(layout: Layout) -> str:
    """Return the timeline as a document that Final Cut Pro 10.4 and later import.

    Source: Apple, Final Cut Pro XML, DTD of version 1.8.
    """
    root = ElementTree.Element("fcpxml", version=VERSION)
    resources = ElementTree.SubElement(root, "resources")
    own = _format(resources, layout.rate, layout.width_px, layout.height_px)
    _source_asset(resources, layout, own)
    sequence = ElementTree.SubElement(
        ElementTree.SubElement(root, "project", name=layout.title), "sequence",
        format=own, duration=_time(layout.length_frames, layout.rate), tcStart="0s",
        tcFormat=_code(layout),
    )  # fmt: skip
    source = ElementTree.SubElement(
        ElementTree.SubElement(sequence, "spine"), "asset-clip",
        ref="source", name=worded(layout.video.name), offset="0s",
        start=_time(layout.start_frames, layout.rate),
        duration=_time(layout.length_frames, layout.rate), tcFormat=_code(layout),
    )  # fmt: skip
    for number, one in enumerate(layout.placed, start=1):
        _shot_asset(resources, layout, one, f"shot{number}", own)
        source.append(_connected(layout, one, f"shot{number}"))
    ElementTree.indent(root, "  ")
    return f"{_HEAD}{ElementTree.tostring(root, encoding='unicode')}\n"


def _time(count: int, rate: Fraction) -> str:
    """Return so many frames as Final Cut counts time, in exact parts of a second."""
    return f"{count * rate.denominator}/{rate.numerator}s" if count else "0s"


def _code(layout: Layout) -> str:
    return "DF" if layout.drop else "NDF"


def _format(
    resources: ElementTree.Element, rate: Fraction, width_px: int, height_px: int
) -> str:  # fmt: skip
    """Return the id of a format, which is described once."""
    name = f"f{width_px}x{height_px}-{rate.numerator}-{rate.denominator}"
    if resources.find(f"format[@id='{name}']") is None:
        ElementTree.SubElement(
            resources, "format", id=name, frameDuration=_time(1, rate),
            width=str(width_px), height=str(height_px),
        )  # fmt: skip
    return name


def _source_asset(resources: ElementTree.Element, layout: Layout, own: str) -> None:
    kinds = {"hasVideo": layout.picture, "hasAudio": layout.sound}
    asset = ElementTree.SubElement(
        resources, "asset", id="source", name=worded(layout.video.name),
        src=layout.video.absolute().as_uri(), start=_time(layout.start_frames, layout.rate),
        duration=_time(layout.length_frames, layout.rate),
    )  # fmt: skip
    asset.attrib |= {kind: "1" for kind, there in kinds.items() if there}
    if layout.picture:
        asset.set("format", own)


def _shot_asset(
    resources: ElementTree.Element, layout: Layout, one: Placed, name: str, own: str
) -> None:
    """Describe a shot's file. A still has no length and no format: Final Cut reads it itself."""
    asset = ElementTree.SubElement(
        resources, "asset", id=name, name=one.name, src=one.file.as_uri(), start="0s",
        duration="0s", hasVideo="1",
    )  # fmt: skip
    if not one.still:
        rate = standard_rate(one.shot.fps)[0] if one.shot.fps else layout.rate
        asset.set("format", _format(resources, rate, one.shot.width_px, one.shot.height_px))
        length_s = Fraction(one.shot.clip_s or 0) or one.length_frames / layout.rate
        asset.set("duration", _time(max(1, round(length_s * rate)), rate))


def _connected(layout: Layout, one: Placed, name: str) -> ElementTree.Element:
    """Return a shot that is connected above the source, with its mark and what it was made of.

    The order of an element's children is the one that the DTD asks for.
    """
    length = _time(one.length_frames, layout.rate)
    held = {"lane": "1", "offset": _time(layout.start_frames + one.at_frames, layout.rate),
            "name": one.name, "start": "0s", "duration": length}  # fmt: skip
    if one.still:
        clip = ElementTree.Element("clip", held)
        ElementTree.SubElement(clip, "note").text = one.note
        ElementTree.SubElement(clip, "video", ref=name, offset="0s", duration=length)
    else:
        clip = ElementTree.Element("asset-clip", {"ref": name} | held)
        ElementTree.SubElement(clip, "note").text = one.note
    ElementTree.SubElement(
        clip, "marker", start="0s", duration=_time(1, layout.rate), value=AI_GENERATED,
        note=one.note,
    )  # fmt: skip
    told = ElementTree.SubElement(clip, "metadata")
    for key, value in one.facts.items():
        ElementTree.SubElement(told, "md", key=f"{_KEY}{key}", value=str(value))
    return clip
