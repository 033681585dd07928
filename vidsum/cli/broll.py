"""``vidsum broll``: new pictures and clips that illustrate a video."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import click

from vidsum.cli.brollwork import (
    check_place,
    confirm,
    exit_code,
    films_for,
    make_pictures,
    opened_run,
    show,
    show_estimate,
    show_finish_estimate,
)
from vidsum.cli.options import (
    BROLL,
    CAPS,
    ONLY_PAGES,
    WRITING,
    common_options,
    options_in_force,
    video_options,
)
from vidsum.errors import OptionError

if TYPE_CHECKING:
    from vidsum.broll.shots import Clips

_HELP = {"help_option_names": ["-h", "--help"]}
_PAINTING: Final = (BROLL | CAPS | WRITING | {
    "tier", "threads", "gpu_layers", "api", "api_timeout_s", "prompts_dir", "cache",
}) - {"scenes", "second_look", "upscaler"}  # fmt: skip
"""Options of the steps that need no video any more."""
_PICK: Final = re.compile(r"([\w-]{1,64})=(?:(\d{1,4})|none)")
FORMATS: Final = ("otio", "fcpxml", "xml", "edl")
_FOLDER = click.argument("folder", type=click.Path(path_type=Path, readable=False))
_SCENES = click.option("--scene", "only", multiple=True, metavar="ID",
                       help="Only this scene; may be given several times.")  # fmt: skip
_JSON = click.option("--json", "as_json", is_flag=True,
                     help="All that the folder holds, as one JSON object.")  # fmt: skip


@click.group(context_settings=_HELP)
def broll() -> None:
    """New pictures and clips that illustrate a video, in its own look, to choose from.

    \b
    vidsum broll plan talk.mp4             scenes worth a picture, in talk.broll/plan.toml
    vidsum broll make talk.broll           pictures of each scene, on a page side by side
    vidsum broll pick talk.broll s01=2     choose
    vidsum broll refine talk.broll s01 "more fog"
    vidsum broll finish talk.broll         in the video's size, and as clips that move
    vidsum broll export talk.broll         timelines for editing programs

    FOLDER is the folder that plan made, or the video that it lies beside. Every picture is marked
    as made by a model, in its file and on the page. None is a frame of the video.
    """


@broll.command(context_settings=_HELP)
@click.argument("video", type=click.Path(path_type=Path, readable=False))
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Where to put it. Default: beside the video, NAME.broll.")  # fmt: skip
@click.option("--replace", is_flag=True,
              help="Plan anew where there is a plan; pictures that still fit stay.")  # fmt: skip
@_JSON
@video_options(without=ONLY_PAGES | (BROLL - {"scenes"}))
@common_options
@click.pass_context
def plan(ctx: click.Context, /, video: Path, output: Path | None, replace: bool, as_json: bool,
         config: Path | None, quiet: bool, verbose: bool, **flags: Any) -> None:  # fmt: skip
    """Choose scenes worth a picture, write what is to be seen in each, and keep the video's look.

    What earlier runs saw and heard is used. The plan is text: change what you like in it. Nothing
    is made yet.

    Example: vidsum broll plan talk.mp4 --scenes 6
    """
    from vidsum import api
    from vidsum.broll import steps
    from vidsum.broll.folder import BrollFolder
    from vidsum.broll.replanning import check_own
    from vidsum.cli.progress import ended_by_interrupt, progress

    options = options_in_force(flags, config)
    folder = BrollFolder(output) if output is not None else BrollFolder.of_video(video)
    if folder.plan_file.exists() and not replace:
        raise OptionError(f"{folder.plan_file} is there already.",
                          "Edit it, or plan anew with --replace.")  # fmt: skip
    if output is not None or video.exists():  # else the video is what is wrong
        check_place(folder.path, "Choose another place with -o.")
    with ended_by_interrupt(), progress(quiet=quiet, verbose=verbose) as listen:
        run = api.start(video, options, listen)
        with api.finishing(run):
            if folder.plan_file.exists() and video.is_file():
                api.identify(run)
                check_own(run, folder)  # before anything is looked at or paid for
            packed = api.bundle(run, api.extract(run))
            steps.plan(run, folder, packed, api.reason(run, packed))
    show(folder, run, as_json=as_json, quiet=quiet)
    ctx.exit(exit_code(run, partial=any(n.partial for n in packed.evidence.notices)))


@broll.command(context_settings=_HELP)
@_FOLDER
@_SCENES
@click.option("--retry", is_flag=True,
              help="Ask again for pictures that nobody answered, though they may have been paid "
              "for.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say what it would cost, part by part.")
@_JSON
@video_options(only=_PAINTING)
@common_options
@click.pass_context
def make(ctx: click.Context, /, folder: Path, only: tuple[str, ...], retry: bool, dry_run: bool,
         as_json: bool, config: Path | None, quiet: bool, verbose: bool,
         **flags: Any) -> None:  # fmt: skip
    """Make the pictures of a plan, and a page that shows them side by side.

    What is there is not made again. Frames of the video steer the pictures; one small picture a
    scene is made without them, to tell how far they did. A provider is asked only under a cap.

    Example: vidsum broll make talk.broll --image-model flux2-klein-4b --variations 4
    """
    options = options_in_force(flags, config)
    if dry_run:
        show_estimate(folder, options, only, retry=retry, as_json=as_json)
        return
    ctx.exit(make_pictures(folder, options, only, retry=retry, as_json=as_json, quiet=quiet,
                   verbose=verbose))  # fmt: skip


@broll.command(context_settings=_HELP)
@_FOLDER
@click.argument("picks", nargs=-1, required=True, metavar="SCENE=NUMBER...")
@_JSON
def pick(folder: Path, picks: tuple[str, ...], as_json: bool) -> None:
    """Choose which picture of a scene is wanted; SCENE=none for none of them.

    Example: vidsum broll pick talk.broll s01=2 s02=none
    """
    from vidsum.broll import steps

    wanted: dict[str, int | None] = {}
    for one in picks:
        found = _PICK.fullmatch(one)
        if found is None:
            raise OptionError(f"{one!r} is no pick.", "Write s01=2, or s01=none.")
        if found[1] in wanted:
            raise OptionError(f"{found[1]} is picked twice.", "One of its pictures can be picked.")
        wanted[found[1]] = int(found[2]) if found[2] else None
    opened = steps.opened(folder)
    steps.choose(opened, wanted)
    show(opened, None, as_json=as_json, quiet=True)


@broll.command(context_settings=_HELP)
@_FOLDER
@click.argument("scene")
@click.argument("note")
@_JSON
@video_options(only=_PAINTING)
@common_options
@click.pass_context
def refine(ctx: click.Context, /, folder: Path, scene: str, note: str, as_json: bool,
           config: Path | None, quiet: bool, verbose: bool, **flags: Any) -> None:  # fmt: skip
    """Say what is to be different in a scene; new pictures of it are made beside the old ones.

    Example: vidsum broll refine talk.broll s01 "more fog, and seen from above" --variations 2
    """
    options = options_in_force(flags, config)
    ctx.exit(make_pictures(folder, options, (scene,), note=note, as_json=as_json, quiet=quiet,
                   verbose=verbose))  # fmt: skip


@broll.command(context_settings=_HELP)
@_FOLDER
@_SCENES
@click.option("--upscale/--no-upscale", default=True,
              help="Bring pictures to the video's size. Default: on.")  # fmt: skip
@click.option("--clips", type=click.Choice(("kenburns", "ai", "none")), default="kenburns",
              help="kenburns moves slowly over the picture; ai has a provider's video model make "
              "a clip that begins with it, under a cap; none leaves it a picture. Default: "
              "kenburns.")  # fmt: skip
@click.option("--clip-model", metavar="MODEL",
              help="The provider's name for the video model, at --image-api.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(0.2, 60.0), metavar="SECONDS",
              help="How long clips are. Default: as long as the scene, at most 8.")  # fmt: skip
@click.option("--sign", nargs=2, type=click.Path(path_type=Path, exists=True, dir_okay=False),
              metavar="CERT KEY",
              help="Sign files (C2PA) with your certificates and their key, in PEM.")  # fmt: skip
@click.option(
    "--retry",
    is_flag=True,
    help="Ask again for clips that nobody answered, though they may have been paid for.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask before clips are paid for.")
@click.option("--dry-run", is_flag=True, help="Only say what it would cost, part by part.")
@_JSON
@video_options(only=CAPS | {"api", "image_api", "image_timeout_s", "upscaler", "threads",
                            "gpu_layers"})  # fmt: skip
@common_options
@click.pass_context
def finish(ctx: click.Context, /, folder: Path, only: tuple[str, ...], upscale: bool, clips: str,
           clip_model: str | None, seconds: float | None, sign: tuple[Path, Path] | None,
           retry: bool, yes: bool, dry_run: bool, as_json: bool, config: Path | None, quiet: bool,
           verbose: bool, **flags: Any) -> None:  # fmt: skip
    """Bring what is picked to the video's size and frame rate, as pictures and as clips.

    Example: vidsum broll finish talk.broll --seconds 5
    """
    from vidsum.broll import steps
    from vidsum.broll.shots import Finish
    from vidsum.broll.signing import Credentials

    opened = steps.opened(folder)
    options = options_in_force(flags, config)
    films = films_for(options, clip_model, wanted=clips == "ai", capped=not dry_run)
    how = Finish(upscale, cast("Clips", clips), seconds, films=films, retry=retry,
                 credentials=Credentials(*sign) if sign else None)  # fmt: skip
    if dry_run:
        show_finish_estimate(opened, how, only, options, as_json=as_json)
        return
    if films is not None:
        how = confirm(opened, how, only, options, yes=yes)
    try:
        with opened_run(opened, options, quiet=quiet, verbose=verbose) as run:
            steps.finish(run, opened, how, only or None)
    finally:
        if films is not None:
            films.close()
    show(opened, run, as_json=as_json, quiet=quiet)
    ctx.exit(exit_code(run))


@broll.command(context_settings=_HELP)
@_FOLDER
@click.option("--format", "formats", type=click.Choice(FORMATS), multiple=True,
              help="OpenTimelineIO, Final Cut Pro X, Final Cut 7 and Premiere, or an edit list; "
              "may be given several times. Default: all.")  # fmt: skip
@click.option("--start", metavar="TIMECODE", default="",
              help="Time code of the first frame, where the video has one.")  # fmt: skip
@click.option("--video", type=click.Path(path_type=Path), metavar="FILE",
              help="Where the video is now. Default: where it was planned.")  # fmt: skip
@_JSON
def export(folder: Path, formats: tuple[str, ...], start: str, video: Path | None,
           as_json: bool) -> None:  # fmt: skip
    """Write timelines with the finished pictures over the video, at the times of their scenes.

    Example: vidsum broll export talk.broll --format fcpxml
    """
    from vidsum.broll import steps
    from vidsum.cli.brollwork import show_exports
    from vidsum.wording import shown

    if video is not None and not video.is_file():
        raise OptionError(f"There is no video {shown(video)}.", "--video takes where it is now.")
    opened = steps.opened(folder)
    exported = steps.export(opened, formats or FORMATS, start, video)
    show_exports(opened, exported, video, as_json=as_json)
