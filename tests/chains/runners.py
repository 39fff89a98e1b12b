"""Runners of commands: in a fork of a warm parent, or as a real process of any fileorg."""

from __future__ import annotations

import compileall
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tests.faults.process import ENVIRONMENT, Driver, Finished

if TYPE_CHECKING:
    from tests.faults.process import Request

_TESTS = Path(__file__).parents[1]
_SITE = Path(__file__).with_name("site")


class Runner(Protocol):
    """Runs one command at a time: `start` returns its process id, `end` waits for it."""

    is_ours: bool
    """True for the fileorg of this checkout, whose batches can be made small."""

    def start(self, request: Request) -> int: ...
    def has_ended(self, seconds: float) -> bool: ...
    def end(self) -> Finished: ...
    def close(self) -> None: ...


def of_job(die_at: int) -> dict[str, str]:
    """Return the variables that kill a job in the background at one of its steps, not the command that starts it."""
    path = os.pathsep.join([str(_SITE), ENVIRONMENT["PYTHONPATH"]])
    return {"PYTHONPATH": path, "FILEORG_JOB_DIES_AT": str(die_at)}


class Forks(Driver):
    """Forks of a parent that has imported everything, with the interpreter of a script if given.

    Commands run in one such fork, those to kill or to halt in forks of their own.
    """

    def __init__(self, scratch: Path, script: Path | None = None) -> None:
        self.is_ours = script is None
        if self.is_ours:
            _compile()  # for jobs in the background
        super().__init__(scratch, sys.executable if script is None else _python_of(script))

    def start(self, request: Request) -> int:
        is_own = request.die_at or request.halt_at or request.max_open or request.control or request.starts_job
        request.in_series = self.is_ours and not is_own
        return super().start(request)


class Processes:
    """The command as users start it. `site/sitecustomize.py` makes it count its steps like a fork."""

    def __init__(self, scratch: Path, script: Path | None = None) -> None:
        self.is_ours = False
        scratch.mkdir(parents=True, exist_ok=True)
        self._command = [str(script)] if script else [sys.executable, "-m", "fileorg"]
        if script is None:
            _compile()
        self._output = scratch / "output"
        mine = (name for name in os.environ if not name.startswith(("COV", "FILEORG")))
        self._environment = {name: os.environ[name] for name in mine} | ENVIRONMENT
        self._environment["PYTHONPATH"] = os.pathsep.join([str(_SITE), self._environment["PYTHONPATH"]])

    def start(self, request: Request) -> int:
        steps = {"FILEORG_DIES_AT": str(request.die_at), "FILEORG_HALTS_AT": str(request.halt_at)}

        limit = ["prlimit", f"--nofile={request.max_open}"] if request.max_open else []
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [*limit, *self._command, *request.words], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                cwd="/", env=self._environment | steps | request.env,
            )  # fmt: skip
        self._fd = os.pidfd_open(self._process.pid)
        return self._process.pid

    def has_ended(self, seconds: float) -> bool:
        return bool(select.select([self._fd], [], [], seconds)[0])

    def end(self) -> Finished:
        os.close(self._fd)
        return Finished(self._process.wait(), self._output.read_text(errors="replace"), [])

    def close(self) -> None:
        pass


def _compile() -> None:
    """Compile what processes of this checkout import: they write no byte code, and would compile every time."""
    for folder in (_TESTS.parent / "src", _TESTS / "faults"):
        compileall.compile_dir(folder, quiet=1)


def _python_of(script: Path) -> str:
    return script.read_text().partition("\n")[0].removeprefix("#!")
