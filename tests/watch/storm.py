"""A storm of files over a watched folder: `python -m tests.watch.storm --help`.

Writers create, rename, append to, delete and replace files. Meanwhile the watch is stopped so that the kernel's queue
overflows, killed and started again, or its disk is unmounted. At the end: each complete file was organized exactly once
with its content, no unfinished one was touched, and undo of all operations gives back the tree as the writers left it.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.synchronize import Event

KINDS = {"jpg": "Images", "pdf": "Documents", "mp3": "Audio", "mp4": "Video", "zip": "Archives"}
FOLDERS = ("", "in", "in/deeper")
_EXCHANGE = 2
_AT_FDCWD = -100
_PATIENCE_SECONDS = 300.0
_PAUSE_SECONDS = 2.0
_FUSE = Path(__file__).with_name("passthrough.py")


class Storm(NamedTuple):
    """What a storm is. Times in seconds."""

    files: int = 20_000
    seconds: float = 120.0
    writers: int = 4
    settle: float = 2.0
    overflow: bool = True
    kills: int = 0
    fuse: bool = False
    remount: bool = False
    seed: int = 1


class Lines:
    """The facts that one writer writes down, each as soon as it is true."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def say(self, what: str, *facts: object) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps([what, *facts]) + "\n")


def content_of(name: str) -> str:
    return f"the content of {name}\n" * 3


class Writer:
    """One program that writes into the watched folder."""

    def __init__(self, root: Path, lines: Lines, number: int, storm: Storm) -> None:
        self._root = root
        self._lines = lines
        self._number = number
        self._storm = storm
        self._random = random.Random(storm.seed * 1000 + number)
        self._open: list[tuple[Path, int, str, float]] = []
        self._complete: list[Path] = []

    def run(self, rests: Event, rested: Event, ends: Event) -> None:
        """Write all files, then hold an unfinished one open until `ends`."""
        files = self._storm.files // self._storm.writers
        began = time.monotonic()
        for number in range(files):
            self._one(number)
            self._append()
            due = began + self._storm.seconds * number / files
            if rests.is_set():
                self._finish()
                rested.set()
                while rests.is_set():
                    time.sleep(0.05)
                began += time.monotonic() - due
            time.sleep(max(0.0, due - time.monotonic()))
        self._finish()
        held = self._path("held", 0)
        with held.open("w") as file:
            file.write("never finished")
            file.flush()
            part = held.with_name(held.name + ".part")
            part.write_text("never finished")
            self._lines.say("unfinished", str(held.relative_to(self._root)))
            self._lines.say("unfinished", str(part.relative_to(self._root)))
            self._lines.say("end")
            ends.wait()

    def _path(self, what: str, number: int) -> Path:
        kind = self._random.choice(list(KINDS))
        return self._root / self._random.choice(FOLDERS) / f"{what}-{self._number}-{number}.{kind}"

    def _one(self, number: int) -> None:
        chance = self._random.random()
        path = self._path("file", number)
        content = content_of(path.name)
        if chance < 0.4:
            path.write_text(content)
            self._say_complete(path)
        elif chance < 0.7:
            part = path.with_name(path.name + ".part")
            part.write_text(content)
            part.rename(path)
            self._say_complete(path)
        elif chance < 0.85 and len(self._open) < 20:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            self._open.append((path, fd, content, time.monotonic() + self._random.uniform(0.1, 3 * self._storm.settle)))
        elif chance < 0.93 and self._complete and not self._storm.fuse:
            self._replace(path, content)
        elif self._complete:
            path.write_text(content)
            self._say_complete(path)
            victim = self._random.choice(self._complete[-20:])
            with contextlib.suppress(FileNotFoundError):
                victim.unlink()
                self._lines.say("deleted", victim.name)
                self._complete.remove(victim)
        else:
            path.write_text(content)
            self._say_complete(path)

    def _replace(self, path: Path, content: str) -> None:
        """Put a new file in the place of another, if that is still there; it keeps the name of the old one."""
        old = self._random.choice(self._complete[-20:])
        part = path.with_name(path.name + ".part")
        part.write_text(content_of(old.name) + content)
        if exchange(part, old):
            part.unlink()
            self._lines.say("replaced", old.name, content_of(old.name) + content)
        else:
            part.unlink()

    def _append(self) -> None:
        """Append to open files; finish those whose time has come."""
        still = []
        for path, fd, content, until in self._open:
            if not is_same(path, fd):
                self._lines.say("touched", str(path.relative_to(self._root)))
            os.write(fd, content[:7].encode())
            if time.monotonic() < until:
                still.append((path, fd, content[7:], until))
                continue
            os.write(fd, content[7:].encode())
            if not is_same(path, fd):
                self._lines.say("touched", str(path.relative_to(self._root)))
            os.close(fd)
            self._say_complete(path)
        self._open = still

    def _finish(self) -> None:
        self._open = [(path, fd, content, 0.0) for path, fd, content, _ in self._open]
        self._append()

    def _say_complete(self, path: Path) -> None:
        self._complete.append(path)
        self._lines.say("complete", str(path.relative_to(self._root)))


