"""Rows of a given plan."""

from __future__ import annotations

import json
from io import BytesIO
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


def read(row: dict[str, Any]) -> tuple[list[GivenRow], list[RowProblem]]:
    problems: list[RowProblem] = []
    return list(given_rows(BytesIO(json.dumps(row).encode()), problems.append)), problems


@given(fields)
def test_a_row_in_the_form_of_a_saved_plan_is_read_as_any_other(row: dict[str, Any]) -> None:
    assert read(row) == read({**row, "a column": "that nobody knows"})
