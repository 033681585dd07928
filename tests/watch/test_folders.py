"""Results and reports in a folder that others write to: no link of theirs is followed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from vidsum.config import Options
from vidsum.errors import OutputError
from vidsum.outputs import write_whole
from vidsum.watch import folders, quarantine
from vidsum.watch.job import Seen
from vidsum.watch.names import QUARANTINE
from vidsum.watch.quarantine import ERROR, REPORT, Case
from vidsum.watch.settings import Settings

CASE = Case(Seen(Path("sub/talk.mp4"), 12, 10**18, 1), "It is a playlist.", 3)


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A file outside that nobody asked vidsum to write."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".bashrc").write_text("precious")
    (home / ".bashrc").chmod(0o604)
    return home / ".bashrc"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    return folder


def test_a_link_in_a_results_place_is_replaced(root: Path, precious: Path) -> None:
    place = root / "talk.mp4.vidsum.md"
    place.symlink_to(precious)
    write_whole(place, "a summary", follow=False)
    assert not place.is_symlink()
    assert place.read_text() == "a summary"
    assert stat.S_IMODE(place.stat().st_mode) != 0o604
    assert precious.read_text() == "precious"
    assert [path.name for path in root.iterdir() if path.name.startswith(".")] == []


def test_dangling_links_and_chains_are_replaced_too(root: Path, precious: Path) -> None:
    (root / "end").symlink_to(precious.parent / "none")
    (root / "chain").symlink_to("end")
    write_whole(root / "chain", "a summary", follow=False)
    assert (root / "chain").read_text() == "a summary"
    assert not (root / "chain").is_symlink()
    assert (root / "end").is_symlink()
    assert [path.name for path in precious.parent.iterdir()] == [".bashrc"]


def test_a_file_keeps_its_permissions(root: Path) -> None:
    place = root / "talk.mp4.vidsum.md"
    place.write_text("old")
    place.chmod(0o604)
    write_whole(place, "new", follow=False)
    assert (place.read_text(), stat.S_IMODE(place.stat().st_mode)) == ("new", 0o604)


def test_a_user_who_names_a_link_has_it_followed(root: Path, precious: Path) -> None:
    (root / "link.md").symlink_to(precious)
    write_whole(root / "link.md", "wanted")
    assert (root / "link.md").is_symlink()
    assert (precious.read_text(), stat.S_IMODE(precious.stat().st_mode)) == ("wanted", 0o604)


@pytest.mark.parametrize("planted", [QUARANTINE, f"{QUARANTINE}/sub", f"{QUARANTINE}/sub/talk.mp4"])
@pytest.mark.parametrize("output", [False, True])
def test_a_quarantine_that_leads_elsewhere_is_refused(
    tmp_path: Path, root: Path, precious: Path, planted: str, output: bool
) -> None:
    settings = Settings(root, Options(), output=tmp_path / "out" if output else None)
    (settings.place / planted).parent.mkdir(parents=True, exist_ok=True)
    (settings.place / planted).symlink_to(precious.parent)
    with pytest.raises(OutputError, match="leads out of") as caught:
        quarantine.write(settings, CASE)
    assert "--follow-links" in caught.value.hint
    for name in (REPORT, ERROR):
        (precious.parent / name).write_text("mine")
    quarantine.remove(settings, CASE.seen.path)
    assert {path.name for path in precious.parent.iterdir()} == {".bashrc", REPORT, ERROR}
    assert (settings.place / planted).is_symlink()


def test_linked_reports_are_replaced(root: Path, precious: Path) -> None:
    settings = Settings(root, Options())
    folder = root / QUARANTINE / "sub" / "talk.mp4"
    folder.mkdir(parents=True)
    for name in (REPORT, ERROR):
        (folder / name).symlink_to(precious)
    assert quarantine.write(settings, CASE) == folder
    assert precious.read_text() == "precious"
    assert not any(path.is_symlink() for path in folder.iterdir())


def test_folders_of_results_do_not_lead_elsewhere(
    tmp_path: Path, root: Path, precious: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "away").symlink_to(precious.parent)
    (out / "inside").symlink_to(out)
    settings = Settings(root, Options(), output=out)
    for folder in (out / "away", out / "away" / "new", out / "away" / ".." / "new"):
        with pytest.raises(OutputError, match="leads out of"):
            folders.make(settings, folder)
    assert [path.name for path in precious.parent.iterdir()] == [".bashrc"]
    folders.make(settings, out / "inside" / "new")
    assert (out / "new").is_dir()


def test_links_are_followed_for_who_wants_it(tmp_path: Path, root: Path, precious: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "away").symlink_to(precious.parent)
    folders.make(Settings(root, Options(), output=out, follow_links=True), out / "away" / "new")
    assert (precious.parent / "new").is_dir()


def test_a_place_that_is_a_link_itself_is_the_users_own(tmp_path: Path, root: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    settings = Settings(root, Options(), output=tmp_path / "out")
    folders.make(settings, tmp_path / "out" / "sub" / "deep")
    assert (tmp_path / "disk" / "sub" / "deep").is_dir()
