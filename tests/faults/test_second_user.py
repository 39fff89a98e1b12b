"""Another user replaces root's folders by symlinks to a refused folder, in which nothing must change.

The other user owns the parent folder, and exchanges the names as fast as possible while the real command runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.support import snapshot
from tests.support.tally import TALLY

from fileorg.execute.temporaries import aside, temporary

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can be another user"),
]

ROW = "second user"
_NOBODY = 65534
_EXCHANGE = 2
_ROUNDS = 6
_PAUSES_SECONDS = (0.0, 0.0005, 0.004)
"""The longest pauses between two exchanges, used in turn."""
_FILES = {"a.txt": "one", "b.txt": "one", "c.jpg": "two", "sub/d.txt": "one", "sub/e.jpg": "three", "sub/empty.txt": ""}


class Attack(NamedTuple):
    """The attacked command, the path that is exchanged with a link to the victim, and the commands before."""

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
    Attack("copy into", "organize -y {inbox} --dest {dest} --action copy", "dest/Documents"),
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
    rounds(attack, _ROUNDS, request)


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.replace(" ", "-"))
def test_what_another_user_swaps_many_times_leads_nowhere(attack: Attack, request: pytest.FixtureRequest) -> None:
    rounds(attack, 200, request)


def rounds(attack: Attack, times: int, request: pytest.FixtureRequest) -> None:
    for turn in range(times):
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as place:
            one_round(attack, Path(place), _PAUSES_SECONDS[turn % len(_PAUSES_SECONDS)])
        request.config.stash[TALLY][ROW] += 1


def one_round(attack: Attack, place: Path, pause: float) -> None:
    paths = planted(place)
    words = [word.format(**paths) for word in attack.words.split()]
    if attack.before:
        command = started(place, [word.format(**paths) for word in attack.before.split()])
        if attack.killed:
            time.sleep(random.uniform(0, 0.1))
            os.kill(command, signal.SIGKILL)
        os.waitpid(command, 0)
    victim = os.fsencode(place / "victim")
    before = snapshot.take(victim)
    with swapping(place, attack.swapped, pause):
        os.waitpid(started(place, words), 0)
    assert snapshot.differences(before, snapshot.take(victim)) == []
    reported = (place / "told").read_text()
    assert "Traceback" not in reported, reported


def planted(place: Path) -> dict[str, Path]:
    """Create root's files, and another user's in the folder `share`, with links at the names that fileorg uses."""
    place.chmod(0o755)
    write(place / "victim", _FILES | {".git/HEAD": "x", "victim.txt": "mine", "sub/.git/HEAD": "x"})
    paths = {"inbox": place / "share/inbox", "dest": place / "share/dest"}
    write(paths["inbox"], _FILES)
    write(paths["dest"], {"out.txt": "old"})
    (paths["dest"] / "Documents").mkdir()
    for record in range(1, 20):
        for ours in (temporary(1, record), aside(1, record)):
            (paths["dest"] / "Documents" / os.fsdecode(ours)).symlink_to(place / "victim/victim.txt")
    for folder, _, names in os.walk(place / "share"):
        for name in (".", *names):
            os.lchown(os.path.join(folder, name), _NOBODY, _NOBODY)
    return paths


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


def started(place: Path, words: list[str]) -> int:
    """Fork a process that runs a command at once; return its id."""
    from fileorg.cli.app import run

    if child := os.fork():
        return child
    try:
        os.chdir(place)
        os.environ["FILEORG_HOME"] = str(place / "state")
        reported = os.open(place / "told", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for number, stream in enumerate((os.open(os.devnull, os.O_RDONLY), reported, reported)):
            os.dup2(stream, number)
        sys.stdout = sys.stderr = open(reported, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  till the end
        signal.alarm(60)
        run(words)
        sys.stdout.flush()
    finally:
        os._exit(0)


@contextlib.contextmanager
def swapping(place: Path, swapped: str, pause: float) -> Iterator[None]:
    """Exchange the names as the other user, in that user's folder, during the block."""
    share = place / "share"
    name = share / swapped
    target = place / "victim" / "victim.txt" if name.is_file() else place / "victim"
    evil = name.with_name(name.name + "-evil")
    evil.symlink_to(target)
    os.lchown(evil, _NOBODY, _NOBODY)
    begun, begins = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            swap_until_killed(os.fsencode(name), os.fsencode(evil), pause, begins)
        finally:
            os._exit(1)
    os.close(begins)
    try:
        assert os.read(begun, 1)
        os.close(begun)
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def swap_until_killed(name: bytes, evil: bytes, pause: float, begins: int) -> None:
    os.setgroups([])
    os.setresgid(_NOBODY, _NOBODY, _NOBODY)
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    libc, chance = ctypes.CDLL(None), random.Random(os.getpid())
    os.write(begins, b".")
    while True:
        libc.renameat2(-100, name, -100, evil, _EXCHANGE)
        time.sleep(pause * chance.random())
