"""The commands of README.md and docs/, the crontab, and the container files do what they say."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import typer

from fileorg.cli.program import program

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM: Any = typer.main.get_command(program())
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CRON = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "you"}
"""The environment that cron gives, and HOME."""
DAY = 86_400


def shown(page: Path) -> Iterator[str]:
    """Yield the lines of a page that are commands, without their prompt."""
    for block in re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL):
        lines = block.splitlines()
        with_prompt = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        yield from with_prompt or lines


CRONTAB = [line for page in PAGES for line in shown(page) if re.match(r"[\d*]+ [\d*]+ [\d*]+ [\d*]+ [\d*]+ ", line)]
COMMANDS = [line for page in PAGES for line in shown(page) if line.startswith("fileorg ")]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home directory in which fileorg is installed as the README says, with a folder of downloads."""
    home = tmp_path / "you"
    (home / ".local/bin").mkdir(parents=True)
    (home / ".local/bin/fileorg").symlink_to(Path(sys.executable).with_name("fileorg"))
    (home / "Downloads").mkdir()
    for name, days in (("old.jpg", 2), ("new.jpg", 0)):
        (home / "Downloads" / name).write_text(name)
        changed = (home / "Downloads" / name).stat().st_mtime - days * DAY
        os.utime(home / "Downloads" / name, (changed, changed))
    return home


def test_crontabs_are_shown() -> None:
    assert len(CRONTAB) > 1
    assert all("%" not in line for line in CRONTAB)  # cron ends a command there


def test_the_crontab_works_with_the_path_of_cron(home: Path) -> None:
    for line in CRONTAB:
        command = line.split(maxsplit=5)[5]
        ran = subprocess.run(
            ["/bin/sh", "-c", command],
            env=CRON | {"HOME": str(home)},
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", ""), line
    assert (home / "Downloads/Images/old.jpg").exists()
    assert (home / "Downloads/new.jpg").exists()


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_pages_is_understood(line: str) -> None:
    words = shlex.split(line, comments=True)
    _, command, *rest = words[: words.index("|")] if "|" in words else words
    PROGRAM.commands[command].make_context(command, rest)


def test_the_commands_to_install_end_with_a_command_on_the_path(home: Path) -> None:
    lines = list(shown(ROOT / "README.md"))
    assert "fileorg demo" in lines
    path = next(line for line in lines if line.startswith("export PATH="))
    ran = subprocess.run(
        ["/bin/sh", "-c", f"{path}; fileorg --version"],
        env=CRON | {"HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("fileorg ")


# Containers ----


def test_the_image_is_built_from_files_that_exist_for_a_user_without_root_rights() -> None:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    steps = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    bases = [words[1] for words in steps if words[0] == "FROM"]
    assert all(re.search(r":[\w.-]*\d[\w.-]*$", base) for base in bases)  # pinned by a tag
    copied = [name for words in steps if words[0] == "COPY" and "--from=build" not in words for name in words[1:-1]]
    assert copied
    assert all((ROOT / name).exists() for name in copied)
    last = {words[0]: words[1:] for words in steps}
    assert last["USER"] == ["$UID:$GID"]
    assert last["ENTRYPOINT"] == ['["fileorg"]']


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata"])
def test_the_nightly_run_sleeps_until_three_and_organizes(home: Path, zone: str) -> None:
    """Only `sleep` is not real: it notes the seconds and returns; the second night ends the loop."""
    script = re.search(r"command:\n +- \|\n(.*?)\n\n", (ROOT / "compose.yaml").read_text(), re.DOTALL)
    assert script is not None
    sleep = home / "bin/sleep"
    sleep.parent.mkdir()
    sleep.write_text('#!/bin/sh\necho "$1" >>slept\n[ "$(wc -l <slept)" = 1 ] || kill "$PPID"\n')
    sleep.chmod(0o700)
    started = time.time()
    ran = subprocess.run(
        ["/bin/sh", "-c", script[1].replace("$$", "$").replace(" /data ", " Downloads ")],
        env=CRON | {"HOME": str(home), "PATH": f"{sleep.parent}:{home}/.local/bin:/usr/bin:/bin", "TZ": zone},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == ("", "")
    first, second = map(int, (home / "slept").read_text().split())
    wakes = datetime.fromtimestamp(started + first + 1, ZoneInfo(zone))
    assert (wakes.hour, wakes.minute) == (3, 0)
    assert 0 < second <= first <= 2 * DAY
    assert (home / "Downloads/Images/old.jpg").exists()
    assert (home / "Downloads/new.jpg").exists()
