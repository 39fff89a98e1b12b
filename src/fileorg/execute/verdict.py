"""What came of a row or of a record: a verdict, or while it is done, a refusal."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from fileorg.core.model import INTERRUPTED, RecordState

if TYPE_CHECKING:
    from collections.abc import Mapping


class Refusal(Exception):
    """A file that is not done, and why."""

    def __init__(self, state: RecordState, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


class Verdict(NamedTuple):
    """What became of one record."""

    state: RecordState
    reason: str | None = None
    columns: Mapping[str, Any] = MappingProxyType({})


DONE = Verdict(RecordState.DONE)
NOT_DONE = Verdict(RecordState.SKIPPED, INTERRUPTED)
CUT_SHORT = Verdict(RecordState.SKIPPED, "the run was interrupted while it was done; what there was of it is gone")
"""Also noted before anything of it is taken away: so a second recovery knows that folders were disturbed."""
TAKEN = Verdict(RecordState.CONFLICT, "the name is taken")
CHANGED = Verdict(RecordState.CHANGED, "after the crash, neither name holds the file as it was; nothing was touched")
