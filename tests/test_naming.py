"""Names: no private word where the field has a public one, and no module or class name for two things."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "fileorg"
SOURCES = [path for folder in ("src", "tests", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]

FIELD_TERMS = {
    "renamer": "hands otherhands ownhands",
    "checker, checked": "look looked lookout looking",
    "applier": "act actor acts",
    "conflict, resolver, candidate, owner": "clash clashes contender contest holder",
    "keeper policy, options, decision": "chooser decided keeping wish wishes",
    "duplicate, identical": "foldertwins twin twingroup twins",
    "case-only rename, casing": "another_case respell respelling spelled spelling spellings",
    "cross_device": "across",
    "replacement link": "standin",
    "can be recreated": "remaking",
    "intentional": "meant",
    "listed, reported": "told",
    "output options": "manner",
    "action": "remedies remedy",
    "candidates": "suspects",
    "scheduler, consumer": "shop sink workshop",
    "full and edge digests, relocated, racy": "spare wholes young",
    "relocations": "to_and_fro",
    "touched": "disturb disturbed disturbs",
    "status": "standing standings",
    "limit, at least": "least most",
    "size_bytes": "bytes_",
    "all_…": "every everything every_one",
}
OBSCURE = {word: term for term, words in FIELD_TERMS.items() for word in words.split()}
IN_ANY_PART = {"hands", "lookout", "contender", "chooser", "respell", "told", "remedy", "disturbed", "twin", "twins"}
"""Words that no part of a name may be, either. The names of tests are sentences, and free."""

OBSCURE_CLASSES = {"Filter": "BloomFilter", "Repeated": "RepeatedValues", "There": "Occupant"}

BREACHES = {
    "def look(): pass": "look",
    "from x import Actor": "Actor",
    "x = f(most=1)": "most",
    "class FolderTwins: pass": "FolderTwins",
    "_told_at = 1": "_told_at",
}


def _obscure(text: str) -> list[str]:
    """Return the names in Python code that have a better term."""
    found = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        name = token.string
        if token.type != tokenize.NAME or name.startswith("test_"):
            continue
        parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
        words = {name.lower(), name.lower().lstrip("_")}
        if words & OBSCURE.keys() or IN_ANY_PART.intersection(part.lower() for part in parts):
            found.append(name)
    return found


def _is_a_pair(paths: list[Path]) -> bool:
    """Return whether these are the modules of a command: one in the command line, one in the workflows."""
    return sorted(path.parent.name for path in paths) == ["commands", "workflows"]


@pytest.mark.parametrize(("text", "name"), BREACHES.items())
def test_a_private_word_is_found(text: str, name: str) -> None:
    assert _obscure(text) == [name]


def test_names_are_the_words_of_the_field() -> None:
    found = {str(path.relative_to(ROOT)): names for path in SOURCES if (names := _obscure(path.read_text()))}
    assert found == {}, FIELD_TERMS
    modules = [path for path in SOURCES if {path.stem, *path.stem.split("_")} & (OBSCURE.keys() | IN_ANY_PART)]
    assert modules == [], FIELD_TERMS


def test_no_module_name_stands_for_two_modules() -> None:
    modules = defaultdict[str, list[Path]](list)
    for path in PACKAGE.rglob("*.py"):
        if not path.stem.startswith("__"):
            modules[path.stem].append(path)
    assert [paths for paths in modules.values() if len(paths) > 1 and not _is_a_pair(paths)] == []


def test_no_class_name_stands_for_two_classes() -> None:
    classes = defaultdict[str, list[str]](list)
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                classes[node.name].append(f"{path.name}:{node.lineno}")
    assert {name: places for name, places in classes.items() if len(places) > 1} == {}
    assert not classes.keys() & OBSCURE_CLASSES.keys(), OBSCURE_CLASSES
