"""A plan as columns is the plan that was saved, row by row, and hostile names are shown as the commands show them."""

from __future__ import annotations

import json
import os
import struct
import tracemalloc
from array import array
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest

from fileorg.core.events import NullReporter
from fileorg.core.model import ROOT, Action, Base, PlanRow
from fileorg.core.names import display
from fileorg.plan.saved_plan import SavedPlan
from fileorg.report import plan_columns
from fileorg.report.plan_columns import COLUMNS, PlanColumns, columns_file
from fileorg.report.sentences import sentence
from fileorg.rules.filters import Filters
from fileorg.workflows.organize import OrganizeOptions, organizing
from fileorg.workflows.session import Later

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory

_HOSTILE = [
    b"<script>alert(1).txt",
    b"\xff\xfe.jpg",
    "\u202egpj.exe".encode(),
    b"new\nline.pdf",
    "ünïcode.png".encode(),
]

_PAIRS = ("newNames", "raw", "rawNew", "reasons", "keepers")


def _frames(data: bytes) -> Iterator[tuple[dict[str, Any], dict[str, Any], bytes]]:
    """Yield the JSON, the columns and the names of each frame, by the docstring of the module alone."""
    at = 0

    def take(size: int) -> bytes:
        nonlocal at
        taken = data[at : at + size]
        assert len(taken) == size, "a frame is cut off"
        at += size + -size % 8
        return taken

    while at < len(data):
        rows, text, names, zero = struct.unpack("<4I", take(16))
        assert not zero
        about = json.loads(take(text))
        columns = {}
        if rows:
            for name, code in COLUMNS:
                columns[name] = array(code, take(rows * array(code).itemsize))
        yield about, columns, take(names)


def _rows(data: bytes) -> list[tuple[Any, ...]]:
    """Return each row as action, category, size, source and target as shown, the bytes of its name, and its reason."""
    (head, *_), *batches, (end, *_) = _frames(data)
    assert (head["form"], head["version"]) == ("fileorg plan columns", 1)
    folders: list[Any] = [None]
    words = [""]
    found = []
    for about, columns, names in batches:
        folders += about["folders"]
        words += about["words"]
        pairs = {key: dict(zip(value[::2], value[1::2], strict=True)) for key, value in about.items() if key in _PAIRS}
        start = 0
        for at, stop in enumerate(columns["nameEnd"]):
            name = names[start:stop].decode()
            start = stop
            source, target = folders[columns["from"][at]], folders[columns["to"][at]]
            raw = pairs["raw"].get(at)
            found.append((
                words[columns["action"][at]], words[columns["category"][at]], int(columns["size"][at]),
                source and (*source[:2], name), (*target[:2], pairs["newNames"].get(at, name)),
                name.encode() if raw is None else b64decode(raw), pairs["reasons"].get(at, ""), columns["together"][at],
            ))  # fmt: skip
    assert end == {"rows": len(found)}
    return found


def _expected(row: PlanRow) -> tuple[Any, ...]:
    source = (row.source_base, display(row.source_folder), display(row.source_name)) if row.source_name else None
    target = (row.target_base, display(row.target_folder), display(row.target_name))
    return (
        str(row.action), row.category, row.size, source, target, row.source_name, sentence(row.reason), row.together,
    )  # fmt: skip


def test_the_columns_are_the_plan_that_was_saved(tree: Tree, state: StateDirectory) -> None:
    for name in _HOSTILE:
        (tree.root / "in" / os.fsdecode(name)).parent.mkdir(parents=True, exist_ok=True)
        (tree.root / "in" / os.fsdecode(name)).write_bytes(name)
    (tree.root / "Documents").mkdir()
    (tree.root / "Documents" / "new\nline.pdf").write_bytes(b"another one")
    (tree.root / "Images").mkdir()
    (tree.root / "Images" / "ünïcode.png").write_bytes("ünïcode.png".encode())
    later = Later(holds=True, columns=True)
    options = OrganizeOptions(root=os.fsencode(tree.root), filters=Filters(recursive=True))
    with organizing(options, state, NullReporter()) as run:
        run.save(later)
    os.close(later.fd)
    plan = SavedPlan(state.of_job(later.number, b"plan"))
    rows = [_expected(row) for batch in plan.batches(0) for row in batch]
    plan.close()
    with open(state.of_job(later.number, b"plan.columns"), "rb") as file:
        assert _rows(file.read()) == rows
    assert len(rows) > len(_HOSTILE)
    assert any(row[6].startswith("identical") for row in rows)
    assert {row[5] for row in rows} >= set(_HOSTILE)


def _many(count: int, folders: int) -> Iterator[list[PlanRow]]:
    base: Base = ROOT
    for start in range(0, count, 4096):
        yield [
            PlanRow(
                Action.MOVE, base, b"in/%06d" % (row % folders), b"%060d.jpg" % row, base, b"Images",
                b"%060d.jpg" % row, row, row, row, 0o644, "Images",
            )
            for row in range(start, min(start + 4096, count))
        ]  # fmt: skip


def test_memory_does_not_grow_with_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_columns, "_MAX_FOLDERS", 3000)

    def peak(count: int) -> int:
        columns = PlanColumns(lambda _: None, [b"/r"])
        tracemalloc.start()
        for batch in _many(count, 30_000):
            columns.add(batch)
        columns.close()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak(32_768) < 1.3 * peak(12_288)


def test_a_plan_that_fails_leaves_no_columns(tmp_path: Path) -> None:
    at = os.open(tmp_path, os.O_RDONLY)

    def fail() -> None:
        with columns_file(b"columns", at, [b"/r"]) as add:
            add(next(_many(10, 1)))
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    os.close(at)
    assert not list(tmp_path.iterdir())
