"""Classification reads plain files of the tree, and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fileorg.rules.classify import Rules
from fileorg.scan.classifier import Classifier
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.tree import Tree

RECORDING = ("G" + "\0" * 187) * 20


@pytest.fixture
def storage(tree: Tree) -> Iterator[LocalStorage]:
    opened = LocalStorage(os.fsencode(tree.root))
    yield opened
    opened.close()


def test_links_pipes_folders_and_what_is_gone_tell_nothing(tree: Tree, storage: LocalStorage) -> None:
    tree.write(
        {"film.ts": RECORDING, "link.ts": "-> film.ts", "folder.ts/": "", "in": "-> there", "there/a.ts": RECORDING}
    )
    os.mkfifo(tree.path("pipe.ts"))
    classifier = Classifier(Rules.default(), storage)
    assert classifier.category_of(b"", b"film.ts") == "Video"
    for folder, name in [
        *((b"", b"link.ts"), (b"", b"pipe.ts"), (b"", b"folder.ts"), (b"", b"gone.ts")),
        *((b"in", b"a.ts"), (b"gone", b"a.ts")),
    ]:
        assert classifier.category_of(folder, name) == "Other"


def test_nothing_is_opened_where_the_name_tells(
    tree: Tree, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write({"a.jpg": "a", "a.qqq": "q", "No.7": "7"})
    monkeypatch.setattr(storage, "open_read", None)
    classifier = Classifier(Rules.default(), storage)
    reported = [classifier.evidence(b"", name) for name in (b"a.jpg", b"a.qqq", b"No.7")]
    assert [(each.category, each.extension) for each in reported] == [
        ("Images", b"jpg"),
        ("Other", b"qqq"),
        ("Other", b""),
    ]


def test_a_part_is_borne_out_without_a_read(tree: Tree, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.write({"a.001": "1", "a.002": "2"})
    monkeypatch.setattr(storage, "open_read", None)
    assert Classifier(Rules.default(), storage).category_of(b"", b"a.001") == "Archives"
