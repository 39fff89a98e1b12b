"""Other programs create, rename and remove files all the time while fileorg organizes and undoes the same tree.

The order is random, so the checks hold for every order: each file has unique content, and a program that removes one
keeps it. At the end each content exists exactly once, and no operation is open.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.faults import laws
from tests.faults.case import Case
from tests.faults.trees import BY_NAME
from tests.support import snapshot

from fileorg.storage.local import posix

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

    from tests.faults.sweep import Worker, Workers

_NAMES = [b"a.jpg", b"b.jpg", b"a.txt", b"c.mp3", b"d.zip", b"plain"]
_FOLDERS = [b"", b"", b"sub", b"sub/deep", b"Images", b"Documents"]
_HAMMERS = 3
_MAX_FILES = 2000


class Hammer(threading.Thread):
    """One of those programs. It moves files that it removes to a separate folder outside the tree."""

    def __init__(self, number: int, root: Path, grave: Path) -> None:
        super().__init__(daemon=True)
        self._chance = random.Random(number)
        self._number = number
        self._root, self._grave = os.fsencode(root), os.fsencode(grave)
        self._made = 0
        self.over = threading.Event()
        self.contents: list[bytes] = []
        self.strange: list[BaseException] = []

    def run(self) -> None:
        try:
            while not self.over.is_set():
                with contextlib.suppress(FileNotFoundError, FileExistsError, NotADirectoryError):
                    self._chance.choice([self._create, self._create, self._rename, self._remove, self._folder])()
                time.sleep(0.0002)
        except BaseException as error:
            self.strange.append(error)

    def _place(self) -> bytes:
        return os.path.join(self._root, self._chance.choice(_FOLDERS), self._chance.choice(_NAMES))

    def _create(self) -> None:
        """Create a complete file in one step, like a browser after a download."""
        if self._made >= _MAX_FILES:
            return
        content = b"%d of %d" % (self._made, self._number)
        new = os.path.join(self._grave, b"new")
        with open(new, "xb") as file:
            file.write(content)
        self.contents.append(content)
        self._made += 1
        try:
            self._move(new, self._place())
        except OSError:
            self._move(new, os.path.join(self._grave, content))

    def _rename(self) -> None:
        self._move(self._place(), self._place())

    def _remove(self) -> None:
        self._move(self._place(), os.path.join(self._grave, b"removed %d" % time.monotonic_ns()))

    def _folder(self) -> None:
        folder = os.path.join(self._root, self._chance.choice(_FOLDERS))
        if self._chance.random() < 0.5:
            os.makedirs(folder, exist_ok=True)
            return
        with contextlib.suppress(OSError):
            os.rmdir(folder)

    @staticmethod
    def _move(source: bytes, target: bytes) -> None:
        try:
            posix.rename_noreplace(-100, source, -100, target)
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EINVAL}:
                raise
            raise FileNotFoundError from error


def test_a_second_of_hammering(plain_workers: Workers, tally: Counter[str]) -> None:
    tally["4 races: commands among hammers"] += plain_workers.one(lambda worker: hammer(worker, 1.0))


@pytest.mark.slow
@pytest.mark.parametrize("action", ["move", "copy", "hardlink"])
def test_a_long_hammering(plain_workers: Workers, tally: Counter[str], action: str) -> None:
    tally["4 races: commands among hammers"] += plain_workers.one(lambda worker: hammer(worker, 20.0, action))


def hammer(worker: Worker, seconds: float, action: str = "move") -> int:
    """Organize and undo for `seconds`. Return the number of commands."""
    case = Case(BY_NAME["few"], worker.driver, worker.place)
    graves = [worker.place.base / f"outside/{number}" for number in range(_HAMMERS)]
    for grave in graves:
        grave.mkdir()
    hammers = [Hammer(number, worker.place.root, grave) for number, grave in enumerate(graves)]
    for one in hammers:
        one.start()
    found, commands, late = list[str](), 0, time.monotonic() + seconds
    while commands < 4 or time.monotonic() < late:
        for words in ([*case.organize, "--action", action], ["undo", "-y"]):
            finished = case.run(*words)
            found += laws.honest(finished.code, finished.output)
            commands += 1
    for one in hammers:
        one.over.set()
        one.join()
    assert [one.strange for one in hammers if one.strange] == []
    assert found + settled(case, hammers, action) == []
    return commands


def settled(case: Case, hammers: list[Hammer], action: str) -> list[str]:
    """Return violations after the programs have ended."""
    finished = case.run("recover")
    now = case.snapshot()
    found = laws.honest(finished.code, finished.output) + laws.nothing_open(case.ledger(), laws.ours(now))
    there = snapshot.contents(now)
    made = {content for one in hammers for content in one.contents}
    assert made, "they made nothing: nothing is tested"
    known = made | snapshot.contents(case.first).keys()
    found += [f"I1 lost: {content!r}" for content in known - there.keys()]
    found += [f"I3 of nobody: {content!r}" for content in there.keys() - known]
    if action == "move":
        found += [f"it is there {times} times: {content!r}" for content, times in there.items() if times > 1]
    return found
