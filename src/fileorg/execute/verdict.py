"""Results of rows and records: a verdict, or while a row is applied, a refusal; and what files have lost."""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from fileorg.core.figures import plural
from fileorg.core.model import RecordState
from fileorg.core.reasons import Lost, Reason, ReasonCode
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


_WORDS_OF_LOSSES = {Lost.ATTRIBUTE: "attributes"}


class Losses:
    """What was lost of the files of an operation."""

    def __init__(self) -> None:
        self._each: Counter[Lost] = Counter()
        self._files = 0

    def add(self, lost: Lost) -> None:
        """Count the losses of one file."""
        self._files += bool(lost)
        self._each.update(lost)

    def sentences(self, operation: int) -> list[str]:
        """Return a sentence on the attributes that were not preserved, or nothing."""
        if not self._files:
            return []
        each = Counter[str]()
        for lost, files in self._each.items():
            each[_WORDS_OF_LOSSES.get(lost, (lost.name or "").lower())] += files
        kinds = ", ".join(f"{word} of {files:,}" for word, files in each.items())
        what = plural(self._files, "file")
        return [f"Could not preserve all metadata of {what} ({kinds}): see fileorg files {operation}"]