def is_same(path: Path, fd: int) -> bool:
    """Return whether an open file still has its name."""
    try:
        there, here = path.stat(), os.fstat(fd)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


_LIBC = ctypes.CDLL(None, use_errno=True)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two files in one step; False if one of them is not there."""
    return bool(_LIBC.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) == 0)


def _write(root: str, lines: str, number: int, storm: Storm, rests: Event, rested: Event, ends: Event) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Writer(Path(root), Lines(Path(lines)), number, storm).run(rests, rested, ends)


class WatchProcess:
    """The command `fileorg watch`, which may be stopped, killed and started again."""

    def __init__(self, root: Path, state: Path, storm: Storm) -> None:
        self._words = [
            sys.executable, "-m", "fileorg", "watch", str(root), "-r", "--settle", f"{storm.settle}s",
            "--max-changes", "10000000", "--state-dir", str(state),
        ]  # fmt: skip
        self._log = state.parent / "watch.log"
        self.start()

    def start(self) -> None:
        self._said = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._words, stdout=log, stderr=log)

    def wait_until_started(self) -> None:
        """Wait until it says what it watches, or has ended."""
        before = self._said
        _wait(
            lambda: self._log.read_bytes()[before:].count(b"Watching ") or self._process.poll() is not None, "the start"
        )

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def end(self) -> int:
        self.wait_until_started()
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(_PATIENCE_SECONDS)


def run(storm: Storm, folder: Path, say: Callable[[str], object] = lambda _: None) -> dict[str, Any]:
    """Run a storm in an empty folder, and check what came of it. Return its figures; raises `AssertionError`."""
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(_root(storm, folder))
        for each in FOLDERS:
            (root / each).mkdir(parents=True, exist_ok=True)
        (root / "old.unknown").write_text("x")
        (root / "older.unknown").write_text("x")
        state = folder / "state"
        state.mkdir()
        watch = WatchProcess(root, state, storm)
        stack.callback(watch.kill)
        context = multiprocessing.get_context("fork")
        rests, ends = context.Event(), context.Event()
        rested = [context.Event() for _ in range(storm.writers)]
        lines = [folder / f"writer-{number}.lines" for number in range(storm.writers)]
        writers = [
            context.Process(
                target=_write, args=(str(root), str(lines[number]), number, storm, rests, rested[number], ends)
            )
            for number in range(storm.writers)
        ]
        for writer in writers:
            writer.start()
            stack.callback(writer.kill)
        stack.callback(ends.set)  # first: a killed process may hold the lock of the event
        _interfere(storm, root, folder, watch, lines, rests, rested, say)
        facts = Facts(lines)
        say(f"{len(facts.complete):,} complete files, {len(facts.deleted):,} deleted, {len(facts.replaced):,} replaced")
        _wait_for_none(lambda: facts.unsorted(root), "all complete files sorted")
        assert watch.end() == 0
        assert facts.touched == []
        figures = facts.check(root, state)
        say(f"{figures['operations']} operations; undoing them")
        figures["exchanged"] = facts.check_undone(root, state, figures["operations"])
        ends.set()
        for writer in writers:
            writer.join()
        return figures


@contextlib.contextmanager
def _root(storm: Storm, folder: Path) -> Iterator[Path]:
    """Yield the folder to be watched: plain, on a FUSE mount, or on a disk of its own."""
    root = folder / "root"
    root.mkdir()
    if storm.fuse:
        behind = folder / "behind"
        behind.mkdir()
        server = subprocess.Popen([sys.executable, str(_FUSE), str(behind), str(root)])
        try:
            _wait(lambda: os.path.ismount(root), "the FUSE mount")
            yield root
        finally:
            subprocess.run(["fusermount3", "-u", "-z", str(root)], check=False)
            server.kill()  # it would go on while another mount namespace, such as that of another test, has the mount
            server.wait()
    elif storm.remount:
        image = folder / "disk.img"
        with image.open("wb") as file:
            file.truncate(512 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
        subprocess.run(["mount", "-o", "loop", str(image), str(root)], check=True)
        shutil.rmtree(root / "lost+found")
        try:
            yield root
        finally:
            subprocess.run(["umount", "-l", str(root)], check=False)
    else:
        yield root


def _interfere(
    storm: Storm,
    root: Path,
    folder: Path,
    watch: WatchProcess,
    lines: list[Path],
    rests: Event,
    rested: list[Any],
    say: Callable[[str], object],
) -> None:
    """Stop, kill and start the watch, or unmount its disk, until the writers have ended."""
    chance = random.Random(storm.seed)
    began, kills, interfered = time.monotonic(), 0, False
    while not Facts(lines).have_ended or kills < storm.kills:
        time.sleep(0.2)
        if not interfered and time.monotonic() - began > storm.seconds / 3:
            interfered = True
            if storm.overflow:
                overflow(root, watch)
                say("the queue of the kernel has overflowed")
            if storm.remount:
                remount(root, folder, rests, rested)
                say("the disk was unmounted and mounted again")
        if kills < storm.kills:
            if kills % 2:  # the others are killed while they start
                watch.wait_until_started()
            time.sleep(chance.uniform(0.0, 3 * storm.settle + 1.0))
            watch.kill()
            kills += 1
            watch.start()
    if storm.kills:
        say(f"killed {kills} times")


def overflow(root: Path, watch: WatchProcess) -> None:
    """Stop the watch, and change more than the kernel's queue can hold."""
    watch.signal(signal.SIGSTOP)
    queue = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for number in range(queue + 1000):
        os.utime(root / ("old.unknown" if number % 2 else "older.unknown"))
    time.sleep(1.0)
    watch.signal(signal.SIGCONT)


