"""A series of commands in one process begins each of them in the first state of all modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.series import FirstState

from fileorg.core import names, retry

if TYPE_CHECKING:
    import pytest


def test_what_requests_change_is_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    first, clock = FirstState(frozenset({"fileorg.core.retry"})), retry.CLOCK
    monkeypatch.setattr(retry, "CLOCK", None)
    assert first.changes() == ["fileorg.core.retry.CLOCK"]
    first.restore()
    assert first.changes() == []
    assert retry.CLOCK is clock


def test_what_is_not_reset_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    first = FirstState(frozenset({"fileorg.core.retry"}))
    monkeypatch.setattr(names, "display", None)
    first.restore()
    assert first.changes() == ["fileorg.core.names.display"]
