"""What `fileorg apply` costs beside `organize`: `python benchmarks/given_plan.py --files 200000`.

Both make the same moves of one tree: `organize -r`, an undo, and `apply` with the plan that `organize --save-plan`
wrote. The figures are processor time (user and system, with the helper processes) and the most memory that one had.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

_FILES_A_FOLDER = 1000
_SUFFIXES = (".jpg", ".pdf", ".mp3", ".txt", ".zip")


class Cost(NamedTuple):
    """What a command took: seconds of processor time, and megabytes."""

    seconds: float
    megabytes: float


def make_tree(root: Path, files: int) -> None:
    """Make small files in folders, with names that no two share."""
    for number in range(files):
        folder = root / f"folder {number // _FILES_A_FOLDER:05}"
        if number % _FILES_A_FOLDER == 0:
            folder.mkdir(parents=True)
        with open(folder / f"file {number:07}{_SUFFIXES[number % len(_SUFFIXES)]}", "wb"):
            pass


def cost_of(state: Path, *words: str) -> Cost:
    """Run a command, and return its cost. Raises `SystemExit` if it fails."""
    command = [sys.executable, "-m", "fileorg", *words]
    environment, place = os.environ | {"FILEORG_HOME": str(state)}, state.parent  # a bare undo is of this folder
    with subprocess.Popen(command, env=environment, cwd=place, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--place", type=Path, help="where to make the tree (default: the folder for temporary files)")
    chosen = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="fileorg-", dir=chosen.place))
    try:
        root, state, plan = base / "tree", base / "state", base / "plan.jsonl"
        make_tree(root, chosen.files)
        saved = cost_of(state, "organize", "-r", str(root), "--save-plan", str(plan), "-q")
        print(f"saved plan   {saved.seconds:8.2f} s  {saved.megabytes:6.0f} MB", flush=True)
        for _ in range(chosen.runs):
            organized = cost_of(state, "organize", "-r", str(root), "-y", "-q")
            cost_of(state, "undo", "-y", "-q")
            applied = cost_of(state, "apply", str(plan), "--root", str(root), "-y", "-q")
            cost_of(state, "undo", "-y", "-q")
            print(f"organize     {organized.seconds:8.2f} s  {organized.megabytes:6.0f} MB")
            print(f"apply        {applied.seconds:8.2f} s  {applied.megabytes:6.0f} MB")
            print(f"apply : organize  {applied.seconds / organized.seconds:.2f}", flush=True)
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
