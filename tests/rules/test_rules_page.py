"""The configurations in the documentation can be used as they are."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from tests.support.rules_page import PAGE, page

from fileorg.rules.classify import Rules
from fileorg.rules.config_file import parse_configuration
from fileorg.rules.matching import RuleSet

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = [
    pytest.param(block, id=f"{page}-{number}")
    for page in ("rules.md", "rules-from-organize.md")
    for number, block in enumerate(
        re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL), 1
    )
]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_configuration_of_the_documentation_is_valid(block: str) -> None:
    configuration = parse_configuration(b"docs", block.encode())
    RuleSet(configuration.selected([]), configuration, Rules.of(configuration), b"/root", time.time_ns())


def test_the_pages_have_ten_each() -> None:
    assert len(BLOCKS) >= 25


def test_the_reference_is_that_of_the_tables() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(PAGE.read_text(encoding="utf-8"))


def test_a_row_of_a_table_is_one_line() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert [row for row in rows if not row.endswith("|")] == []
