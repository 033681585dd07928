"""``vidsum doctor``: what each stage would use here, and what would make it better."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidsum.cli.options import ENGINES, common_options, options_in_force, video_options
from vidsum.errors import EXIT_OK, BackendMissing

if TYPE_CHECKING:
    from vidsum.pipeline.checkup import StageReport
    from vidsum.pipeline.choosing import Choice
    from vidsum.renderers.blocks import Page

_GIB = 1 << 30


@click.command()
@video_options(only=ENGINES)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@common_options
@click.pass_context
def doctor(ctx: click.Context, /, as_json: bool, config: Path | None,
           quiet: bool, verbose: bool, **flags: Any) -> None:  # fmt: skip
    """Show what each stage would use on this machine, and what would make it better.

    B-roll is optional: that nothing makes pictures is said, and counts as no fault.

    Takes the options of a run that choose engines: vidsum doctor --tier local says whether that
    tier would work, and ends with 4 if not. Nothing is loaded, and nothing is asked over the
    network.
    """
    from vidsum.cli.output import write_stdout
    from vidsum.pipeline.checkup import machine, stages

    found, facts = stages(options_in_force(flags, config)), machine()
    if as_json:
        from vidsum.renderers.json import plain_json

        write_stdout(plain_json({"stages": found, "machine": facts}))
    else:
        from vidsum.cli.showing import print_page

        print_page(_page(found, facts))
    ctx.exit(EXIT_OK if _able(found) else BackendMissing.exit_code)


def _able(found: tuple[StageReport, ...]) -> bool:
    return all(stage.ready or stage.optional for stage in found)


def _page(found: tuple[StageReport, ...], facts: dict[str, Any]) -> Page:
    from vidsum.renderers.blocks import Block, Heading, Item, Items, Page, Paragraph, Table

    rows = tuple((stage.words, _used(stage)) for stage in found)
    blocks: list[Block] = [Paragraph(_machine(facts), quiet=True),
                           Table(("for", "would be used"), rows, figures=0)]  # fmt: skip
    lacks = [Item("", stage.words, _lack(one)) for stage in found for one in _lacking(stage)]
    if lacks:
        words = "What would make it better" if _able(found) else "What is missing"
        blocks += [Heading(words), Items(tuple(lacks))]
    libraries = ", ".join(
        f"{name} {v or 'not installed'}" for name, v in facts["libraries"].items()
    )
    blocks += [Heading("This machine"), Paragraph(f"{libraries}."),
               Paragraph(f"State folder: {facts['state_folder']}. Tokens are "
                         f"{'counted by tiktoken' if facts['tokens_counted_by'] else 'estimated'} "
                         "unless a model's own tokenizer counts them.")]  # fmt: skip
    return Page("vidsum doctor", tuple(blocks))


def _lacking(stage: StageReport) -> list[Choice]:
    """Return what is not ready and would be used, or would be better than what is used."""
    if stage.optional:
        return []
    return [one for one in (*stage.used, *stage.better) if not one.readiness.ready]


def _lack(one: Choice) -> str:
    hint = f" {one.readiness.hint}" if one.readiness.hint else ""
    return f"{one.name} is not ready: {one.readiness.what}.{hint}"


def _used(stage: StageReport) -> str:
    if stage.optional and not any(one.readiness.ready and one.name != "none" for one in stage.used):
        hints = [one.readiness.hint for one in (*stage.used, *stage.better) if one.readiness.hint]
        return " ".join(["none (optional).", *hints[:1]]) if hints else "none (optional)"
    names = [str(one) if one.readiness.ready else f"{one.name} (not ready)"
             for one in stage.used if one.name != "none"]  # fmt: skip
    if stage.stage == "transcriber":
        names.append("else not transcribed")
    return ", else ".join(names[:-1]) + f", {names[-1]}" if len(names) > 1 else (names or ["-"])[0]


def _machine(facts: dict[str, Any]) -> str:
    size = f"{facts['memory_bytes'] / _GIB:.0f} GB of memory"
    cores = facts["cores"]
    return (f"Python {facts['python']} on {facts['system']} · {cores} core"
            f"{'' if cores == 1 else 's'} · {size}")  # fmt: skip
