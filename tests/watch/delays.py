"""How soon a watch begins and moves a complete file, and its memory after a million events.

`python -m tests.watch.delays`: Firefox, Chrome, curl, rsync, yt-dlp and an office program are imitated, call by call,
one after the other, with pauses longer than `--settle` between their steps. No file may be moved before it is complete,
and each within `--settle` plus two seconds after; a watch may have at most 60 MB. Exit code 1 if not.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tests.watch.rest import used
from tests.watch.ways_of_writing import CONTENT, WAYS

import fileorg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PATIENCE_SECONDS = 120
_MOST_SECONDS = 2.0
_MOST_MEMORY_MB = 60


@contextlib.contextmanager
def watching(base: Path, tree: Path, settle: float) -> Iterator[tuple[subprocess.Popen[str], float]]:
    """Yield a watch of a folder, and the seconds until it said that it watches."""
    environment = os.environ | {
        "FILEORG_HOME": str(base / "state"), "PYTHONPATH": str(Path(fileorg.__file__).parents[1]),
    }  # fmt: skip
    began = time.monotonic()
    watch = subprocess.Popen(
        [sys.executable, "-P", "-m", "fileorg", "watch", str(tree), "--settle", f"{settle}s"],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert watch.stdout is not None
        assert watch.stdout.readline().startswith("Watching "), "the watch did not begin"
        yield watch, time.monotonic() - began
    finally:
        watch.terminate()
        watch.communicate(timeout=_PATIENCE_SECONDS)


def delay_of(tree: Path, way: Callable[[Path, str], Iterator[None]], name: str, settle: float) -> float:
    """Let a program write its file, and return the seconds from its last step until the file is in its folder."""
    steps = way(tree, name)
    while next(steps, name) is None:
        time.sleep(1.5 * settle)
        assert where(tree, name) in {None, tree / name}, f"{name} was moved before it was complete"
    complete = time.monotonic()
    while (found := where(tree, name)) is None or found == tree / name:
        assert time.monotonic() - complete < _PATIENCE_SECONDS, f"{name} was never moved"
        time.sleep(0.005)
    seconds = time.monotonic() - complete
    assert found.read_text() == CONTENT, f"{name} was torn"
    return seconds


def where(tree: Path, name: str) -> Path | None:
    """Return the file of that name, None if there is none."""
    return next(iter(tree.rglob(name)), None)


def memory_after(watch: subprocess.Popen[str], tree: Path, events: int) -> float:
    """Cause so many events in bursts that the queue of the kernel holds, and return the memory of the watch in MB."""
    one, other = tree / "one.unknown", tree / "other.unknown"
    one.touch()
    other.touch()
    for number in range(events):
        os.utime(other if number % 2 else one)
        if number % 10_000 == 0:
            time.sleep(0.05)
    return used(watch.pid).memory_mb


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settle", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--starts", type=int, default=15)
    parser.add_argument("--events", type=int, default=1_000_000)
    chosen = parser.parse_args()
    starts = list[float]()
    with tempfile.TemporaryDirectory(prefix="fileorg-delays-") as folder:
        base = Path(folder)
        (base / "tree").mkdir()
        for _ in range(chosen.starts):
            with watching(base, base / "tree", chosen.settle) as (_, seconds):
                starts.append(seconds)
        with watching(base, base / "tree", chosen.settle) as (watch, _):
            beyond = {
                way.__name__: [
                    delay_of(base / "tree", way, f"{number}-{name}", chosen.settle) - chosen.settle
                    for number in range(chosen.rounds)
                ]
                for name, way in WAYS.items()
            }
            memory_mb = memory_after(watch, base / "tree", chosen.events)
    found = {
        "start_ms": {"median": round(1000 * median(starts)), "least": round(1000 * min(starts))},
        "seconds_beyond_settle": {
            name: {"median": round(median(found), 2), "longest": round(max(found), 2)} for name, found in beyond.items()
        },
        "events": chosen.events,
        "memory_mb": round(memory_mb, 1),
    }
    print(json.dumps(found, indent=2))
    longest = max(max(found) for found in beyond.values())
    return int(longest > _MOST_SECONDS or memory_mb > _MOST_MEMORY_MB)


if __name__ == "__main__":
    sys.exit(main())
