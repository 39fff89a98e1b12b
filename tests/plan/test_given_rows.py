"""Rows of a given plan."""

from __future__ import annotations

import json
from io import BufferedReader, BytesIO
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from fileorg.plan.given_rows import given_rows

if TYPE_CHECKING:
    from fileorg.core.row_problems import RowProblem
    from fileorg.plan.given_rows import GivenRow

paths = st.sampled_from(["a/b.txt", "/r/é", "", "\ud800", None, 7, ["a"]])
fields = st.fixed_dictionaries(
    {
        "action": st.sampled_from(["move", "copy", "trash", "erase", None, 7, ["move"]]),
        "path": paths,
        "new_path": paths,
        "size_bytes": st.sampled_from([0, 12, -1, True, 1.5, "12", "x", None]),
        "mtime": st.sampled_from(["2026-11-30T06:59:59Z", "", None, 7]),
    }
)


_SAVED = {"action": "move", "path": "/r/a", "new_path": "/r/b", "size_bytes": 3, "mtime": "2026-11-30T06:59:59Z"}
saved = (json.dumps(_SAVED) + "\n").encode()
lines = st.sampled_from(
    [
        saved,
        saved.replace(b"move", b"copy"),
        saved.replace(b"move", b"trash"),
        saved.replace(b"/r/a", "/r/é".encode()),
        saved.replace(b"/r/a", b"/r/\\u00e9"),
        saved.replace(b"/r/a", b"/r/\xff"),
        saved.replace(b"/r/a", b"/r/\t"),
        saved.replace(b" 3", b" 03"),
        saved.replace(b"\n", b"\r\n"),
        saved.replace(b"\n", b" x\n"),
        saved.replace(b"\n", b"," + saved),
        b" " + saved,
        saved[:40] + b"\n",
        saved[40:],
        saved[:-2] + b"\n",
        b'{"path": "a", "new_path": "b", "x": [{}\n',
        b"{}]}\n",
        b"\n",
        b"[]\n",
    ]
)


def rows_of(content: bytes) -> tuple[list[GivenRow], list[RowProblem]]:
    problems: list[RowProblem] = []
    return list(given_rows(BufferedReader(BytesIO(content)), problems.append)), problems


def read(row: dict[str, Any]) -> tuple[list[GivenRow], list[RowProblem]]:
    return rows_of((json.dumps(row) + "\n").encode())


@given(fields)
def test_a_row_in_the_form_of_a_saved_plan_is_read_as_any_other(row: dict[str, Any]) -> None:
    assert read(row) == read({**row, "a column": "that nobody knows"})


@given(st.lists(lines, max_size=6))
def test_lines_in_the_form_of_a_saved_plan_are_read_as_any_others(after: list[bytes]) -> None:
    rows, problems = rows_of(saved)
    for number, line in enumerate(after, 2):
        more, other = rows_of(saved + b" " + line)  # a blank: not as a saved plan has it
        rows += [row._replace(line=number) for row in more[1:]]
        problems += [problem._replace(line=number) for problem in other]
    assert rows_of(saved + b"".join(after)) == (rows, problems)


def test_each_problem_of_a_long_plan_has_its_line() -> None:
    content = [saved] * 9000  # several parts
    for number in (2000, 2001, 8999):
        content[number - 1] = saved[:40] + b"\n"
    rows, problems = rows_of(b"".join(content)[:-1])
    assert [problem.line for problem in problems] == [2000, 2001, 8999]
    assert [row.line for row in rows] == [each for each in range(1, 9001) if each not in {2000, 2001, 8999}]
