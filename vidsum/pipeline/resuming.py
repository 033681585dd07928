"""Speech that an earlier run recognised: a run goes on after the last block that was finished."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidsum.data import Saving
from vidsum.errors import VidsumError
from vidsum.events import Noted
from vidsum.pipeline.keeping import answers_for, tell_trouble, unchanged
from vidsum.pipeline.run import Run
from vidsum.pipeline.sameness import FORM, hashed, model_identity
from vidsum.pipeline.speech import RECOGNISERS
from vidsum.store.answers import SPEECH
from vidsum.store.blocks import HeardBlock, KeptBlocks
from vidsum.transcribers.protocol import Heard
from vidsum.wording import clock, file_name, number

if TYPE_CHECKING:
    from vidsum.store.answers import KeptAnswers
    from vidsum.transcribers.protocol import Transcriber


class KeptSpeech:
    """What is kept of one recogniser's work on one video: read once, then added to.

    ``resume`` is how far an earlier run of the same request came, None for nothing; ``answers``
    keeps what a server says, for blocks that take several requests and were not finished.
    """

    def __init__(self, run: Run, transcriber: Transcriber, lane: str = "main") -> None:
        self._run, self._tally = run, transcriber.tally
        self._blocks: KeptBlocks | None = None
        self.answers: KeptAnswers | None = None
        self._found: tuple[HeardBlock, ...] = ()
        if run.options.cache and run.recorded and transcriber.name in RECOGNISERS:
            with run.meter.stage("prepare", "audio", "cache", lane=lane):
                self._blocks = _blocks(run, transcriber.name)
                self.answers = _answers(run, transcriber.name)
                self._found = () if self._blocks is None else self._blocks.read()
        self.resume = _joined(self._found)
        self._latest = self.resume or Heard(run.options.start_s)
        self._reused, self._reused_s = 0, 0.0
        self._mark = self._marked()

    def take(self, heard: Heard) -> None:
        """Keep what a finished block added: it is on the disk before anybody uses it.

        One with speech that no answer came to is asked for another time, and so none after it
        can be kept: of these there are the answers.
        """
        if self._blocks is None or not heard.ends_block:
            return
        before, self._latest = self._latest, heard
        mark, self._mark = self._mark, self._marked()
        rejected = heard.rejected[len(before.rejected) :]
        if not all(segment.text for segment in rejected) or not unchanged(self._run):
            self.stop()
            return
        self._blocks.add(HeardBlock(
            before.until_s, heard.until_s, heard.segments[len(before.segments) :], rejected,
            heard.language, heard.speech_s, heard.heard_s, heard.model, heard.answers, heard.told,
            heard.tells_times, heard.takes_blocks, self._mark.calls - mark.calls,
            self._mark.at_s - mark.at_s if self._mark.reused == mark.reused else None,
        ))  # fmt: skip

    def stop(self) -> None:
        """Keep no more blocks: from here on they are not what a run without a cap would find."""
        self._blocks = None

    def reuse(self, seconds: float) -> None:
        """Take note that a request for so much sound was answered in an earlier run."""
        self._reused += 1
        self._reused_s += seconds

    def new_s(self, heard_s: float, speech_s: float) -> tuple[float, float]:
        """Return how much of the sound, and of the speech in it, this run has listened to."""
        found = self.resume or Heard(0.0)
        return max(0.0, heard_s - found.heard_s), max(0.0, speech_s - found.speech_s)

    def tell(self) -> None:
        """Say how far the words are known already."""
        found = self.resume
        if found is not None and (found.segments or found.rejected):
            self._run.listen(Noted("kept", f"speech up to {clock(found.until_s)} of an earlier run "
                                   "is used; --no-cache listens again"))  # fmt: skip

    def book(self) -> None:
        """Write to the ledger what was not done again."""
        if self.resume is not None:
            walls_s = [block.wall_s for block in self._found if block.wall_s is not None]
            self._run.meter.saved("transcript", "audio", Saving(
                "resume", f"speech up to {clock(self.resume.until_s)}, kept by an earlier run",
                sum(block.calls for block in self._found) or None,
                sum(walls_s) if len(walls_s) == len(self._found) else None,
            ))  # fmt: skip
        if self._reused:
            count, seconds = number(self._reused), number(round(self._reused_s))
            self._run.meter.saved("transcript", "audio", Saving(
                "resume", f"{count} {'request' if self._reused == 1 else 'requests'} for {seconds} "
                "s of sound, answered in an earlier run", self._reused,
            ))  # fmt: skip

    def _marked(self) -> _Mark:
        calls = round(self._tally.counts.get("calls", 0)) + self._reused
        return _Mark(time.monotonic(), calls, self._reused)


@dataclass(frozen=True, slots=True)
class _Mark:
    """A moment, how many requests were answered before it, and how many of them earlier runs."""

    at_s: float
    calls: int
    reused: int


def _blocks(run: Run, engine: str) -> KeptBlocks | None:
    """Return where an engine's blocks are kept; None where they are not."""
    video = run.meter.book.identity.video_sha256
    if video is None or not unchanged(run):
        return None
    from vidsum.transcribers.survey import block_s

    options = run.options
    try:
        identity = model_identity("speech", engine, options)
        scope = hashed([FORM, video, engine, identity, block_s(engine, options),
                        options.audio_track, options.start_s, options.end_s, options.language,
                        options.word_times])  # fmt: skip
    except (VidsumError, OSError):
        return None  # who asks that model will say what is missing
    return KeptBlocks(run.memory.store, scope, options.start_s, video, file_name(run.path),
                      lambda: tell_trouble(run))  # fmt: skip


def _answers(run: Run, engine: str) -> KeptAnswers | None:
    """Return where a server's answers are kept; None where no server is asked."""
    return answers_for(run, engine, "speech", kind=SPEECH) if engine == "remote" else None


def _joined(blocks: tuple[HeardBlock, ...]) -> Heard | None:
    if not blocks:
        return None
    last = blocks[-1]
    return Heard(
        last.until_s, tuple(one for block in blocks for one in block.segments),
        tuple(one for block in blocks for one in block.rejected), last.language, last.speech_s,
        last.heard_s, True, last.model, last.answers, last.told, last.tells_times,
        last.takes_blocks,
    )  # fmt: skip
