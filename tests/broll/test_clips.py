"""Clips by a video model, with providers that behave in every odd way."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from footage import film, tone, write_wav
from recording_desk import RecordingDesk
from scripted_provider import DROP, HANG, ScriptedProvider, fails
from video_server import content, form, job, videos

from vidsum.backends.retrying import Retrying
from vidsum.broll.clips import ClipRequest, MadeClip, NoClip, RemoteClips, asked_for
from vidsum.broll.engines.protocol import Unanswered
from vidsum.broll.marking import C2PA_BOX, Marks, read_marks
from vidsum.config import Options
from vidsum.errors import (
    BackendFailed,
    MediaError,
    OptionError,
    OutputError,
    RequestFailed,
    VidsumError,
)

QUICK = Retrying(base_s=0.001, cap_s=0.002)
PROMPT = "A lighthouse in the fog at dawn, painted in muted blue and amber"
MARKS = Marks(PROMPT, "sora-2", "remote", "s01")
PICTURE = np.full((90, 160, 3), (200, 40, 30), np.uint8)
STRIPES = np.broadcast_to(np.arange(160, dtype=np.uint8)[None, :, None], (90, 160, 3)).copy()
DONE = [job("queued"), job("in_progress"), job("completed")]


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("film") / "a.mp4", [(1, STRIPES)])


class Sitting:
    """A provider, and what asks it."""

    def __init__(self, provider: ScriptedProvider, model: str = "sora-2", **more: Any) -> None:
        self.provider, self.desk = provider, RecordingDesk()
        options = Options(image_api=provider.url, image_timeout_s=2.0)
        self.clips = RemoteClips(options, model, QUICK, poll_s=0.001, **more)
        self.clips.tally.bind(self.desk)

    def __enter__(self) -> Sitting:
        self.provider.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.clips.close()
        self.provider.__exit__(*error)

    def make(self, path: Path, *, capped: bool = True, confirmed: bool = True) -> MadeClip:
        request = ClipRequest(PROMPT, PICTURE, 1280, 720, 8.0)
        return self.clips.make(request, path, MARKS, capped=capped, confirmed=confirmed)

    def fails_with(self, kind: type[VidsumError], path: Path) -> VidsumError:
        with pytest.raises(VidsumError) as caught:
            self.make(path)
        assert type(caught.value) is kind
        assert PROMPT[:20] not in caught.value.message
        assert list(path.parent.iterdir()) == []
        return caught.value

    @property
    def asked(self) -> list[str]:
        return [f"{call.method} {call.path}" for call in self.provider.calls]


def test_a_job_is_made_watched_and_fetched(tmp_path: Path, movie: Path) -> None:
    path = tmp_path / "-s01%d.mp4"
    with Sitting(videos(job(), DONE, content(movie))) as sitting:
        made = sitting.make(path)
        assert sitting.asked == ["POST /v1/videos", *["GET /v1/videos/video_1"] * 3,
                                 "GET /v1/videos/video_1/content"]  # fmt: skip
        fields, picture = form(sitting.provider.calls[0])
    assert fields == {"model": "sora-2", "prompt": PROMPT, "seconds": "8", "size": "1280x720"}
    assert picture is not None
    assert picture.shape == (720, 1280, 3)
    assert np.abs(picture.astype(int) - (200, 40, 30)).max() == 0
    assert (made.width_px, made.height_px, made.fps) == (160, 90, 4.0)
    assert made.seconds == pytest.approx(1, abs=0.05)
    assert made.job == "video_1"
    assert made.marked
    assert read_marks(path) == MARKS
    assert path.read_bytes().startswith(movie.read_bytes())
    assert sitting.desk.phases == ["settle"]
    most, used = sitting.desk.most[0], sitting.desk.endings[0].used
    assert (most.video_s, most.pixels) == (8.0, 1280 * 720) == (used.video_s, used.pixels)


@pytest.mark.parametrize(("allowed", "said"), [
    ({"capped": False}, "need a cap"), ({"confirmed": False}, "not confirmed"),
])  # fmt: skip
def test_without_a_cap_or_a_yes_nothing_is_asked(
    tmp_path: Path, allowed: dict[str, bool], said: str
) -> None:
    with Sitting(videos(job(), DONE)) as sitting:
        with pytest.raises(OptionError, match=said):
            sitting.make(tmp_path / "a.mp4", **allowed)
        assert sitting.asked == []
        assert sitting.desk.most == []


@pytest.mark.parametrize("step", [DROP, HANG, fails(500, PROMPT), fails(504)], ids=str)
def test_a_request_that_nobody_answers_may_be_paid_for_and_is_not_repeated(
    tmp_path: Path, step: Any
) -> None:
    with Sitting(videos(step)) as sitting:
        failure = sitting.fails_with(Unanswered, tmp_path / "a.mp4")
        assert sitting.asked == ["POST /v1/videos"]
        assert sitting.desk.phases == ["fail"]
        assert "not asked for again" in failure.hint


def test_a_busy_provider_is_asked_again(tmp_path: Path, movie: Path) -> None:
    answers = iter([fails(429, "slow down", retry_after="0"), job()])
    with Sitting(videos(lambda _: next(answers), DONE, content(movie))) as sitting:
        sitting.make(tmp_path / "a.mp4")
        assert sitting.asked[:2] == ["POST /v1/videos"] * 2
        assert sitting.desk.phases == ["settle"]


def test_a_refusal_costs_nothing(tmp_path: Path) -> None:
    refusal = fails(400, f"Your prompt '{PROMPT}' was flagged by our moderation system")
    with Sitting(videos(refusal)) as sitting:
        failure = sitting.fails_with(RequestFailed, tmp_path / "a.mp4")
        assert "content filter" in failure.message
        assert sitting.desk.phases == ["release"]


def test_a_job_that_fails_says_why_and_what_it_cost_is_not_known(tmp_path: Path) -> None:
    failed = job("failed", error={"code": "moderation_blocked", "message": f"No: {PROMPT}"})
    with Sitting(videos(job(), [failed])) as sitting:
        failure = sitting.fails_with(NoClip, tmp_path / "a.mp4")
        assert "made no clip: No." in failure.message
        assert sitting.desk.phases == ["fail"]


def test_a_job_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with Sitting(videos(job(), [job("in_progress")]), patience_s=0.05) as sitting:
        failure = sitting.fails_with(Unanswered, tmp_path / "a.mp4")
        assert "video_1" in failure.message
        assert sitting.desk.phases == ["fail"]


@pytest.mark.parametrize("look", [fails(404, "gone"), DROP], ids=str)
def test_a_job_that_is_out_of_sight_may_be_paid_for(tmp_path: Path, look: Any) -> None:
    with Sitting(videos(job(), [look])) as sitting:
        sitting.fails_with(Unanswered, tmp_path / "a.mp4")
        assert sitting.desk.phases == ["fail"]


@pytest.mark.parametrize("name", ["..", "../models", "a/b", "", None, 7, "x" * 300])
def test_a_job_whose_name_is_none_is_not_looked_for(tmp_path: Path, name: object) -> None:
    with Sitting(videos(job(id=name), DONE)) as sitting:
        sitting.fails_with(Unanswered, tmp_path / "a.mp4")
        assert sitting.asked == ["POST /v1/videos"]
        assert sitting.desk.phases == ["fail"]


def test_a_clip_that_cannot_be_fetched_was_paid_for_all_the_same(tmp_path: Path) -> None:
    with Sitting(videos(job(), DONE, fails(404))) as sitting:
        with pytest.raises(BackendFailed) as caught:
            sitting.make(tmp_path / "a.mp4")
        assert "was paid for: the job is video_1" in caught.value.hint
        assert sitting.desk.phases == ["settle"]
        assert list(tmp_path.iterdir()) == []


def test_what_is_no_video_is_not_kept(tmp_path: Path) -> None:
    with Sitting(videos(job(), DONE, content(b"<html>no</html>"))) as sitting:
        sitting.fails_with(MediaError, tmp_path / "a.mp4")
        assert sitting.desk.phases == ["settle"]


def test_what_is_only_sound_is_not_kept(tmp_path: Path) -> None:
    heard = tmp_path / "heard" / "a.wav"
    heard.parent.mkdir()
    write_wav(heard, tone(440, 0.5, 8000), 8000)
    path = tmp_path / "out" / "a.mp4"
    path.parent.mkdir()
    with Sitting(videos(job(), DONE, content(heard))) as sitting:
        assert "no picture in it" in sitting.fails_with(MediaError, path).message


def test_a_clip_that_its_provider_signed_stays_as_it_is(tmp_path: Path, movie: Path) -> None:
    box = struct.pack(">I4s", 32, b"uuid") + C2PA_BOX + bytes(8)
    path = tmp_path / "a.mp4"
    with Sitting(videos(job(), DONE, content(movie.read_bytes() + box))) as sitting:
        assert not sitting.make(path).marked
    assert path.read_bytes() == movie.read_bytes() + box


def test_a_place_that_cannot_be_written_to_is_said_so(tmp_path: Path, movie: Path) -> None:
    with (
        Sitting(videos(job(), DONE, content(movie))) as sitting,
        pytest.raises(OutputError, match="cannot be written"),
    ):
        sitting.make(tmp_path / "no" / "folder" / "a.mp4")


def test_a_known_price_is_told(
    tmp_path: Path, movie: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("VIDSUM_HOME", str(home))
    with Sitting(videos(job(), DONE, content(movie))) as sitting:
        host = sitting.provider.url.split("/")[2]
        table = f'[[price]]\nhost = "{host}"\nmodel = "sora-2"\nvideo_usd_per_s = 0.10\n'
        (home / "prices.toml").write_text(table)
        made = sitting.make(tmp_path / "a.mp4")
        assert (made.cost_usd, made.cost_from) == ("0.80", "estimated")
        (home / "prices.toml").unlink()
        made = sitting.make(tmp_path / "a.mp4")
        assert (made.cost_usd, made.cost_from) == (None, "unknown")


@pytest.mark.parametrize(("wanted", "given"), [
    ((1920, 1080, 5.0), (1920, 1080, 5)), ((853, 481, 5.4), (852, 480, 5)),
    ((640, 360, 0.2), (640, 360, 1)),
])  # fmt: skip
def test_sides_are_even_and_seconds_whole(
    wanted: tuple[int, int, float], given: tuple[int, int, int]
) -> None:
    assert asked_for(ClipRequest(PROMPT, PICTURE, *wanted)) == given
