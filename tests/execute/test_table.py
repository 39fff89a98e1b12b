"""Each action is complete: it has a handler and an inverse."""

from __future__ import annotations

from fileorg.core.model import INVERSE, Action
from fileorg.execute.actions.table import TABLE
from fileorg.storage.base import Kind


def test_every_action_is_carried_out_on_local_files() -> None:
    assert {action for action, *kinds in TABLE if kinds == [Kind.LOCAL, Kind.LOCAL]} == set(Action)


def test_the_inverse_of_the_inverse_is_the_action() -> None:
    assert {action: INVERSE[INVERSE[action]] for action in Action} == {action: action for action in Action}
