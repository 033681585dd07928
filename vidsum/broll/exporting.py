"""Timelines for editing programs: OpenTimelineIO, Final Cut Pro XML (both kinds) and an EDL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vidsum.broll.editlists import edit_list
from vidsum.broll.finalcut import final_cut_xml
from vidsum.broll.timelines import AI_GENERATED, Layout, Placed, lay_out, worded
from vidsum.errors import BackendMissing, OptionError
from vidsum.outputs import IN_PLACE, result_name, write_whole
from vidsum.wording import clock, escaped

if TYPE_CHECKING:
    from vidsum.data import BrollPlan, FinishedShot, MediaInfo, Variation

FOLDER: Final = "exports"
_INSTALL: Final = "Install it: pip install 'vidsum[broll]'"
_SAME_S: Final = 1.0
"""Copies of a video in other containers differ by less."""
_SOURCE_TYPE: Final = "trainedAlgorithmicMedia"
"""Source: IPTC, Digital Source Type vocabulary."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The files that were written, and where they are not what was asked for, in sentences."""

    files: tuple[Path, ...]
    notes: tuple[str, ...]


def export(
    folder: Path,
    plan: BrollPlan,
    variations: Sequence[Variation],
    picks: Mapping[str, int | None],
    shots: Sequence[FinishedShot],
    video: Path,
    formats: Sequence[str] = ("otio", "fcpxml", "xml", "edl"),
    *,
    start: str = "",
    sound: bool | None = None,
) -> Exported:
    """Write the picks' timeline into the folder ``exports``, whole, once for each of ``formats``.

    ``start`` is the time code of the source's first frame where it has one, ``sound`` whether the
    source is heard; None: it is looked up. All formats are made before the first is written.

    Raises: OptionError when nothing is picked, a pick is not finished, its file is gone, a format
    or the source is not known, or ``start`` is no time code; MediaError for a source that is no
    video; BackendMissing; OutputError.
    """
    for unknown in (form for form in formats if form not in _WRITERS):
        raise OptionError(f"There is no export format {escaped(unknown)}.",
                          f"Known: {', '.join(_WRITERS)}.")  # fmt: skip
    if not video.name:
        raise OptionError("The plan does not say which video it is of.", "Name it: --video FILE.")
    info = _looked_at(video)
    heard = info is None or bool(info.audio) if sound is None else sound
    layout = lay_out(folder, plan, variations, picks, shots, video, start=start, sound=heard)
    texts = {form: _WRITERS[form](layout) for form in formats}
    files = []
    for form, text in texts.items():
        files.append(folder / FOLDER / result_name(video, form, set()))
        write_whole(files[-1], text, hint=IN_PLACE)
    return Exported(tuple(files), (*layout.notes, *_length_notes(plan, video, info)))


def _looked_at(video: Path) -> MediaInfo | None:
    """Return what a source is; None where it is not there. Raises: MediaError, BackendFailed."""
    from vidsum.media.process import Decoder

    if not video.is_file():
        return None
    with Decoder(video) as decoder:
        return decoder.probe()


def _length_notes(plan: BrollPlan, video: Path, info: MediaInfo | None) -> Iterator[str]:
    """Say that a source is not as long as the one that was planned for: it may be another."""
    length_s = None if info is None else info.duration_s
    if length_s is not None and plan.duration_s and abs(length_s - plan.duration_s) > _SAME_S:
        yield (f"{worded(video.name)} is {clock(length_s)} long, and the plan is for "
               f"{clock(plan.duration_s)}: it may be another video.")  # fmt: skip


def _otio(layout: Layout) -> str:
    return str(_library().adapters.write_to_string(_timeline(layout), "otio_json"))


def _final_cut_7(layout: Layout) -> str:
    otio = _library()
    if "fcp_xml" not in otio.adapters.available_adapter_names():
        raise BackendMissing("Export as .xml needs otio-fcp-adapter, which is not installed.",
                             _INSTALL)  # fmt: skip
    return str(otio.adapters.write_to_string(_timeline(layout), "fcp_xml"))


