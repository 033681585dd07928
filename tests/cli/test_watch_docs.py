"""What the README says of folder mode is true, and its systemd unit is one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from vidsum.cli.watchoptions import WATCH_OPTIONS, WatchOption
from vidsum.watch.settings import Settings

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
SECTION = README.split("### A folder that is watched")[1].split("\n### ")[0]


def unit() -> str:
    found = re.search(r"<!-- unit:.*?```text\n(.*?)```", SECTION, re.DOTALL)
    assert found is not None
    return found[1]


def readme_row(option: WatchOption) -> str:
    names = [option.short, option.flag]
    if option.switch:
        names.append(f"--no-{option.flag[2:]}")
    return f"| {', '.join(f'`{name}`' for name in names if name)} | {option.help} |"


def test_every_option_is_in_the_table() -> None:
    assert "\n".join(map(readme_row, WATCH_OPTIONS)) in SECTION


def test_every_option_is_a_setting_and_its_default_is_what_the_help_says() -> None:
    defaults = {item.name: item.default for item in fields(Settings)}
    for option in WATCH_OPTIONS:
        default = defaults[option.setting]
        told = re.search(r"\[default ([\w.]+)\]", option.help)
        if told is None:
            assert not default, option.key
        elif option.switch:
            assert told[1] == ("on" if default else "off")
        else:
            one = default[0] if option.several else default
            assert option.read(told[1]) == one


def test_the_unit_suits_the_exit_codes_and_the_grace() -> None:
    from vidsum.errors import BackendMissing, FolderHeld, OptionError

    values = dict(re.findall(r"^(\w+)=(.*)$", unit(), re.MULTILINE))
    kept_down = {int(code) for code in values["RestartPreventExitStatus"].split()}
    assert kept_down == {c.exit_code for c in (OptionError, BackendMissing, FolderHeld)}
    assert int(values["TimeoutStopSec"]) > 2 * Settings.__dataclass_fields__["grace_s"].default
    assert values["KillMode"] == "mixed"
    assert values["NoNewPrivileges"] == values["PrivateTmp"] == "yes"


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not on this machine")
    text = unit()
    assert text.count("/opt/vidsum/bin/vidsum ") == 1
    path = tmp_path / "vidsum-watch.service"
    for wrong in ("", "KillModus=mixed\n"):
        text = text.replace("[Service]\n", f"[Service]\n{wrong}")
        path.write_text(text.replace("/opt/vidsum/bin/vidsum ", f"{sys.executable} "))
        done = subprocess.run([program, "verify", str(path)], capture_output=True, text=True)
        told = [line for line in done.stderr.splitlines() if path.name in line]
        assert bool(told) == bool(wrong), done.stderr
        assert wrong or done.returncode == 0
