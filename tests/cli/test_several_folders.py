"""Several folders in one command: jobs, JSON, and the paths that are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree


@pytest.mark.parametrize("command", ["organize", "clean"])
def test_a_job_in_several_folders_is_continued(tree: Tree, fileorg: Fileorg, command: str) -> None:
    tree.write({f"{root}/{number}.txt": "" for root in "ab" for number in range(3)})
    before = tree.snapshot()
    ran = fileorg.inside(command, "tree/a", "tree/b", "--hold", "-f", "json")
    assert (ran.code, ran.json["job"]) == (3, 1)
    assert fileorg.inside("jobs", "cancel", "1").code == 0
    tree.write({"b/late.txt": ""})
    ran = fileorg.inside("jobs", "resume", "1")
    assert ran.code == 0, ran.err
    assert fileorg.inside("history", "-f", "json").json["operations"][0]["files"] == 6
    assert "b/late.txt" in tree.read()
    assert fileorg.inside("undo").code == 0
    tree.path("b/late.txt").unlink()
    assert {path: node.content for path, node in tree.snapshot().items()} == {
        path: node.content for path, node in before.items()
    }


def test_the_command_line(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a/x.jpg": "1", "b/x.jpg": "2", "a/what": "?"})
    planned = fileorg.inside("organize", "tree/a", "tree/b", "-n", "--stays", "-f", "json").json
    assert [root["path"] for root in planned["roots"]] == [str(tree.path("a")), str(tree.path("b"))]
    assert [row["new_path"] for row in planned["rows"] if row["path"]] == [
        str(tree.path(f"{root}/Images/x.jpg")) for root in "ab"
    ]
    assert [each["path"] for each in planned["stays"]] == [str(tree.path("a/what"))]
    ran = fileorg.inside("organize", "tree/a", "tree/b", "--dest", "tree/c", "--stays", "--yes")
    assert ran.code == 0, ran.err
    listed = fileorg.inside("files", "1", "-f", "json").json["files"]
    assert [row["path"] for row in listed if row["status"] == "stays"] == [str(tree.path("a/what"))]
    assert str(tree.path("c/Images/x (2).jpg")) in {row["new_path"] for row in listed}
    assert fileorg.inside("undo", "--in", "tree/b").code == 0
    assert tree.read() == {"a/x.jpg": "1", "b/x.jpg": "2", "a/what": "?"}


def test_what_was_not_done_is_named_with_its_folder(fileorg: Fileorg, tree: Tree) -> None:
    """One and the same name may be in several folders."""
    tree.write({"a/x.jpg": "1", "b/x.jpg": "2", "a/empty": "", "b/empty": "", "b/l": "-> x.jpg", "b/k": "-> empty"})
    ran = fileorg.inside("organize", "tree/a", "tree/b")
    assert f"{tree.path('b/l')}\n" in ran.out
    tree.write({"b/x.jpg": "taken"})
    ran = fileorg.inside("undo")
    assert (ran.code, str(tree.path("b/Images/x.jpg")) in ran.err) == (1, True)
    ran = fileorg.inside("clean", "tree/a", "tree/b")
    assert f"  {tree.path('b/empty')}: " in ran.out
