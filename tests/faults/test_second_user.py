"""Another user swaps what root is told to work in for links to a folder that is refused: in that one nothing changes.

The other user owns the folder in which the names are, and exchanges them as fast as he can while the real command runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.support import snapshot
from tests.support.tally import TALLY

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can be another user"),
]

ROW = "second user"
_NOBODY = 65534
_EXCHANGE = 2
_FILES = {"a.txt": "one", "b.txt": "one", "c.jpg": "two", "sub/d.txt": "one", "sub/e.jpg": "three", "sub/empty.txt": ""}


class Attack(NamedTuple):
    """What is run, what is swapped meanwhile for a link to the victim, and what was run before it."""

    name: str
    words: str
    swapped: str
    before: str = ""
    killed: bool = False


ATTACKS = [
    Attack("organize", "organize -y {inbox}", "inbox"),
    Attack("a folder above", "organize -y {inbox}/sub", "inbox"),
    Attack("organize a subfolder", "organize -y -r {inbox}", "inbox/sub"),
    Attack("organize into", "organize -y {inbox} --dest {dest}", "dest"),
    Attack("dedupe", "dedupe -y --action quarantine --keep first {inbox}", "inbox"),
    Attack("clean", "clean -y {inbox}", "inbox"),
    Attack("undo", "undo", "inbox", "organize -y {inbox}"),
    Attack("undo with what changed", "undo --include-changed", "inbox", "organize -y {inbox}"),
    Attack("recover", "recover", "inbox", "organize -y {inbox}", killed=True),
    Attack("report", "report -f csv -o {dest}/victim.txt", "dest", "organize -y {inbox}"),
    Attack("report to a name", "report -f csv -o {dest}/out.txt", "dest/out.txt", "organize -y {inbox}"),
    Attack("demo", "demo {dest}/demo", "dest"),
    Attack("above the state directory", "organize -y {inbox} --state-dir {dest}/state", "dest"),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.replace(" ", "-"))
def test_what_another_user_swaps_leads_nowhere(attack: Attack, request: pytest.FixtureRequest) -> None:
    rounds(attack, 1, request)


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.replace(" ", "-"))
def test_what_another_user_swaps_many_times_leads_nowhere(attack: Attack, request: pytest.FixtureRequest) -> None:
    rounds(attack, 40, request)


def rounds(attack: Attack, times: int, request: pytest.FixtureRequest) -> None:
    for _ in range(times):
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as place:
            one_round(attack, Path(place))
        request.config.stash[TALLY][ROW] += 1


def one_round(attack: Attack, place: Path) -> None:
    paths = planted(place)
    words = [word.format(**paths) for word in attack.words.split()]
    if attack.before:
        command = run(place, [word.format(**paths) for word in attack.before.split()])
        with contextlib.suppress(subprocess.TimeoutExpired):
            command.wait(random.uniform(0.2, 0.5) if attack.killed else 60)
        command.kill()
        command.communicate()
    victim = os.fsencode(place / "victim")
    before = snapshot.take(victim)
    with swapping(place, attack.swapped):
        _, told = run(place, words).communicate(timeout=60)
    assert snapshot.differences(before, snapshot.take(victim)) == []
    assert b"Traceback" not in told, told.decode()


def planted(place: Path) -> dict[str, Path]:
    """What is root's, with what is another user's in the folder `share`."""
    place.chmod(0o755)
    write(place / "victim", _FILES | {".git/HEAD": "x", "victim.txt": "mine", "sub/.git/HEAD": "x"})
    paths = {"inbox": place / "share/inbox", "dest": place / "share/dest"}
    write(paths["inbox"], _FILES)
    write(paths["dest"], {"out.txt": "old"})
    for folder, _, names in os.walk(place / "share"):
        for name in (".", *names):
            os.chown(os.path.join(folder, name), _NOBODY, _NOBODY)
    return paths


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


def run(place: Path, words: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "fileorg", *words],
        cwd=place,
        env=os.environ | {"FILEORG_HOME": str(place / "state")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@contextlib.contextmanager
def swapping(place: Path, swapped: str) -> Iterator[None]:
    """Another user at work, in the folder that is his."""
    share = place / "share"
    name = share / swapped
    target = place / "victim" / "victim.txt" if name.is_file() else place / "victim"
    evil = name.with_name(name.name + "-evil")
    evil.symlink_to(target)
    os.lchown(evil, _NOBODY, _NOBODY)
    child = os.fork()
    if child == 0:
        try:
            swap_until_killed(os.fsencode(name), os.fsencode(evil))
        finally:
            os._exit(1)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def swap_until_killed(name: bytes, evil: bytes) -> None:
    os.setgroups([])
    os.setresgid(_NOBODY, _NOBODY, _NOBODY)
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    libc, chance = ctypes.CDLL(None), random.Random(os.getpid())
    pauses = chance.choice([0.0, 0.0005, 0.004])
    while True:
        libc.renameat2(-100, name, -100, evil, _EXCHANGE)
        time.sleep(pauses * chance.random())
