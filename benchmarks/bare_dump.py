#!/usr/bin/env python3
"""The peer of a report: a bare loop over the same records. `bare_dump.py JOURNAL csv|json`."""

import csv
import json
import os
import sqlite3
import sys

QUERY = (
    "SELECT r.id, r.state, r.action, r.category, r.size, s.path || '/' || r.source_name,"
    " t.path || '/' || coalesce(r.target_name, r.source_name), r.reason, r.mtime_ns FROM records r"
    " LEFT JOIN folders s ON s.id = r.source_folder JOIN folders t ON t.id = r.target_folder ORDER BY r.id"
)
COLUMNS = (
    "record", "status", "action", "category", "size_bytes", "original_path", "new_path", "reason", "modified_ns",
)  # fmt: skip


def main() -> None:
    """Write all records to standard output; check nothing, escape nothing, compute no sums."""
    db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
    db.text_factory = os.fsdecode
    if sys.argv[2] == "csv":
        csv.writer(sys.stdout).writerows(db.execute(QUERY))
        return
    encode = json.JSONEncoder().encode
    for row in db.execute(QUERY):
        sys.stdout.write(encode(dict(zip(COLUMNS, row, strict=True))) + "\n")


if __name__ == "__main__":
    main()
