"""A process that may use only some folders opens no others, whichever way it is led there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.confinement import AllowedFolder, Outside, client_name, confined_to
from fileorg.core.errors import ErrorCode, FileorgError
from fileorg.core.model import WITHIN
from fileorg.jobs.command import run_command
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.tree import Tree


@pytest.fixture(autouse=True)
def _confined(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.write({"a.jpg": "one", "sub/b.jpg": "two"})
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "c.jpg").write_text("three")
    monkeypatch.setenv("FILEORG_HOME", str(tmp_path / "state"))
    seen = tree.root.stat()
    for name, value in confined_to([AllowedFolder(bytes(tree.root), seen.st_dev, seen.st_ino)], "Some client").items():
        monkeypatch.setenv(name, value)


def refusal(*words: str | Path) -> ErrorCode:
    with pytest.raises(FileorgError) as found:
        run_command([os.fspath(word) for word in words])
    return found.value.code


def test_a_storage_is_judged_by_what_was_opened(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for inside in (tree.root, tree.root / "sub"):
        LocalStorage(bytes(inside)).close()
    for outside in (tmp_path, tmp_path / "outside"):
        with pytest.raises(Outside):
            LocalStorage(bytes(outside))
    tree.root.rename(tmp_path / "moved")
    (tmp_path / "outside").rename(tree.root)
    with pytest.raises(Outside):  # the same path, another folder
        LocalStorage(bytes(tree.root))
    LocalStorage(bytes(tmp_path / "moved")).close()
    monkeypatch.delenv(WITHIN)
    LocalStorage(bytes(tmp_path)).close()


def test_commands_refuse_all_that_is_outside(tree: Tree, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (tree.root / "link").symlink_to(outside)
    for path in (outside, tmp_path, "/", tree.root / ".." / "outside", tree.root / "link", tmp_path / "nowhere"):
        assert refusal("scan", path) is ErrorCode.OUTSIDE
        assert refusal("organize", path) is ErrorCode.OUTSIDE
    assert refusal("scan", "s3://bucket/folder") is ErrorCode.OUTSIDE
    assert refusal("organize", tree.root, "--dest", outside) is ErrorCode.OUTSIDE
    assert refusal("organize", tree.root, "--dest", tmp_path / "new" / "folder") is ErrorCode.OUTSIDE
    assert refusal("dedupe", tree.root, "--reference", outside) is ErrorCode.OUTSIDE
    assert refusal("explain", outside / "c.jpg") is ErrorCode.OUTSIDE
    assert refusal("scan", tree.root, "-o", outside / "new.json") is ErrorCode.OUTSIDE
    assert refusal("organize", tree.root, "--save-plan", outside / "plan.jsonl") is ErrorCode.OUTSIDE
    assert sorted(os.listdir(outside)) == ["c.jpg"]
    assert sorted(os.listdir(tmp_path)) == ["outside", "state", "tree"]


def test_rules_lead_nowhere_else(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path / "fileorg.toml"
    settings.write_text(f'version = 1\n[[rule]]\nname = "out"\nwhen = {{ext = "jpg"}}\nto = "{tmp_path}/outside"\n')
    monkeypatch.setenv("FILEORG_CONFIG", str(settings))
    assert refusal("organize", tree.root) is ErrorCode.OUTSIDE


def test_a_refusal_does_not_say_where_a_symlink_leads(tree: Tree, tmp_path: Path) -> None:
    (tree.root / "link").symlink_to(tmp_path / "outside")
    for words in (("scan", tree.root / "link"), ("organize", tree.root, "--dest", tree.root / "link" / "new")):
        with pytest.raises(FileorgError, match="tree/link") as found:
            run_command([os.fspath(word) for word in words])
        assert (found.value.code, found.value.path) == (ErrorCode.OUTSIDE, os.fsencode(words[-1]))
        assert "outside" not in str(found.value)


def test_who_asked_is_in_the_history(tree: Tree) -> None:
    run_command(["organize", "--", str(tree.root)])
    (operation,) = run_command(["history"]).document["operations"]
    (job,) = run_command(["jobs"]).document["jobs"]
    assert (operation["client"], job["client"]) == ("Some client", "Some client")
    assert client_name("Evil\nclient\x1b[31m " + "x" * 500) == r"Evil client\x1b[31m " + "x" * 40
