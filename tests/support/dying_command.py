"""Run fileorg in this process, which kills itself just after a request to a store: `dying_command K WORDS…`."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from tests.support.faulty_client import Fault, Faults, FaultyClient

from fileorg.__main__ import main
from fileorg.workflows import stores


def _run(at: int, words: list[str]) -> None:
    faults, opened = Faults(), stores._open_client
    faults.arm(Fault.KILL_AFTER, at)
    faults.die = _die
    stores._open_client = lambda *of: FaultyClient(opened(*of), faults)
    sys.argv = ["fileorg", *words]
    main()


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("the process is dead")


if __name__ == "__main__":
    _run(int(sys.argv[1]), sys.argv[2:])
