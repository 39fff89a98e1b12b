"""A fork of a process that has imported everything runs a command as a new Python does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.cli.screens import Fileorg
from tests.support.warm_python import WarmPython

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COMMANDS: tuple[list[str], ...] = (
    ["scan", "tree"], ["organize", "tree", "-n", "-f", "json"], ["organize", "tree", "-r"], ["organize"], ["history"],
    ["undo", "-n"], ["undo"], ["redo", "7"], ["explain", "tree/photo.jpg"], ["organize", "--help"], ["no-command"],
    ["organize", "tree/\udcff"], ["report"], ["jobs"], ["--version"], [],
)  # fmt: skip


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmPython]:
    made = WarmPython(os.environ)
    yield made
    made.close()


def _output(folder: Path, ran: subprocess.CompletedProcess[bytes]) -> tuple[int, bytes, bytes]:
    """Return the exit code and the output of a command, without its folder and what differs each time."""
    hidden = re.compile(re.escape(os.fsencode(folder)) + rb"|\d+([-:.T]\d+)+")
    return ran.returncode, hidden.sub(b"", ran.stdout), hidden.sub(b"", ran.stderr)


def test_commands_say_the_same_in_a_fork(warm: WarmPython, tmp_path: Path) -> None:
    said = []
    for how in ("warm", "cold"):
        program = Fileorg(tmp_path / how / "state", tmp_path / how)
        (program.folder / "tree").mkdir(parents=True)
        for name in ("photo.jpg", "letter.pdf", "film.mkv.part"):
            (program.folder / "tree" / name).write_text(name)
        environment = program.environment()
        outputs: list[tuple[int, bytes, bytes]] = []
        for words in _COMMANDS:
            if how == "warm":
                ran = warm.run(words, b"", program.folder, environment, 60)
            else:
                ran = subprocess.run(
                    [sys.executable, "-m", "fileorg", *map(os.fsencode, words)],
                    input=b"", capture_output=True, cwd=program.folder, env=environment, check=False,
                )  # fmt: skip
            outputs.append(_output(program.folder, ran))
        said.append(outputs)
    assert said[0] == said[1]


def test_what_python_reads_at_its_start_needs_a_new_one(warm: WarmPython, monkeypatch: pytest.MonkeyPatch) -> None:
    assert warm.can_run({**os.environ, "FILEORG_HOME": "/elsewhere", "TZ": "UTC"})
    for name in ("PYTHONPATH", "LC_ALL", "FORCE_COLOR", "TMPDIR", "COVERAGE_PROCESS_START"):
        assert not warm.can_run({**os.environ, name: "other"})
    before = os.umask(0o077)
    try:
        assert not warm.can_run(os.environ)
    finally:
        os.umask(before)
    monkeypatch.setattr(os, "getresuid", lambda: (1, 1, 1))
    assert not warm.can_run(os.environ)


def test_several_at_once_and_one_that_takes_too_long(warm: WarmPython, tmp_path: Path) -> None:
    environment, codes = Fileorg(tmp_path / "state", tmp_path).environment(), dict[int, int]()

    def run(number: int) -> None:
        words = ["history"] if number % 2 else ["no-command"]
        codes[number] = warm.run(words, b"", tmp_path, environment, 60).returncode

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [codes[number] for number in range(6)] == [2, 0] * 3
    with pytest.raises(subprocess.TimeoutExpired):
        warm.run(["scan", "."], b"", tmp_path, environment, 0)
