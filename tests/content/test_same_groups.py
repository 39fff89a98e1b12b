"""The groups are those that were planted, and those that jdupes and rdfind find: on a tree of oddities, and a real
tree.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import stat
import subprocess
import sys
from base64 import b64decode
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.planted import Planted, plant

import fileorg
import finders
from finders import Groups

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE_SECONDS = 120

needs_dedupe = pytest.mark.skipif(
    importlib.util.find_spec("fileorg.cli.commands.dedupe") is None, reason="there is no fileorg dedupe yet"
)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return plant(os.fsencode(tmp_path_factory.mktemp("planted") / "tree"))


@pytest.fixture(scope="module")
def single_lines(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """A tree for tools whose output is ambiguous if a name contains a line break."""
    return plant(os.fsencode(tmp_path_factory.mktemp("planted") / "tree"), seed=2, several_lines=False)


@pytest.fixture
def ours(tmp_path: Path) -> finders.Finder:
    """fileorg, with a new state directory for each test."""
    home, source = tmp_path / "state", Path(fileorg.__file__).parents[1]
    environment = ("env", f"FILEORG_HOME={home}", f"PYTHONPATH={source}")
    return finders.fileorg([*environment, sys.executable, "-m", "fileorg"])


@pytest.fixture(params=["jdupes", "rdfind"])
def theirs(request: pytest.FixtureRequest) -> finders.Finder:
    return _installed(request.param)


def _installed(name: str) -> finders.Finder:
    found = finders.peer(name)
    if found is None:
        pytest.skip(f"NOT TESTED: {name} is not installed")
    return found


def _answer(finder: finders.Finder, root: str | bytes, folder: Path, *more: str) -> bytes:
    result = folder / f"{finder.name}.answer"
    ran = subprocess.run(
        finder.command(os.fsdecode(root), result, *more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=folder,
        timeout=_PATIENCE_SECONDS,
        check=True,
    )
    return result.read_bytes() if finder.writes_file else ran.stdout


def _found(finder: finders.Finder, root: str | bytes, folder: Path, *more: str) -> Groups:
    return finder.groups(_answer(finder, root, folder, *more))


def _expected(planted: Planted, min_size: int = 1, hidden: bool = True, all_files: bool = True) -> Groups:
    return Groups.of(
        planted.paths(group) for group in planted.groups(min_size=min_size, hidden=hidden, all_files=all_files)
    )


def _require_same(one: Groups, other: Groups) -> None:
    assert one.files, "nothing was found at all"
    assert one.differences(other) == []
    assert one == other


def _all_files(root: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield (path, size) of each regular file; a file with several names once."""
    seen = set()
    for folder, _, names in os.walk(root):
        for path in (os.path.join(folder, name) for name in names):
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode) and (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                yield path, status.st_size


# The tree, and the parsing of outputs


def test_the_planted_groups_are_those_of_whole_contents(planted: Planted) -> None:
    by_content: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for path, _ in _all_files(planted.root):
        with open(path, "rb") as file:
            by_content[hashlib.file_digest(file, "sha256").digest()].append(path)
    _require_same(_expected(planted, min_size=0), Groups.of(by_content.values()))


def test_every_name_that_was_planted_is_there(planted: Planted) -> None:
    names = [name for file in planted.files for name in file.names]
    assert len(names) == len(set(names))
    walked = {os.path.relpath(path, planted.root) for path, _ in _all_files(planted.root)}
    assert walked <= set(names)
    assert len(walked) == len(planted.files)


@pytest.mark.parametrize("name", finders.PEER_NAMES)
def test_every_peer_finds_what_was_planted(name: str, single_lines: Planted, tmp_path: Path) -> None:
    _require_same(_expected(single_lines), _found(_installed(name), single_lines.root, tmp_path))


@pytest.mark.parametrize("name", finders.PEER_NAMES)
def test_a_peer_finds_what_was_planted_under_names_of_several_lines(
    name: str, planted: Planted, tmp_path: Path
) -> None:
    finder = _installed(name)
    if not finder.takes_any_name:
        pytest.skip(f"what {name} says cannot be read when a name has a line break")
    _require_same(_expected(planted), _found(finder, planted.root, tmp_path))


_EMPTY_TOO = {"jdupes": ["--zero-match"], "rdfind": ["-minsize", "0"]}


def test_a_peer_finds_the_empty_files_that_were_planted(
    planted: Planted, theirs: finders.Finder, tmp_path: Path
) -> None:
    found = _found(theirs, planted.root, tmp_path, *_EMPTY_TOO[theirs.name])
    _require_same(_expected(planted, min_size=0), found)


def test_a_group_that_is_missing_or_wrong_is_seen(planted: Planted) -> None:
    groups = [planted.paths(group) for group in planted.groups()]
    expected = Groups.of(groups)
    assert expected != Groups.of(groups[1:])
    assert expected != Groups.of([groups[0] + groups[1], *groups[2:]])
    assert len(expected.differences(Groups.of(groups[1:]))) == 1
    assert Groups.of([[path for path in groups[0] if path == groups[0][0]]]).files == frozenset()


def test_answers_are_read_group_by_group() -> None:
    assert [*finders.read_nul(b"a\n\0b\0\0c\0d\0")] == [[b"a\n", b"b"], [b"c", b"d"]]
    assert [*finders.read_nul(b"a\0b\0\0c\0d\0\0")] == [[b"a", b"b"], [b"c", b"d"]]
    assert [*finders.read_nul(b"")] == [*finders.read_lines(b"\n")] == [*finders.read_results(b"")] == []
    assert [*finders.read_lines(b"\n/a\n/b\n\n/c\n/d\n")] == [[b"/a", b"/b"], [b"/c", b"/d"]]
    assert [*finders.read_escaped_lines(b"/a\\n\n/\\xe9\\\\n\\u00001B\n")] == [[b"/a\n", b"/\xe9\\n\x1b"]]
    head = b"DUPTYPE_FIRST_OCCURRENCE 7 0 1 2 3 5 /a\n/b\nDUPTYPE_WITHIN_SAME_TREE -7 0 1 2 4 5 /c\n\n"
    assert [*finders.read_results(b"# duptype\n" + head + b"# end of file\n")] == [[b"/a\n/b", b"/c\n"]]


# fileorg


@needs_dedupe
@pytest.mark.parametrize("min_size", [0, 1, 4097])
def test_what_was_planted_is_found(min_size: int, planted: Planted, ours: finders.Finder, tmp_path: Path) -> None:
    found = _found(ours, planted.root, tmp_path, f"--min-size={min_size}")
    _require_same(_expected(planted, min_size=min_size), found)


@needs_dedupe
def test_a_second_run_finds_the_same(planted: Planted, ours: finders.Finder, tmp_path: Path) -> None:
    """The second run has the digests of the first."""
    for _ in range(2):
        _require_same(_expected(planted), _found(ours, planted.root, tmp_path))


@needs_dedupe
@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("all_files", [False, True])
def test_only_what_was_asked_for_is_looked_at(
    hidden: bool, all_files: bool, planted: Planted, ours: finders.Finder, tmp_path: Path
) -> None:
    chosen = [word for word, asked in (("--hidden", hidden), ("--everything", all_files)) if asked]
    plain = _without(ours, "--hidden", "--everything")
    found = _found(plain, planted.root, tmp_path, *chosen)
    _require_same(_expected(planted, hidden=hidden or all_files, all_files=all_files), found)


@needs_dedupe
def test_one_name_of_a_kept_file_and_all_of_others_are_listed(
    planted: Planted, ours: finders.Finder, tmp_path: Path
) -> None:
    for group in finders.read_nul(_answer(ours, planted.root, tmp_path)):
        keeper, *others = (os.lstat(path) for path in group)
        names = Counter(seen.st_ino for seen in others)
        assert keeper.st_ino not in names
        assert names == {seen.st_ino: seen.st_nlink for seen in others}


@needs_dedupe
def test_every_name_of_each_file_is_listed_when_asked(planted: Planted, ours: finders.Finder, tmp_path: Path) -> None:
    groups = finders.read_nul(_answer(ours, planted.root, tmp_path, "--hardlinks"))
    listed = {frozenset(group) for group in groups}
    assert {frozenset(planted.paths(group)) for group in planted.groups()} <= listed


@needs_dedupe
def test_the_lines_name_what_the_nuls_name(single_lines: Planted, ours: finders.Finder, tmp_path: Path) -> None:
    answer = _answer(_without(ours, "--null"), single_lines.root, tmp_path, "--format=fdupes")
    _require_same(_expected(single_lines), Groups.of(finders.read_lines(answer)))


@needs_dedupe
def test_the_json_names_what_the_nuls_name(planted: Planted, ours: finders.Finder, tmp_path: Path) -> None:
    reported = json.loads(_answer(_without(ours, "--null"), planted.root, tmp_path, "--format=json"))["duplicates"]
    paths = [[_path(file) for file in group["files"]] for group in reported]
    _require_same(_expected(planted), Groups.of(paths))
    for group, names in zip(reported, paths, strict=True):
        sizes = [os.lstat(name).st_size for name in names]
        assert [file["size_bytes"] for file in group["files"]] == sizes
        assert (group["count"], group["total_size_bytes"]) == (len(names), sum(sizes))
    assert len({group["hash"] for group in reported}) == len(reported)


def _path(file: dict[str, str]) -> bytes:
    return b64decode(file["path_b64"]) if "path_b64" in file else file["path"].encode()


def _without(finder: finders.Finder, *words: str) -> finders.Finder:
    kept = tuple(word for word in finder.options if word not in words)
    return finders.Finder(finder.name, finder.program, kept, finder.output, finder.read)


@needs_dedupe
def test_a_peer_finds_the_same(planted: Planted, ours: finders.Finder, theirs: finders.Finder, tmp_path: Path) -> None:
    found = partial(_found, root=planted.root, folder=tmp_path)
    _require_same(found(theirs), found(ours))


# A real tree


@pytest.mark.slow
@needs_dedupe
def test_a_peer_finds_the_same_in_a_real_tree(ours: finders.Finder, theirs: finders.Finder, tmp_path: Path) -> None:
    _require_same(_found(theirs, "/usr", tmp_path), _found(ours, "/usr", tmp_path))


@pytest.mark.slow
def test_the_peers_agree_on_a_real_tree(tmp_path: Path) -> None:
    """Without this, the test above would prove nothing."""
    one, other = (_found(_installed(name), "/usr", tmp_path) for name in ("jdupes", "rdfind"))
    _require_same(one, other)