def remount(root: Path, folder: Path, rests: Event, rested: list[Any]) -> None:
    """Unmount the disk while nobody writes, and mount it again."""
    rests.set()
    for each in rested:
        each.wait(_PATIENCE_SECONDS)
    _wait(
        lambda: subprocess.run(["umount", str(root)], check=False, stderr=subprocess.DEVNULL).returncode == 0, "umount"
    )
    time.sleep(2.0)
    subprocess.run(["mount", "-o", "loop", str(folder / "disk.img"), str(root)], check=True)
    rests.clear()


class Facts:
    """What the writers have written down, and whether the tree agrees with it. Paths are relative to the root."""

    def __init__(self, lines: list[Path]) -> None:
        self.complete: dict[str, str] = {}
        """By name: the path at which the file was completed."""
        self.deleted: set[str] = set()
        self.replaced: dict[str, list[str]] = {}
        self.touched: list[str] = []
        self.unfinished: list[str] = []
        self.have_ended = True
        for path in lines:
            text = path.read_text() if path.exists() else ""
            ended = False
            for line in text.splitlines(keepends=True):
                if not line.endswith("\n"):
                    break
                what, *facts = json.loads(line)
                ended |= what == "end"
                match what:
                    case "complete":
                        self.complete[os.path.basename(facts[0])] = facts[0]
                    case "deleted":
                        self.deleted.add(facts[0])
                    case "replaced":
                        self.replaced.setdefault(facts[0], []).append(facts[1])
                    case "touched":
                        self.touched.append(facts[0])
                    case "unfinished":
                        self.unfinished.append(facts[0])
            self.have_ended &= ended
        self.left = {name: path for name, path in self.complete.items() if name not in self.deleted}
        self.contents = {name: self.replaced.get(name, [content_of(name)])[-1] for name in self.left}

    def unsorted(self, root: Path) -> set[str]:
        """Return the complete files that are not in a category folder."""
        return {path for path in self.left.values() if (root / path).exists()}

    def check(self, root: Path, state: Path) -> dict[str, int]:
        """Check that each complete file was organized exactly once, and the others not at all. Return figures."""
        found = read(root)
        for name, content in self.contents.items():
            path = f"{KINDS[name.rpartition('.')[2]]}/{name}"
            assert found.pop(path, None) == content, path
        rest = {"old.unknown", "older.unknown", *self.unfinished}
        assert set(found) == rest, sorted(set(found) ^ rest)[:10]
        with contextlib.closing(sqlite3.connect(f"file:{state / 'journal.db'}?mode=ro", uri=True)) as db:
            moved = db.execute(
                "SELECT source_name, count(*) FROM records WHERE action = 'move' AND state = 'done'"
                " GROUP BY source_name"
            ).fetchall()
            operations = db.execute("SELECT count(*) FROM operations").fetchone()[0]
            problems = db.execute("SELECT count(*) FROM records WHERE state NOT IN ('done', 'skipped')").fetchone()[0]
        counts = {os.fsdecode(name): count for name, count in moved}
        assert {name for name, count in counts.items() if count > 1} == set()
        assert counts.keys() == self.left.keys()
        return {"files": len(self.left), "operations": operations, "problems": problems}

    def check_undone(self, root: Path, state: Path, operations: int) -> int:
        """Undo all operations, the last one first, and check that the tree is as the writers left it.

        Undo keeps and names a file that was replaced in the instant between its last check and its rename, as another
        file, until it is asked with `--include-changed`; return how many. It also names a file that was deleted between
        a kill and its recovery.
        """
        exchanged = 0
        for operation in range(operations, 0, -1):
            others = self._undo(state, operation)
            exchanged += len(others)
            if others:
                assert self._undo(state, operation, "--include-changed") == []
        found = read(root)
        for name, path in self.left.items():
            assert found.pop(path, None) == self.contents[name], path
        assert set(found) == {"old.unknown", "older.unknown", *self.unfinished}
        return exchanged

    def _undo(self, state: Path, operation: int, *more: str) -> list[str]:
        """Undo an operation, and return the files that were replaced. Raises `AssertionError` for any other trouble."""
        words = ["-m", "fileorg", "undo", str(operation), "--quiet", "--yes", "--state-dir", str(state), *more]
        ran = subprocess.run([sys.executable, *words], capture_output=True, check=False, text=True)
        named = [line.strip().partition(": ") for line in ran.stderr.splitlines() if line.startswith("  ")]
        reasons = {os.path.basename(path): why for path, _, why in named if why}
        others = [name for name, why in reasons.items() if why == "another file has taken its place"]
        gone = [name for name, why in reasons.items() if why == "it no longer exists"]
        assert ran.returncode == bool(reasons), ran.stderr
        assert len(others) + len(gone) == len(reasons), ran.stderr
        assert set(others) <= self.replaced.keys(), ran.stderr
        assert set(gone) <= self.deleted, ran.stderr
        return others


