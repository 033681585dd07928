"""``vidsum models``: which models there are, which are here, and getting them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vidsum.catalog.entry import Task

_TASKS = ("caption", "speech", "reason", "image")
_for = click.option("--for", "task", type=click.Choice(_TASKS), help="Only models for this task.")
_yes = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
_quiet = click.option("-q", "--quiet", is_flag=True, help="No progress; errors only.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def models() -> None:
    """Models for descriptions, speech, summaries and B-roll: list, get, check, remove.

    They lie in the cache that the hub's other programs share (HF_HOME moves it). Your own models
    need no catalogue: --caption-model FILE --mmproj FILE, --speech-model FOLDER, --reason-model
    FILE, --image-model FOLDER, ollama:NAME or lmstudio:NAME. To have vidsum pull and check a
    model that is not in its list, write it into catalog.toml in the state folder (VIDSUM_HOME
    moves it):

    \b
    [[model]]
    name = "my-vlm"
    for = "caption"              # caption, speech, reason or image
    class = "small"              # tiny, small or good
    repo = "me/my-vlm-GGUF"
    revision = "0123..."         # a commit; left out: pinned at the first pull
    licence = "MIT"              # optional, as are context, memory_mb and note, and for
                                 # images steps and guidance

    \b
    [[model.files]]
    name = "my-vlm-Q8_0.gguf"
    role = "model"               # model, mmproj, or part for anything else; for images
                                 # model, encoder (of text) and decoder
    size = 123456789             # bytes; optional, as is sha256, and repo and revision
                                 # of a file that lies elsewhere than the model
    """


@models.command("list")
@_for
@click.option("--json", "as_json", is_flag=True, help="Everything known, as one JSON object.")
def list_models(task: Task | None, as_json: bool) -> None:
    """Show the models that vidsum knows, and which are here.

    Memory is what running one takes; "too large" means for this machine. "Unverified" models have
    no commit or no checksum in the catalogue: the first pull pins what it gets.

    Example: vidsum models list --for caption
    """
    from vidsum.cli import modeltable
    from vidsum.cli.output import write_stdout

    rows = modeltable.rows(task)
    if as_json:
        write_stdout(modeltable.as_json(rows))
    elif sys.stdout is not None and sys.stdout.isatty():
        modeltable.draw(rows)
    else:
        write_stdout(modeltable.as_text(rows))


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME|CLASS...")
@_for
@_yes
@click.option(
    "--accept-change",
    is_flag=True,
    help="Take what the hub has now, whatever was pinned before, and pin that.",
)
@_quiet
def pull(names: tuple[str, ...], task: Task | None, yes: bool, accept_change: bool,
         quiet: bool) -> None:  # fmt: skip
    """Download models, check them, and print where they are.

    A class (tiny, small, good) without --for means one model each for descriptions, speech and
    summaries; one that makes pictures comes only by its name or with --for image. What an
    interruption leaves is kept: the same command goes on from there. HF_ENDPOINT names a mirror,
    HF_TOKEN logs in, HF_HUB_OFFLINE forbids downloads.

    Example: vidsum models pull small --for caption
    """
    from vidsum.catalog.pull import pull as pull_one
    from vidsum.cli import modelchoice
    from vidsum.cli.output import write_stdout
    from vidsum.cli.progress import progress

    entries = modelchoice.entries(names, task)
    modelchoice.confirm_pull(entries, yes=yes, quiet=quiet, anew=accept_change)
    with modelchoice.told_how_to_go_on():
        for entry in entries:
            with progress(quiet=quiet, verbose=False) as listen:
                found = pull_one(entry, listen, accept_change=accept_change)
            write_stdout(modelchoice.path_lines(found))


@models.command()
@click.argument("name", metavar="NAME|CLASS|FILE")
@_for
def path(name: str, task: Task | None) -> None:
    """Print where a model is: its file or folder, then the files that go with it, if there are.

    Also takes what --caption-model and the like take: a class, a file, ollama:NAME or
    lmstudio:NAME; they need --for.

    Example: vidsum models path smolvlm2-500m
    """
    from vidsum.cli.modelchoice import paths, task_of
    from vidsum.cli.output import write_stdout

    write_stdout(paths(task or task_of(name), name))


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@_quiet
def verify(names: tuple[str, ...], quiet: bool) -> None:
    """Read every byte of models again and compare it with what was pulled.

    Without a name all models that are here are checked. Exit code 5: a file is damaged or cannot
    be read; 4: a model that was named is not here.

    Example: vidsum models verify smolvlm2-500m
    """
    from vidsum.cli import modelchoice
    from vidsum.cli.output import write_stdout
    from vidsum.cli.progress import progress
    from vidsum.cli.report import say
    from vidsum.errors import BackendFailed

    found, bad = modelchoice.here(names), modelchoice.not_whole(names)
    for entry in bad:
        write_stdout(f"{entry.name}: not whole\n")
    if not found and not bad and not quiet:
        say("no model of the catalogue is here")
    with progress(quiet=quiet, verbose=False) as listen:
        for entry, parts in found:
            line, damaged = modelchoice.verdict(entry, parts, listen)
            write_stdout(f"{line}\n")
            bad += [entry] if damaged else []
    if bad:
        every = " ".join(entry.name for entry in bad)
        raise BackendFailed(f"Damaged: {every}.", f"Fetch again: vidsum models pull {every}")


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_yes
def rm(names: tuple[str, ...], yes: bool) -> None:
    """Remove models of the catalogue from the hub's cache, and print what that freed.

    Other programs that share the cache lose them too; nothing else is touched, and a file that
    another model needs stays. What was pinned stays pinned.

    Example: vidsum models rm smolvlm2-256m
    """
    from vidsum.catalog.cache import remove
    from vidsum.catalog.catalogue import named
    from vidsum.catalog.locate import needed_by_others
    from vidsum.cli import modelchoice
    from vidsum.cli.output import write_stdout

    entries = [named(name) for name in names]
    kept = needed_by_others(entries)
    modelchoice.confirm_removal(entries, kept, yes=yes)
    for entry in entries:
        write_stdout(f"{entry.name}: {modelchoice.size_text(remove(entry, kept))} freed\n")
