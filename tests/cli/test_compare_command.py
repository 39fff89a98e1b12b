"""`fileorg compare` as it is typed: its output, formats and exit codes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree


def test_the_command(fileorg: Fileorg, tree: Tree) -> None:
    (fileorg.folder / "new").mkdir()
    (fileorg.folder / "new" / "b").write_text("b")
    tree.write({"Photos/1.jpg": "one", "Photos/2.jpg": "two", "a.txt": "a", "b.txt": "b"})
    ran = fileorg.inside("compare", "tree", "new")
    assert ran.code == 3
    assert "all 2  " in ran.out
    assert "1 of 2  " in ran.out
    assert "3 of 4 files (7 B of 8 B) in " in ran.out
    paths = [os.fsencode(tree.path(name)) for name in ("Photos/1.jpg", "Photos/2.jpg", "a.txt")]
    assert fileorg.inside("compare", "tree", "new", "-0").out_bytes == b"".join(path + b"\0" for path in paths)
    assert fileorg.inside("compare", "tree", "new", "-v").out.count(f"{tree.root}/") == 3
    both = fileorg.inside("compare", "tree", "new", "--both", "--format", "json")
    assert (both.code, [side["missing_files"] for side in both.json["sides"]]) == (3, [3, 0])
    reverse = fileorg.inside("compare", "tree", "new", "--reverse")
    assert (reverse.code, "Nothing is missing" in reverse.out) == (0, True)
    assert fileorg.inside("compare", "tree", "new", "--both", "--reverse").code == 2
    assert fileorg.inside("compare", "", "new").code == 2
