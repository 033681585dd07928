"""The folder of one video's B-roll, and the record of what was made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from broll.brush import filled, plan_of, scene
from hostile_names import HOSTILE_NAMES

from vidsum.broll.folder import BrollFolder, pick, picked, picture_name
from vidsum.broll.keys import Wish, prompt_of, seed_of
from vidsum.broll.made import Made, is_inside
from vidsum.broll.marking import Marks, write_png
from vidsum.data import FinishedShot, Variation
from vidsum.errors import OptionError, OutputError


def variation(number: int = 1, state: str = "made", name: str = "s01", **more: object) -> Variation:
    one = Variation(
        scene=name, number=number, key=f"k{number}", state="made", prompt="p", seed=1, model="m",
        engine="e", width_px=64, height_px=48,
        file=f"images/{name}-v{number}.png" if state == "made" else "",
        error="" if state == "made" else "It was refused.",
    )  # fmt: skip
    return replace(one, state=state, **more)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> BrollFolder:
    found = BrollFolder(tmp_path / "film.broll")
    filled(found)
    return found


def test_a_record_comes_back_as_it_was(folder: BrollFolder) -> None:
    made = Made(
        (variation(1, cost_usd="0.04", references=("anchors/a.png",), palette_gain=3.5),
         variation(2, "unknown"), variation(3, "failed", prompt="caf\udce9 \u2028 \x1b")),
        {"s01": 1, "s02": None}, (FinishedShot("s01", 1, "finished/s01-v1.png", 320, 180),),
        (variation(0, file="images/s01-baseline.png"),), variation(4),
    )  # fmt: skip
    folder.write_made(made)
    again = folder.read_made()
    assert again.variations[2].prompt == "caf\\xe9 \u2028 \x1b"
    assert again.variations[:2] == made.variations[:2]
    assert (again.picks, again.finished, again.baselines, again.pending) == (
        made.picks, made.finished, made.baselines, made.pending)  # fmt: skip
    folder.write_made(again)
    assert folder.read_made() == again


@pytest.mark.parametrize(("text", "said"), [
    ("", "is damaged"), ("{", "is damaged"), ("[1]", "not written by vidsum"),
    ('{"form": "other"}', "not written by vidsum"),
    ('{"form": "vidsum-broll", "schema_version": 2}', "a newer vidsum"),
    ('{"form": "vidsum-broll", "schema_version": 1, "variations": [{"scene": 1}]}', "is damaged"),
    ('{"form": "vidsum-broll", "schema_version": 1, "picks": {"s01": "2"}}', "is damaged"),
    ("[" * 100_000, "is damaged"),
])  # fmt: skip
def test_a_record_that_cannot_be_used_stays(folder: BrollFolder, text: str, said: str) -> None:
    folder.made_file.write_text(text)
    with pytest.raises(OptionError, match=said):
        folder.read_made()
    with pytest.raises(OptionError, match=said):
        pick(folder, {"s01": None})
    assert folder.made_file.read_text() == text


@pytest.mark.parametrize("name", ["../x.png", "/etc/passwd", "images/../../x", "a\0b"])
def test_no_name_leads_out_of_the_folder(folder: BrollFolder, name: str) -> None:
    assert not is_inside(name)
    folder.write_made(Made((variation(file=name),)))
    with pytest.raises(OptionError, match="leads out"):
        folder.read_made()
    with pytest.raises(OptionError, match="no file of"):
        folder.place(name)


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES.keys())
def test_every_video_has_a_folder_of_its_own(tmp_path: Path, name: bytes) -> None:
    video = tmp_path / os.fsdecode(name)
    folder = BrollFolder.of_video(video)
    assert folder.path.parent == tmp_path
    assert folder.path.name.endswith(".broll")
    folder.create()
    folder.write_made(Made((variation(),)))
    assert folder.read_made().variations == (variation(),)


def test_two_videos_of_one_name_may_have_a_folder_each(tmp_path: Path) -> None:
    taken: set[str] = set()
    names = [BrollFolder.of_video(tmp_path / name, taken).path.name for name in ("a.mp4", "a.mkv")]
    assert names[0] == "a.broll"
    assert names[1].startswith("a-")


def test_what_is_no_broll_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"no plan\.toml"):
        BrollFolder(tmp_path).read_plan()
    with pytest.raises(OptionError, match=r"no plan\.toml"):
        pick(BrollFolder(tmp_path), {})
    assert list(tmp_path.iterdir()) == []


def test_picks_are_kept_and_checked(folder: BrollFolder) -> None:
    folder.write_made(Made((variation(1), variation(2), variation(3, "failed"))))
    made = pick(folder, {"s01": 2, "s02": None})
    assert folder.read_made() == made
    assert (made.picks, made.picked) == ({"s01": 2, "s02": None}, {"s01": 2})
    assert picked(made, "s01") == variation(2)
    assert picked(made, "s02") is None
    for wrong, said in (({"s09": 1}, "no scene s09"), ({"s01": 7}, "no variation 7"),
                        ({"s02": None, "s01": 3}, "It was refused")):  # fmt: skip
        with pytest.raises(OptionError, match=said):
            pick(folder, wrong)
    assert folder.read_made() == made


def test_a_picture_that_is_none_is_none(folder: BrollFolder) -> None:
    image = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)
    write_png(folder.place(picture_name("s01", 1)), image, Marks("p", "m", "e", "s01"))
    read = folder.picture("images/s01-v1.png")
    assert read is not None
    assert np.array_equal(read, image)
    whole = folder.place("images/s01-v1.png").read_bytes()
    folder.place("images/s01-v2.png").write_bytes(whole[: len(whole) // 2])
    folder.place("images/s01-v12.png").write_bytes(b"no picture")
    assert folder.picture("images/s01-v2.png") is None
    assert folder.picture("images/s01-v12.png") is None
    assert folder.picture("images/s01-v3.png") is None
    assert folder.numbers_on_disk("s01") == {1, 2, 12}
    assert folder.numbers_on_disk("s0") == set()
    with pytest.raises(OptionError, match="no file can be named"):
        picture_name("../s01", 1)


def test_one_process_at_a_time_has_the_folder(folder: BrollFolder) -> None:
    code = ("import sys\nfrom pathlib import Path\nfrom vidsum.broll.folder import BrollFolder\n"
            "with BrollFolder(Path(sys.argv[1])).hold():\n"
            "    print('held', flush=True)\n    sys.stdin.read()\n")  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", code, str(folder.path)], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(OutputError, match=f"in use by process {holder.pid}"), folder.hold():
            pass
        with pytest.raises(OutputError, match=f"in use by process {holder.pid}"):
            pick(folder, {"s01": None})
        holder.kill()
        holder.wait()
        with folder.hold():
            lock = json.loads((folder.path / ".vidsum-broll.lock").read_bytes())
            assert lock["pid"] == os.getpid()
    with folder.hold():
        pass


def test_a_lock_that_is_no_file_is_told(folder: BrollFolder, tmp_path: Path) -> None:
    (folder.path / ".vidsum-broll.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="cannot be made"), folder.hold():
        pass
    assert not (tmp_path / "elsewhere").exists()


WISH = Wish(prompt="p", seed=1, width_px=64, height_px=48, steps=4, references=("a", "b"),
            identity="i")  # fmt: skip


@pytest.mark.parametrize("more", [
    {"prompt": "q"}, {"seed": 2}, {"width_px": 48}, {"height_px": 64}, {"steps": None},
    {"references": ("b", "a")}, {"references": ("ab",)}, {"references": ()}, {"identity": "j"},
])  # fmt: skip
def test_whatever_changes_a_picture_changes_its_key(more: dict[str, object]) -> None:
    values = {name: getattr(WISH, name) for name in WISH.__dataclass_fields__}
    assert Wish(**values).key == WISH.key
    assert Wish(**{**values, **more}).key != WISH.key


def test_seeds_hang_on_video_scene_and_number() -> None:
    plan = plan_of(scene(1))
    others = [plan_of(scene(1), video_sha256="cd" * 32), plan_of(scene(1), video_sha256=None),
              plan_of(scene(1), video_sha256=None, video="/films/\udce9.mp4")]  # fmt: skip
    seeds = [seed_of(one, scene(1), 1) for one in (plan, *others)]
    seeds += [seed_of(plan, scene(2), 1), seed_of(plan, scene(1), 2)]
    assert len(set(seeds)) == 6
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seed_of(plan, scene(1, "Another prompt."), 1) == seeds[0]


def test_the_style_sentence_is_added_word_for_word() -> None:
    assert prompt_of(scene(1, "A barn."), "In  warm light!") == "A barn. In  warm light!"
    assert prompt_of(scene(1, "A barn."), "") == "A barn."


def test_a_picture_that_has_no_room_is_not_asked_for(tmp_path: Path) -> None:
    folder = BrollFolder(tmp_path / "film.broll")
    folder.create()
    folder.check_room(1024, 576)
    with pytest.raises(OutputError, match="it was not asked for"):
        folder.check_room(10**8, 10**8)
