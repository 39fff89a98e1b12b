"""The extra `magika`: asked about text of no known kind, and about nothing else. Without it, nothing changes."""

from __future__ import annotations

import pytest
from tests.content.samples import BINARY, GUESSED, PROSE, TEXTS

from fileorg.content import text_model
from fileorg.content.head import BytesContent
from fileorg.content.types import Certainty, FileKind, kind_of


def with_model(content: bytes) -> FileKind:
    return text_model.with_model(kind_of(BytesContent(content)), content)


@pytest.mark.parametrize("content", [*BINARY.values(), *TEXTS.values(), *GUESSED.values()])
def test_what_is_known_is_not_asked(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_model, "IS_INSTALLED", True)
    monkeypatch.setattr(text_model, "_model", lambda: pytest.fail("asked"))
    kind = kind_of(BytesContent(content))
    if kind.certainty is not Certainty.TEXT:
        assert with_model(content) == kind


def test_without_the_extra_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_model, "IS_INSTALLED", False)
    assert with_model(PROSE) == kind_of(BytesContent(PROSE))


@pytest.mark.skipif(not text_model.IS_INSTALLED, reason="fileorg[magika] is not installed")
def test_the_model_settles_text_that_tells_nothing() -> None:
    assert with_model(PROSE).certainty is Certainty.TEXT
    script = b"@ECHO\nREN a b\nDEL /Q c\n" * 4
    assert kind_of(BytesContent(script)).certainty is Certainty.TEXT
    assert with_model(script).format == b"bat"
