"""The everyday commands in front of several real servers, one after the other, so that no habit of one becomes ours."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.storage.object import servers
from tests.storage.object.conftest import seaweedfs, versitygw
from tests.support.buckets import Bucket
from tests.support.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.storage.object.servers import S3Server

__all__ = ["seaweedfs", "versitygw"]  # fixtures for the tests here, too


class Place(NamedTuple):
    """A bucket of a server, a folder beside it, and the command."""

    bucket: Bucket
    tree: Tree
    environment: dict[str, str]
    is_safe: bool
    """Whether the server heeds all conditions."""
    takes_hidden_keys: bool
    """Whether an upload that must not replace an object is possible where a delete marker hides one."""

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "fileorg", *words],
            env=self.environment, cwd=self.tree.root.parent, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def done(self, *words: str) -> str:
        """Run a command that changes something, with the risk that the server asks for; it must do all of it."""
        may_be_unsafe = words[0] in {"organize", "dedupe", "clean"}
        ran = self.run(*words, *(["--allow-unsafe"] if may_be_unsafe and not self.is_safe else []))
        assert (ran.returncode, ran.stderr) == (0, ""), ran
        return ran.stdout


@pytest.fixture(params=["seaweedfs", "versitygw"])
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["plain", "versions"])
def place(request: pytest.FixtureRequest, server: S3Server, tmp_path: Path) -> Iterator[Place]:
    name, folder = f"everyday-{request.param}", "".join(filter(str.isalnum, request.node.name))
    tree = Tree(tmp_path / "tree")
    is_safe = request.node.callspec.params["server"] == "seaweedfs"
    with servers.opened_bucket(server, name, versions=request.param == "versions") as client:
        environment = os.environ | {"FILEORG_HOME": str(tmp_path / "state")}
        yield Place(Bucket(client, f"{folder}/"), tree, environment, is_safe, is_safe or request.param == "plain")


pytestmark = pytest.mark.slow
_FILES = {"a.jpg": "one", "deep/b.pdf": "two", "ü ä.txt": "three"}


def test_organize_undo_and_redo(place: Place) -> None:
    bucket, url = place.bucket, os.fsdecode(place.bucket.url)
    bucket.write(_FILES, metadata={"of": "a user"}, headers={"content-type": "text/x-own"})
    before = bucket.snapshot()
    assert "3 files in 2 folders" in place.run("scan", url).stdout
    place.done("organize", url, "-r")
    after = bucket.snapshot()
    assert after == {
        "Images/a.jpg": before["a.jpg"],
        "Documents/b.pdf": before["deep/b.pdf"],
        "Documents/ü ä.txt": before["ü ä.txt"],
    }
    place.done("undo", "1")
    assert bucket.snapshot() == before
    place.done("redo", "1")
    assert bucket.snapshot() == after
    place.done("undo", "1")
    assert bucket.snapshot() == before


def test_duplicates_and_empty_objects_go_to_the_trash_and_back(place: Place) -> None:
    bucket, url = place.bucket, os.fsdecode(place.bucket.url)
    bucket.write({"a.jpg": "same", "deep/b.jpg": "same", "c.txt": "other", "empty.txt": ""}, metadata={"of": "a user"})
    before = bucket.snapshot()
    place.done("dedupe", url, "--action", "quarantine")
    assert bucket.keys() == [".fileorg/trash/1/deep/b.jpg", "a.jpg", "c.txt", "empty.txt"]
    place.done("undo", "1")
    assert bucket.snapshot() == before
    place.done("clean", url, "--empty-files")
    assert bucket.keys() == [".fileorg/trash/3/empty.txt", "a.jpg", "c.txt", "deep/b.jpg"]
    place.done("undo", "3")
    assert bucket.snapshot() == before
    place.done("dedupe", url, "--action", "quarantine")
    place.done("purge", "--yes")
    assert bucket.read() == {"a.jpg": "same", "c.txt": "other", "empty.txt": ""}


def test_a_folder_goes_into_the_store_and_back(place: Place) -> None:
    bucket, tree, url = place.bucket, place.tree, os.fsdecode(place.bucket.url)
    tree.write(_FILES)
    before = tree.snapshot()
    place.done("organize", "tree", "-r", "--dest", url)
    organized = {"Images/a.jpg": "one", "Documents/b.pdf": "two", "Documents/ü ä.txt": "three"}
    assert bucket.read() == organized
    place.done("undo", "1")
    assert (bucket.keys(), tree.snapshot()) == ([], before)
    if not place.takes_hidden_keys:
        _assert_names_are_taken(place.run("redo", "1"))
        kept = {name: content for name, content in tree.read().items() if content}
        assert (bucket.keys(), kept) == ([], _FILES)
        return
    place.done("redo", "1")
    place.done("purge", "--yes")
    place.done("undo", "1")
    assert (bucket.keys(), tree.snapshot()) == ([], before)


def test_a_store_comes_into_a_folder_and_back(place: Place) -> None:
    bucket, tree, url = place.bucket, place.tree, os.fsdecode(place.bucket.url)
    bucket.write(_FILES, metadata={"of": "a user"}, headers={"content-type": "text/x-own"})
    before = bucket.snapshot()
    tree.write({})
    place.done("organize", url, "-r", "--dest", "tree")
    assert (bucket.keys(), tree.read()) == (
        [],
        {"Images/a.jpg": "one", "Documents/b.pdf": "two", "Documents/ü ä.txt": "three"},
    )
    if not place.takes_hidden_keys:
        _assert_names_are_taken(place.run("undo", "1"))
        assert (bucket.keys(), len(tree.read())) == ([], 3)
        return
    place.done("undo", "1")
    assert bucket.snapshot() == before


def _assert_names_are_taken(ran: subprocess.CompletedProcess[str]) -> None:
    assert (ran.returncode, ran.stderr.splitlines()[0]) == (1, "3 files could not be processed:"), ran
    assert ran.stderr.count("taken") >= 3, ran


def test_a_store_that_is_not_safe_is_refused_before_anything_is_changed(versitygw: S3Server, place: Place) -> None:
    if place.is_safe:
        pytest.skip("this server is safe")
    bucket, url = place.bucket, os.fsdecode(place.bucket.url)
    bucket.write(_FILES)
    before = bucket.snapshot()
    for words in (["organize", url], ["dedupe", url, "--action", "quarantine"], ["organize", "tree", "--dest", url]):
        place.tree.write({"x.jpg": "local"})
        ran = place.run(*words)
        assert ran.returncode == 5
        assert ran.stderr.startswith(f"fileorg: {url} ignores conditions of requests (copy-if-a")
        assert "--allow-unsafe takes the risk" in ran.stderr
    assert bucket.snapshot() == before
    assert place.tree.read() == {"x.jpg": "local"}
    copied = place.run("organize", "tree", "--action", "copy", "--dest", f"{url}/new")
    assert (copied.returncode, copied.stderr) == (0, "")
    assert bucket.read()["new/Images/x.jpg"] == "local"
    assert place.run("undo", "1").returncode == 0
    assert bucket.snapshot() == before
