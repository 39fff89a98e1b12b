"""Answers: what is cleared from them, and what they say about rows that were left out."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

from fileorg.core.formats import named
from fileorg.mcp.answers import answer
from fileorg.mcp.boundary import Boundary

if TYPE_CHECKING:
    from pathlib import Path


def test_a_path_outside_is_cleared_in_both_its_forms(tmp_path: Path) -> None:
    inside = os.fsencode(tmp_path)
    boundary = Boundary([inside])
    shown = boundary.cleared({"rows": [named("path", b"/else/\xff"), named("path", inside + b"/\xff")]})
    assert shown["rows"][0] == {"path": None, "path_b64": None}
    assert base64.b64decode(shown["rows"][1]["path_b64"]) == inside + b"/\xff"


def test_a_path_whose_exact_form_leads_elsewhere_is_cleared(tmp_path: Path) -> None:
    """The text of a path is for people: the exact form is what counts."""
    fields = {"path": str(tmp_path / "a"), "path_b64": base64.b64encode(b"/else/\xff").decode()}
    assert Boundary([os.fsencode(tmp_path)]).cleared(fields) == {"path": None, "path_b64": None}


def test_an_only_row_that_is_too_long_counts_as_left_out() -> None:
    row = {f"field{number}": "x" * 300 for number in range(400)}
    found = answer({}, {"rows": [row]})
    assert (found["from_files"], found["left_out"]) == ({"rows": []}, 1)
