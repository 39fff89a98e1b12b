"""What the row and the progress of a job cost a run in the foreground: `python benchmarks/job_rows.py --files 10`.

Each turn organizes and undoes the same tree twice: with the code as it is, and with the same code, in which a job has
no row, no status file and no progress. The turns alternate in which of the two comes first. Both load the same modules.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

import machine
from measure import Run
from suite import fileorg_under_test
from tree import Bytes, make_tree

_CHILD = """
import os, sys
from fileorg.cli import app
from fileorg.journal.journal import Journal
from fileorg.workflows import operations, session

if sys.argv.pop(1) == "without":
    begin = Journal.begin
    Journal.begin = lambda self, *words, job=None, **named: begin(self, *words, **named)
    Journal.end_job = Journal.claim_job = lambda *_: None
    operations.free_job = lambda *_: (1, os.open(os.devnull, os.O_WRONLY))
    operations.JobRun.reporter = lambda self, reporter: reporter
    operations.JobRun._discard = lambda *_: None
sys.exit(app.run())
"""
_HOW = ("with", "without")


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks/job_rows.py", description=__doc__)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=41)
    parser.add_argument("--work", type=Path, help="folder for the tree")
    chosen = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="fileorg-job-rows-", dir=chosen.work))
    try:
        make_tree(work / "tree", chosen.files, written=Bytes.SPARSE)
        for name, fact in machine.facts(work).items():
            print(f"{name}: {fact}")
        print(f"{chosen.files:,} files, {chosen.repeat} turns\n")
        measured: dict[tuple[str, str], list[Run]] = {}
        for turn in range(chosen.repeat):
            for how in _HOW if turn % 2 == 0 else reversed(_HOW):
                with fileorg_under_test(None, work).fresh_state() as (fileorg, home):
                    home.rmdir()
                    shutil.copytree(_begun(work), home)
                    for what, words in (
                        ("organize", ["organize", "-r", "-y", "-q", "tree"]),
                        ("undo", ["undo", "-y", "-q"]),
                    ):
                        command = [sys.executable, "-c", _CHILD, how, *words]
                        measured.setdefault((what, how), []).append(fileorg.bench.time(command))
                    _check(home, how)
        print(table(measured))
    finally:
        shutil.rmtree(work)
    return 0


def _begun(work: Path) -> Path:
    """Return a state directory with an empty journal: creating one takes longer than a run over ten files."""
    begun = work / "begun"
    if not begun.exists():
        (work / "one").mkdir()
        (work / "one/a.jpg").touch()
        fileorg = fileorg_under_test(None, work)
        bench = fileorg.bench.with_environment(FILEORG_HOME=str(begun))
        bench.time([*fileorg.organize(work / "one"), "-q"])
    return begun


def _check(home: Path, how: str) -> None:
    """Raise `AssertionError` if the rows of jobs are not as asked: the first one is of `_begun`."""
    import sqlite3

    db = sqlite3.connect(home / "journal.db")
    jobs = db.execute("SELECT count(*) FROM jobs").fetchone()[0]
    db.close()
    if jobs != (3 if how == "with" else 1):
        raise AssertionError(f"{jobs} jobs {how} rows")


def table(measured: dict[tuple[str, str], list[Run]]) -> str:
    """Return the medians and the least of each, their difference and ratio, as a table."""
    lines = ["| command | | with ms | without ms | more ms | ratio |", "|---|---|--:|--:|--:|--:|"]
    for what in dict.fromkeys(what for what, _ in measured):
        for kind in ("seconds", "processor_seconds"):
            for name, choose in (("median", median), ("least", min)):
                on, off = (choose([getattr(run, kind) for run in measured[what, how]]) * 1000 for how in _HOW)
                label = f"{name} {'wall' if kind == 'seconds' else 'processor'}"
                lines.append(f"| {what} | {label} | {on:.1f} | {off:.1f} | {on - off:+.1f} | {on / off:.3f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
