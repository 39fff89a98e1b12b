"""A client of a store between fileorg and the real one: it ends the run at a request, or loses an answer.

A request for several rows is made row by row, so that a run can end between any two of them.
"""

from __future__ import annotations

import threading
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NoReturn

from fileorg.storage.object.client import ObjectOutcome, Result
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from fileorg.storage.object.client import ObjectClient, ObjectCopy, ObjectDeletion


class Killed(BaseException):
    """Ends a run at once, as `kill -9` does: nothing in fileorg catches it."""


def _end() -> NoReturn:
    raise Killed


class Fault(Enum):
    """What happens at one request."""

    KILL_BEFORE = auto()
    KILL_AFTER = auto()
    LOSE_THE_REQUEST = auto()
    LOSE_THE_ANSWER = auto()
    FAIL = auto()
    """The store refuses this row."""
    STORE_FAILS = auto()
    """The store refuses everything, so the client raises."""


KILLS = (Fault.KILL_BEFORE, Fault.KILL_AFTER)


class Order(Enum):
    """When the deletions of moved objects happen, where others are copied at the same time."""

    TOGETHER = auto()
    """After all copies."""
    EARLY = auto()
    """Each before the next copy."""
    LATE = auto()
    """Each when its result is waited for."""


class Faults:
    """The fault to come, and the requests so far."""

    def __init__(self) -> None:
        self.order = Order.TOGETHER
        self.requests = 0
        self._at, self._fault = -1, Fault.KILL_BEFORE
        self.happened = False
        self._lock = threading.Lock()
        self.die: Callable[[], NoReturn] = _end
        """Ends the run."""

    def arm(self, fault: Fault, at: int) -> None:
        """Have a fault happen at the request `at`, counted from now."""
        self.requests, self._at, self._fault, self.happened = 0, at, fault, False

    def disarm(self) -> None:
        self._at = -1

    def due(self) -> Fault | None:
        with self._lock:  # uploads are under way at once
            self.requests += 1
            if self.requests - 1 != self._at:
                return None
            self.happened = True
            return self._fault


class FaultyClient:
    """An `ObjectClient` with faults."""

    def __init__(self, client: ObjectClient, faults: Faults) -> None:
        self._client = client
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        """Return the same of the real client; its requests have faults."""
        found = getattr(self._client, name)
        if name in {"copy", "delete", "remove_markers", "abort"}:
            return lambda rows, **more: [self._row(found, number, row, more) for number, row in enumerate(rows)]
        if name == "copying":
            return self._copying
        if name == "deleting":
            return self._deleting
        if name == "put":
            return lambda *what, **more: self._outcome(lambda: found(*what, **more))
        if name in {"head", "pages", "pages_in_any_order", "read", "tags", "uploads", "has_versions"}:
            return lambda *what, **more: self._answer(lambda: found(*what, **more))
        return found

    def _copying(self, rows: Sequence[ObjectCopy], **more: Any) -> Generator[list[tuple[int, ObjectOutcome]]]:
        made = ((number, self._row(self._client.copy, number, row, more)) for number, row in enumerate(rows))
        if self._faults.order is Order.TOGETHER:
            yield list(made)
        else:
            for each in made:
                yield [each]

    def _deleting(self, rows: Sequence[ObjectDeletion]) -> Callable[[], list[ObjectOutcome]]:
        def make() -> list[ObjectOutcome]:
            return [self._row(self._client.delete, number, row, {}) for number, row in enumerate(rows)]

        if self._faults.order is Order.LATE:
            return make
        made = make()
        return lambda: made

    def _row(
        self, do: Callable[..., Sequence[ObjectOutcome]], number: int, row: object, more: dict[str, Any]
    ) -> ObjectOutcome:
        def begins(_: int, upload: str) -> None:
            more["begun"](number, upload)
            if self._faults.due() in KILLS:
                self._faults.die()

        noted = more | ({"begun": begins} if "begun" in more else {})
        return self._outcome(lambda: do([row], **noted)[0], is_first=not number)

    def _outcome(self, do: Callable[[], ObjectOutcome], *, is_first: bool = True) -> ObjectOutcome:
        match self._faults.due():
            case None:
                return do()
            case Fault.KILL_BEFORE:
                self._faults.die()
            case Fault.KILL_AFTER:
                do()
                self._faults.die()
            case Fault.LOSE_THE_REQUEST:
                return ObjectOutcome(Result.AMBIGUOUS, error=StoreError(StoreCode.TIMED_OUT))
            case Fault.LOSE_THE_ANSWER:
                do()
                return ObjectOutcome(Result.AMBIGUOUS, error=StoreError(StoreCode.TIMED_OUT))
            case Fault.FAIL:
                return ObjectOutcome(Result.FAILED, error=StoreError(StoreCode.DENIED, "AccessDenied"))
            case Fault.STORE_FAILS:
                if not is_first:  # something was done for the rows before
                    return ObjectOutcome(Result.FAILED, error=StoreError(StoreCode.NO_NETWORK))
                raise StoreError(StoreCode.NO_NETWORK)
        raise AssertionError("the run has ended")

    def _answer(self, do: Callable[[], Any]) -> Any:
        match self._faults.due():
            case Fault.KILL_BEFORE | Fault.KILL_AFTER:
                self._faults.die()
            case Fault.FAIL | Fault.STORE_FAILS | Fault.LOSE_THE_REQUEST | Fault.LOSE_THE_ANSWER:
                raise StoreError(StoreCode.TIMED_OUT)
            case _:
                return do()
        raise AssertionError("the run has ended")
