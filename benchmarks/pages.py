#!/usr/bin/env python3
"""Time pages of a listing: `pages.py STATE OP files|groups`. Print JSON: seconds of the first page, ms of the others.

Each page is a request of `fileorg files` or `fileorg duplicates`, from the opening of both databases to the last row.
"""

import json
import os
import random
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable

from fileorg.core.model import RecordState, SortBy
from fileorg.core.state import open_state
from fileorg.journal.record_listing import RecordQuery
from fileorg.workflows.reports import files_page, groups_page

PAGES = 100
SIZE = 25


def timed(page: Callable[[int], int]) -> dict[str, float]:
    """Return the times of random pages. `page` takes a page number and returns the total number of rows."""
    started = time.perf_counter()
    total = page(1)
    first_s = time.perf_counter() - started
    chance, took_ms = random.Random(1), []
    for _ in range(PAGES):
        number = chance.randint(1, max(1, -(-total // SIZE)))
        started = time.perf_counter()
        page(number)
        took_ms.append((time.perf_counter() - started) * 1000)
    return {
        "rows": total, "first_s": first_s, "median_ms": statistics.median(took_ms),
        "p95_ms": statistics.quantiles(took_ms, n=20)[-1],
    }  # fmt: skip


def by_offset(journal: str, operation: int) -> dict[str, float]:
    """Return the times of the same pages in the order of the run, with OFFSET."""
    db = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    last = db.execute("SELECT count(*) FROM records WHERE operation = ?", (operation,)).fetchone()[0]
    query = (
        "SELECT r.* FROM records r LEFT JOIN folders s ON s.id = r.source_folder JOIN folders t"
        " ON t.id = r.target_folder WHERE r.operation = ? ORDER BY r.id LIMIT ? OFFSET ?"
    )

    def page(number: int) -> int:
        db.execute(query, (operation, SIZE, (number - 1) * SIZE)).fetchall()
        return int(last)

    return timed(page)


def main() -> None:
    state = open_state(os.fsencode(sys.argv[1]))
    operation = int(sys.argv[2])
    found = {}
    if sys.argv[3] == "groups":
        found["duplicates"] = timed(lambda number: groups_page(operation, (number, SIZE), state).total)
    else:
        for sort in SortBy:
            for name, wanted in (("", RecordQuery(sort=sort)), (", done Images", _pictures(sort))):
                found[f"files by {sort}{name}"] = timed(
                    lambda number, wanted=wanted: files_page(operation, wanted, (number, SIZE), state).total  # type: ignore[misc]
                )
        found["by OFFSET"] = by_offset(os.fsdecode(state.journal), operation)
    print(json.dumps(found))


def _pictures(sort: SortBy) -> RecordQuery:
    return RecordQuery((RecordState.DONE,), ("Images",), sort)


if __name__ == "__main__":
    main()
