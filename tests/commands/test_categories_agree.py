"""`categorize` and `organize` give every file the same category."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.events import NullReporter
from fileorg.rules.extensions import CATEGORIES
from fileorg.rules.filters import Filters
from fileorg.scan.walk import Seen
from fileorg.workflows.scan import categorize

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

EXTENSIONS = [os.fsdecode(extension) for extensions in CATEGORIES.values() for extension in extensions]
UNKNOWN = ["sav", "pdb", "dll", "bin", "torrent", "md5", "sig", "pem", "crt", "qqq"]


@pytest.mark.parametrize("stem", ["{}", "same", "IMG_{}", "a.b ({})"], ids=["number", "same", "photo", "dots"])
@pytest.mark.parametrize("content", ["text\n", "\0binary"], ids=["text", "binary"])
def test_each_file_is_moved_to_the_category_that_categorize_shows(
    tree: Tree, runs: Runs, stem: str, content: str
) -> None:
    """With one stem for all extensions, nearly all files are in groups."""
    names = [f"{stem.format(number)}.{extension}" for number, extension in enumerate(EXTENSIONS + UNKNOWN)]
    tree.write({name: content + name for name in names})
    rows = categorize([os.fsencode(tree.root)], Filters(), Seen(), NullReporter())
    shown = {os.path.basename(row.path): row.evidence.category for row in rows}
    assert len(shown) == len(names)
    moved = {row.source_name: row.category for row in runs.dry_run(inside_project=True) if row.source_name}
    assert moved == {name: category for name, category in shown.items() if category != "Other"}
    assert len(moved) > len(names) / 2
