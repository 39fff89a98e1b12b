"""docs/left-alone.md matches the tables in `fileorg.rules`."""

from __future__ import annotations

from tests.support.left_alone import PAGE, page


def test_the_page_is_made_of_the_tables() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.support.left_alone` to update the page"
