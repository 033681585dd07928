"""Where results and reports go, whatever the video is called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsum.config import Options
from vidsum.watch.names import passed_over
from vidsum.watch.placing import quarantine_folder, result_path
from vidsum.watch.settings import Settings

ROOT, OUT = Path("/videos"), Path("/results")
BESIDE = Settings(ROOT, Options())
AWAY = Settings(ROOT, Options(), output=OUT)

letters = st.binary(min_size=1, max_size=255).filter(
    lambda name: not set(name) & {0, 0x2F} and name not in (b".", b"..")
)
paths = st.lists(letters, min_size=1, max_size=4).map(
    lambda parts: Path(os.fsdecode(b"/".join(parts)))
)


def test_results_lie_beside_the_video_or_in_the_same_tree() -> None:
    talk = Path("a/b/talk.mp4")
    assert result_path(BESIDE, talk, "md") == ROOT / "a/b/talk.mp4.vidsum.md"
    assert result_path(AWAY, talk, "json") == OUT / "a/b/talk.mp4.vidsum.json"
    assert quarantine_folder(BESIDE, talk) == ROOT / "vidsum-quarantine/a/b/talk.mp4"
    assert quarantine_folder(AWAY, Path("talk.mp4")) == OUT / "vidsum-quarantine/talk.mp4"


@given(paths, st.sampled_from(["md", "json", "txt"]))
def test_no_name_leads_out_of_its_place_or_is_too_long(relative: Path, form: str) -> None:
    for settings in (BESIDE, AWAY):
        result = result_path(settings, relative, form)
        report = quarantine_folder(settings, relative)
        assert result.parent == settings.place / relative.parent
        assert report.parent == settings.place / "vidsum-quarantine" / relative.parent
        assert len(os.fsencode(result.name)) <= 240
        assert len(os.fsencode(report.name)) <= 240
        assert passed_over(result.name, folder=False)


@given(st.text("aé€\N{CLAPPER BOARD}", min_size=60).filter(lambda t: 230 < len(t.encode()) < 256))
def test_a_shortened_name_ends_with_a_whole_letter(name: str) -> None:
    result = os.fsencode(result_path(BESIDE, Path(name), "json").name)
    assert name.startswith(result.decode("utf-8", "strict")[:40])


def test_two_long_names_stay_two_and_the_same_stays_the_same() -> None:
    one, other = Path("x" * 250 + "1.mp4"), Path("x" * 250 + "2.mp4")
    assert result_path(BESIDE, one, "md") != result_path(BESIDE, other, "md")
    assert result_path(BESIDE, one, "md") != result_path(BESIDE, one, "txt")
    assert result_path(BESIDE, one, "md").name == result_path(AWAY, one, "md").name
    assert quarantine_folder(BESIDE, one) != quarantine_folder(BESIDE, other)


def test_a_name_of_255_bytes_can_be_written(tmp_path: Path) -> None:
    settings = Settings(tmp_path, Options())
    video = Path(os.fsdecode(b"\xff" * 251 + b".mp4"))
    (tmp_path / video).touch()
    result_path(settings, video, "json").touch()
    quarantine_folder(settings, video).mkdir(parents=True)
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("path", ["/etc/passwd", "../talk.mp4", "a/../../talk.mp4", "."])
def test_a_path_out_of_the_folder_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="no path in a folder"):
        result_path(BESIDE, Path(path), "md")
    with pytest.raises(ValueError, match="no path in a folder"):
        quarantine_folder(BESIDE, Path(path))