def read(root: Path) -> dict[str, str]:
    """Return the contents by path, without what is fileorg's own."""
    found = {}
    for folder, folders, names in os.walk(root):
        if ".fileorg" in folders:
            folders.remove(".fileorg")
        for name in names:
            path = Path(folder, name)
            found[str(path.relative_to(root))] = path.read_text()
    return found


def _wait(reached: Callable[[], object], what: str) -> None:
    """Wait until `reached` returns something true. Raises `AssertionError` if that takes too long."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while not reached():
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not reached")
        time.sleep(0.1)


def _wait_for_none(left: Callable[[], set[str]], what: str) -> None:
    """Wait until nothing is left. Raises `AssertionError` if nothing has become less for too long."""
    until, fewest = time.monotonic() + _PATIENCE_SECONDS, sys.maxsize
    while found := left():
        if len(found) < fewest:
            until, fewest = time.monotonic() + _PATIENCE_SECONDS, len(found)
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not reached, {len(found):,} are left: {sorted(found)[:5]}")
        time.sleep(_PAUSE_SECONDS)  # each look asks for thousands of files, and a FUSE mount has one server


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in Storm()._asdict().items():
        if isinstance(default, bool):
            parser.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, default=default)
        else:
            parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--folder", help="where to make the trees; default: a temporary folder")
    given = vars(parser.parse_args())
    place = given.pop("folder")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=place) as folder:
        figures = run(Storm(**given), Path(os.path.realpath(folder)), lambda text: print(text, flush=True))
    print(f"{figures} in {time.monotonic() - began:.0f} s: each exactly once, none unfinished, undo gives back all")


if __name__ == "__main__":
    _main()
