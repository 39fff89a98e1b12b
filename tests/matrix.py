"""The whole fault matrix, row by row: `python -m tests.matrix [ROW ...]`, hours of work, as root.

Each test appends a line to the results file; an interruption loses at most one test, and the next start continues from
there. A failing test does not stop the others. At the end the counts are printed as in docs/reliability.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.results import Tested, read
from tests.support.share import VARIABLE, Share

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_REPOSITORY = Path(__file__).parents[1]
_RESULTS = _REPOSITORY / "matrix-results.jsonl"
_PAGE = _REPOSITORY / "docs/reliability.md"
_BEGIN, _END = "<!-- counts -->\n", "<!-- end of counts -->\n"
_EXIT_INTERRUPTED, _EXIT_NOTHING_LEFT = 2, 5
_EXITS_AT_THE_END = {0, 1, _EXIT_NOTHING_LEFT}


class Row(NamedTuple):
    """Tests of one kind. A row without slow tests runs completely in every test run."""

    name: str
    tests: tuple[str, ...]
    marked: str = "slow"


ROWS = (
    Row("kills", ("tests/faults/test_kills.py::test_a_kill_at_every_call",)),
    Row("recovery", ("tests/faults/test_kills.py::test_a_kill_of_every_recovery",)),
    Row("names taken since", ("tests/faults/test_names_taken_after_a_kill.py",)),
    Row("duplicates", ("tests/faults/test_duplicates_with_faults.py",)),
    Row("purge", ("tests/faults/test_purging.py",)),
    Row("failing-calls", ("tests/faults/test_failing_calls.py",)),
    Row("retries", ("tests/faults/test_retries.py",)),
    Row("full-disks", ("tests/faults/test_full_disks.py",), "not slow"),
    Row("power", ("tests/power",)),
    Row("races", ("tests/faults/test_halts.py", "tests/faults/test_hammering.py")),
    Row("two-processes", ("tests/faults/test_two_processes.py",)),
    Row("two-runs", ("tests/faults/test_two_runs.py",), "not slow"),
    Row("second-user", ("tests/faults/test_second_user.py",)),
    Row("odd-disks", ("tests/faults/test_odd_disks_killed.py",)),
    Row("pulled-cards", ("tests/odd/test_pulled_cards.py",)),
    Row("moved-trees", ("tests/faults/test_moved_trees_killed.py",)),
    Row("hostile-flips", ("tests/odd/test_hostile_journal.py",)),
    Row(
        "hostile",
        ("tests/odd/test_hostile_journal.py", "tests/odd/test_hostile_purge.py", "tests/odd/test_hostile_reports.py"),
        "not slow",
    ),
    Row("hostile-reports", ("tests/odd/test_hostile_reports.py",)),
    Row("overlay", ("tests/odd/test_overlay.py",)),
    Row("wall", ("tests/odd/test_suites_behind_the_wall.py",)),
    Row("jobs", ("tests/jobs/test_job_kills.py",)),
    Row("chains-forks", ("tests/chains/test_chains.py::test_many_chains_in_forks",)),
    Row("chains-processes", ("tests/chains/test_chains.py::test_many_chains_as_processes",)),
    Row(
        "stores",
        (
            "tests/faults/test_stores_killed.py",
            "tests/faults/test_duplicates_in_stores_killed.py",
            "tests/faults/test_folder_keys_killed.py",
        ),
    ),
    Row("store-transfers", ("tests/faults/test_transfers_killed.py",)),
    Row("store-races", ("tests/commands/test_stores_shared.py",)),
    Row("apply", ("tests/faults/test_apply_killed.py",)),
    Row("store-requests", ("tests/storage/object",)),
    Row("store-servers", ("tests/commands/test_stores_by_server.py",)),
    Row("machine", ("tests/faults/test_machine.py",)),
)


def main() -> int:
    wanted = parsed()
    if wanted.list:
        print("\n".join(f"{row.name:14} {row.marked:9} {' '.join(row.tests)}" for row in ROWS))
        return 0
    rows = [] if wanted.table else [row for row in ROWS if not wanted.rows or row.name in wanted.rows]
    broken, was_interrupted = list[str](), False
    try:
        broken.extend(row.name for row in rows if not run(row, wanted))
    except KeyboardInterrupt:
        was_interrupted = True
    lines = read(wanted.results, Tested.now(), wanted.share).values()
    print("\n" + "\n".join(table(lines)) + "\n\n" + summary(lines, wanted.share))
    if broken:
        print(f"pytest did not come to its end: {', '.join(broken)}")
    if wanted.write:
        write(_PAGE, table(lines))
    return 130 if was_interrupted else int(bool(broken) or any(line["outcome"] == "failed" for line in lines))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", choices=[[], *(row.name for row in ROWS)])
    parser.add_argument("--list", action="store_true", help="the rows, and the tests of each")
    parser.add_argument("--results", type=Path, default=_RESULTS, metavar="FILE", help=f"default: {_RESULTS.name}")
    parser.add_argument("--again", action="store_true", help="also what is done already for this tree of src/")
    parser.add_argument("--share", type=Share.parse, default=Share(1, 1), help="1/4: of each row, every fourth point")
    parser.add_argument("--table", action="store_true", help="run nothing: only the counts of what is done")
    parser.add_argument("--write", action="store_true", help=f"put the counts into {_PAGE.name}")
    return parser.parse_args()


def run(row: Row, wanted: argparse.Namespace) -> bool:
    """Run a row in one pytest process, whose workers use all processors. Return whether pytest completed; failures are
    in the results. Raises `KeyboardInterrupt`.
    """
    print(f"== {row.name}", flush=True)
    options = [f"--results={wanted.results.absolute()}", f"--row={row.name}", *(["--again"] if wanted.again else [])]
    command = [sys.executable, "-m", "pytest", "-n0", "-q", f"-m{row.marked}", *options, *row.tests]
    environment = os.environ | {VARIABLE: str(wanted.share)}
    process = subprocess.Popen(command, cwd=_REPOSITORY, env=environment)
    while True:
        try:
            code = process.wait()
            break
        except KeyboardInterrupt:  # pytest got the signal, too, and cleans up its disks and processes
            continue
    if code == _EXIT_INTERRUPTED:
        raise KeyboardInterrupt
    if code == _EXIT_NOTHING_LEFT:
        print("all of it is in the results")
    return code in _EXITS_AT_THE_END


def table(lines: Iterable[dict[str, Any]]) -> list[str]:
    """Return the points of each row as a table."""
    points = Counter[str]()
    for line in lines:
        points.update(line["points"])
    reported, last = ["| row | how | points |", "|---|---|--:|"], ""
    for label, count in sorted(points.items()):
        row, _, how = label.partition(": ")
        reported.append(f"| {row if row != last else ''} | {how} | {count:,} |")
        last = row
    return [*reported, f"| together | | {points.total():,} |"]


def summary(lines: Collection[dict[str, Any]], share: Share) -> str:
    outcomes = Counter(line["outcome"] for line in lines)
    missing = [row.name for row in ROWS if row.name not in {line["row"] for line in lines}]
    reported = [
        f"{line['row']}: {line['outcome']}: {line['test']}: {line['said'].partition(chr(10))[0]}"
        for line in lines
        if line["outcome"] != "passed"
    ]
    reported.append(
        f"{len(lines)} tests, {outcomes['failed']} failed with {sum(line['violations'] for line in lines)} violations, "
        f"{outcomes['skipped']} skipped; {sum(line['seconds'] for line in lines) / 60:.0f} minutes; "
        f"{'all points' if share.of == 1 else f'share {share} of the points'}; "
        f"commits {', '.join(sorted({line['commit'] for line in lines})) or 'none'}"
    )
    return "\n".join([*reported, *([f"not run: {', '.join(missing)}"] if missing else [])])


def write(page: Path, counts: list[str]) -> None:
    before, begin, rest = page.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"{page} has no place for the counts")
    page.write_text("".join([before, begin, "\n", *(f"{line}\n" for line in counts), "\n", end, after]))


if __name__ == "__main__":
    sys.exit(main())
