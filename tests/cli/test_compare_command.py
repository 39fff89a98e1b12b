"""`fileorg compare` as it is typed: its output, formats and exit codes."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from xxhash import xxh3_128_hexdigest

from fileorg.scan.walk import Reader

if TYPE_CHECKING:
    import pytest
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

    from fileorg.core.model import Entry
    from fileorg.rules.ignore import IgnoreReason
    from fileorg.scan.walk import Task


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


def test_the_page(fileorg: Fileorg, tree: Tree) -> None:
    (fileorg.folder / "new").mkdir()
    tree.write({"a.txt": "a"})
    command = ("compare", "tree", "new", "--format", "html")
    assert fileorg.inside(*command, "-o", "page.html").code == 3
    page = (fileorg.folder / "page.html").read_text()
    assert "1 of 1 file (1 B of 1 B) in " in page
    assert fileorg.inside(*command, "-o", "page.html").code == 5  # the file is there
    assert fileorg.inside(*command, "--quiet").out.startswith("<!DOCTYPE html>")
    refused = fileorg.inside(*command, "--dest", "rescued")
    assert (refused.code, "--format html and --dest cannot be combined" in refused.err) == (2, True)


def test_the_page_is_not_written_to_a_terminal(fileorg: Fileorg, tree: Tree) -> None:
    (fileorg.folder / "new").mkdir()
    tree.write({"a.txt": "a"})
    terminal = fileorg.terminal("compare", "tree", "new", "--format", "html")
    terminal.wait_for("add -o FILE.html")
    assert terminal.end() == 2


def test_the_plan_in_a_file(fileorg: Fileorg, tree: Tree) -> None:
    (fileorg.folder / "new").mkdir()
    (fileorg.folder / "new" / "b.txt").write_text("b")
    tree.write({"sub/a.txt": "aaa", "kept.txt": "b", "not utf \udcff.txt": "x"})
    command = ("compare", "tree", "new", "--dest", "rescued", "--save-plan", "plan.jsonl")
    ran = fileorg.inside(*command)
    assert (ran.code, "2 files is in plan.jsonl. Nothing was copied." in ran.out) == (3, True), ran.out
    rows = [json.loads(line) for line in (fileorg.folder / "plan.jsonl").read_text().splitlines()]
    by_path = {row["path"]: row for row in rows}
    row = by_path[str(tree.path("sub/a.txt"))]
    assert (row["new_path"], row["action"], row["size_bytes"]) == (f"{fileorg.folder}/rescued/sub/a.txt", "copy", 3)
    assert (row["mtime"].endswith("Z"), row["xxh3_128"]) == (True, xxh3_128_hexdigest(b"aaa"))
    assert sum("path_b64" in row for row in rows) == 1
    assert not (fileorg.folder / "rescued").exists()
    assert fileorg.inside(*command).code == 5  # the file is there
    assert fileorg.inside(*command, "--force", "-n").code == 2
    assert fileorg.inside("compare", "tree", "new", "--save-plan", "other.jsonl").code == 2
    assert not (fileorg.folder / "other.jsonl").exists()


def test_a_saved_plan_holds_only_for_the_content_that_was_compared(fileorg: Fileorg, tree: Tree) -> None:
    (fileorg.folder / "new").mkdir()
    zeros = "\0" * 300_000 + "a"  # counted by a shorter way in the digests of the index
    tree.write({"a.bin": zeros, "b.txt": "bbb"})
    fileorg.inside("compare", "tree", "new", "--dest", "rescued", "--save-plan", "plan.jsonl")
    before = tree.path("b.txt").stat()
    tree.write({"b.txt": "BBB"})
    os.utime(tree.path("b.txt"), ns=(before.st_atime_ns, before.st_mtime_ns))
    refused = fileorg.inside("apply", "plan.jsonl", "--yes")
    assert (refused.code, "b.txt" in refused.err) == (5, True), refused
    assert not (fileorg.folder / "rescued").exists()
    partly = fileorg.inside("apply", "plan.jsonl", "--partial", "--yes")
    assert sorted(os.listdir(fileorg.folder / "rescued")) == ["a.bin"], partly


def test_another_file_system_that_is_not_entered_is_named(
    fileorg: Fileorg, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write({"a.txt": "a", "disk/only.txt": "only here"})
    (fileorg.folder / "new").mkdir()
    (fileorg.folder / "new" / "b.txt").write_text("a")
    reason = Reader._reason

    def mounted(self: Reader, task: Task, entry: Entry) -> IgnoreReason | None:
        return reason(self, task, entry._replace(dev=entry.dev + 1) if entry.name == b"disk" else entry)

    monkeypatch.setattr(Reader, "_reason", mounted)
    ran = fileorg.inside("compare", "tree", "new", "--one-file-system")
    assert (ran.code, "Not compared: 1 folder on another file system." in ran.out) == (0, True), ran.out
