"""`--timezone` says how dates in UTC are read: it is refused where no date is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree


@pytest.mark.parametrize(
    "words", [("organize", "tree"), ("organize", "tree", "--template", "{year}"), ("explain", "tree/a.jpg")]
)
def test_a_time_zone_requires_dates(fileorg: Fileorg, tree: Tree, words: tuple[str, ...]) -> None:
    tree.write({"a.jpg": ""})
    ran = fileorg(*words, "--timezone", "Asia/Tokyo")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("fileorg: --timezone requires --by date.\n")


@pytest.mark.parametrize("zone", ["", ".", "Europe", "Mars/Sea", "../../etc/passwd", "a\udcff", "x" * 5000])
def test_a_time_zone_that_nobody_knows_is_refused(fileorg: Fileorg, tree: Tree, zone: str) -> None:
    tree.write({"a.jpg": ""})
    ran = fileorg("organize", "tree", "--by", "date", "--timezone", zone)
    assert (ran.code, ran.out) == (2, "")
    assert "is not a time zone that this computer knows.\n" in ran.err