_WRITERS: Final[dict[str, Callable[[Layout], str]]] = {
    "otio": _otio, "fcpxml": final_cut_xml, "xml": _final_cut_7, "edl": edit_list,
}  # fmt: skip
FORMATS: Final = tuple(_WRITERS)


def _library() -> Any:
    """Return OpenTimelineIO. Raises: BackendMissing."""
    try:
        import opentimelineio
    except ImportError as exc:
        raise BackendMissing("Export as .otio and .xml needs OpenTimelineIO, which is not "
                             "installed.", _INSTALL) from exc  # fmt: skip
    return opentimelineio


def _timeline(layout: Layout) -> Any:
    """Return the timeline as OpenTimelineIO has it: V1 and A1 the source, V2 the shots."""
    otio = _library()
    timeline = otio.schema.Timeline(
        layout.title, global_start_time=_time(layout.start_frames, layout.rate),
        metadata={"fcp_xml": _sequence_facts(layout)},
    )  # fmt: skip
    for kind, there in (("Video", layout.picture), ("Audio", layout.sound)):
        if there:
            track = otio.schema.Track(f"{kind[0]}1 source", kind=kind)
            track.append(_source(layout, kind))
            timeline.tracks.append(track)
    over = otio.schema.Track("V2 B-roll", kind="Video")
    for one in layout.placed:
        end = over.duration().value if len(over) else 0
        if one.at_frames > end:
            over.append(otio.schema.Gap(source_range=_range(0, one.at_frames - end, layout.rate)))
        over.append(_shot(layout, one))
    timeline.tracks.insert(1 if layout.picture else 0, over)
    return timeline


def _source(layout: Layout, kind: str) -> Any:
    """Return the whole source as a clip. In Final Cut 7 sound needs to be told from the picture."""
    otio = _library()
    whole = _range(layout.start_frames, layout.length_frames, layout.rate)
    code = {"timecode": {"displayformat": "DF" if layout.drop else "NDF"}}
    media = otio.schema.ExternalReference(
        target_url=layout.video.absolute().as_uri(), available_range=whole,
        metadata={"fcp_xml": code},
    )  # fmt: skip
    media.name = worded(layout.video.name)
    track = {"mediatype": kind.lower(), "trackindex": "1"}
    return otio.schema.Clip(
        media.name, media_reference=media, source_range=whole,
        metadata={"fcp_xml": {"sourcetrack": track}},
    )  # fmt: skip


def _shot(layout: Layout, one: Placed) -> Any:
    otio = _library()
    told = {"ai_generated": True, "digital_source_type": _SOURCE_TYPE, **one.facts}
    media = otio.schema.ExternalReference(
        target_url=one.file.as_uri(), available_range=_file_range(layout, one),
        metadata={"vidsum": told},
    )  # fmt: skip
    media.name = one.name
    clip = otio.schema.Clip(
        one.name, media_reference=media, source_range=_range(0, one.length_frames, layout.rate),
        metadata={"vidsum": told},
    )  # fmt: skip
    mark = otio.schema.Marker(
        AI_GENERATED, _range(0, 1, layout.rate), color=otio.schema.MarkerColor.PURPLE,
        metadata={"vidsum": told, "fcp_xml": {"comment": one.note}}, comment=one.note,
    )  # fmt: skip
    clip.markers.append(mark)
    return clip


def _file_range(layout: Layout, one: Placed) -> Any:
    """Return all that a shot's file has; a still has as much as is asked of it."""
    has_s = one.shot.clip_s if not one.still else None
    count = one.length_frames if has_s is None else round(Fraction(has_s) * layout.rate)
    return _range(0, max(count, one.length_frames), layout.rate)


def _sequence_facts(layout: Layout) -> dict[str, Any]:
    """Return what a Final Cut 7 sequence says of its pictures and its time code."""
    size = {"width": str(layout.width_px), "height": str(layout.height_px)}
    return {
        "media": {"video": {"format": {"samplecharacteristics": size}}},
        "timecode": {"displayformat": "DF" if layout.drop else "NDF"},
    }


def _time(count: int, rate: Fraction) -> Any:
    return _library().opentime.RationalTime(count, float(rate))


def _range(at: int, count: int, rate: Fraction) -> Any:
    return _library().opentime.TimeRange(_time(at, rate), _time(count, rate))
