"""Counts the wake-ups of a watch at rest: `python -m tests.watch.rest --seconds 300`.

A watch begins on a new folder with a few hundred subfolders, in which nothing happens. Once it says that it watches,
the voluntary context switches of all its threads are counted: each is a thread that was woken and sleeps again. The
process may wake up once a minute. Exit code 1 says that there were more. The watch has mounts of its own, where it may
(`unshare`): each change of the system's mounts wakes it, as it should.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import fileorg

_FOLDERS = 300
_PATIENCE_SECONDS = 60
_SETTLES_SECONDS = 30


class Used(NamedTuple):
    """What a process has used so far: wake-ups of all threads, seconds of processor time; and its memory in MB."""

    wakeups: int
    seconds: float
    memory_mb: float


def used(pid: int) -> Used:
    """Read it from `/proc`."""
    wakeups = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        status = dict(line.split(":", 1) for line in (thread / "status").read_text().splitlines())
        wakeups += int(status["voluntary_ctxt_switches"])
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return Used(wakeups, seconds, int(status["VmRSS"].split()[0]) / 1024)


def measured(base: Path, seconds: float, *words: str) -> dict[str, float]:
    """Watch a folder at rest for so long, and return what the watch used meanwhile."""
    tree = base / "tree"
    for number in range(_FOLDERS):
        (tree / f"folder {number}").mkdir(parents=True)
    environment = os.environ | {
        "FILEORG_HOME": str(base / "state"), "PYTHONPATH": str(Path(fileorg.__file__).parents[1]),
    }  # fmt: skip
    apart = ["unshare", "--mount", "--propagation", "private"]
    may = subprocess.run([*apart, "true"], capture_output=True, check=False).returncode == 0
    watch = subprocess.Popen(
        [*(apart if may else []), sys.executable, "-P", "-m", "fileorg", "watch", "-r", str(tree), *words],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert watch.stdout is not None
        assert watch.stdout.readline().startswith("Watching "), "the watch did not begin"
        time.sleep(_SETTLES_SECONDS)  # the first look
        before, began = used(watch.pid), time.monotonic()
        time.sleep(seconds)
        after, took = used(watch.pid), time.monotonic() - began
    finally:
        watch.terminate()
        watch.wait(_PATIENCE_SECONDS)
    return {
        "seconds": round(took, 1),
        "wakeups": after.wakeups - before.wakeups,
        "wakeups_per_minute": round((after.wakeups - before.wakeups) * 60 / took, 2),
        "processor_percent": round((after.seconds - before.seconds) * 100 / took, 3),
        "memory_mb": round(after.memory_mb, 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fileorg-rest-") as base:
        found = measured(Path(base), chosen.seconds)
    print(json.dumps(found))
    return int(found["wakeups"] > chosen.seconds // 60 + 1)


if __name__ == "__main__":
    sys.exit(main())
