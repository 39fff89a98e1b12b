"""Results of rows and records: a verdict, or while a row is applied, a refusal."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from fileorg.core.model import RecordState
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Refusal(Exception):
    """Raised for a file that is not changed, with the state and the reason."""

    def __init__(
        self, state: RecordState, code: ReasonCode, about: bytes | None = None, number: int | None = None
    ) -> None:
        super().__init__(code)
        self.state = state
        self.reason = Reason(code, about, number)

    @classmethod
    def of_error(cls, error: OSError) -> Self:
        """Return the failure of a file as a refusal."""
        return cls(RecordState.FAILED, *Reason.of_error(error)[:3])


class Verdict(NamedTuple):
    """The result of one record."""

    state: RecordState
    reason: Reason | None = None
    columns: Mapping[str, Any] = MappingProxyType({})


DONE = Verdict(RecordState.DONE)
NOT_DONE = Verdict(RecordState.SKIPPED, Reason(ReasonCode.INTERRUPTED))
CUT_SHORT = Verdict(RecordState.SKIPPED, Reason(ReasonCode.CUT_SHORT))
"""Recorded before temporary files are removed, so that a second recovery knows which folders were changed."""
TAKEN = Verdict(RecordState.CONFLICT, Reason(ReasonCode.NAME_TAKEN))
CHANGED = Verdict(RecordState.CHANGED, Reason(ReasonCode.CHANGED_IN_CRASH))
EDITED = Verdict(RecordState.DONE, Reason(ReasonCode.EDITED))
GONE = Verdict(RecordState.MISSING, Reason(ReasonCode.LOST_IN_CRASH))
