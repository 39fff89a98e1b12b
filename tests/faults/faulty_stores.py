"""Stores with faults, and buckets of a real server that are ready for them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from tests.storage.object import servers
from tests.support.faulty_client import Faults, FaultyClient

from fileorg.storage.object.client import ObjectCopy, ObjectOutcome, Result
from fileorg.storage.object.memory import MemoryClient
from fileorg.storage.object.s3 import S3Client
from fileorg.storage.object.store_error import StoreCode, StoreError
from fileorg.workflows import stores
from fileorg.workflows.safe_stores import note_probed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest
    from tests.storage.object.servers import S3Server

    from fileorg.core.state import StateDirectory
    from fileorg.storage.object.client import ObjectClient, ObjectDeletion


def faults_of_all_stores(monkeypatch: pytest.MonkeyPatch) -> Faults:
    """Return the faults of all clients from now on. In memory, objects of more than three bytes go in parts."""
    found, opened = Faults(), stores._open_client

    def faulty(url: bytes, scheme: str, bucket: str) -> FaultyClient:
        in_memory = scheme == "memory"
        return FaultyClient(
            MemoryClient(bucket, part_limit_bytes=3) if in_memory else opened(url, scheme, bucket), found
        )

    monkeypatch.setattr(stores, "_open_client", faulty)
    return found


def make_probed_bucket(
    server: S3Server, name: str, state: StateDirectory, monkeypatch: pytest.MonkeyPatch, *, versions: bool = False
) -> None:
    """Make a bucket that fileorg reaches by its environment, and has probed: otherwise kills would leave objects of
    the probes.
    """
    servers.make_bucket(server, name, versions=versions)
    for variable, value in server.environment.items():
        monkeypatch.setenv(variable, value)
    with contextlib.closing(S3Client(name, server.settings)) as client:
        note_probed(state, client, [], only_uploads=False)


class LateDeletions:
    """Deletions that had no answer, and that a store in memory carries out later."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], object]] = []

    def come(self) -> None:
        """Carry them out. There are some."""
        assert self.waiting
        for delete in self.waiting:
            delete()


def late_deletions(monkeypatch: pytest.MonkeyPatch) -> LateDeletions:
    """Have the first deletion of each key come late."""
    found, seen, deleting = LateDeletions(), set[bytes](), MemoryClient.deleting

    def late(client: MemoryClient, rows: Sequence[ObjectDeletion]) -> Callable[[], list[ObjectOutcome]]:
        if {row.key for row in rows} <= seen:
            return deleting(client, rows)
        seen.update(row.key for row in rows)

        def come() -> None:
            deleting(client, rows)()

        found.waiting.append(come)
        lost = ObjectOutcome(Result.AMBIGUOUS, error=StoreError(StoreCode.TIMED_OUT, may_be_done=True))
        return lambda: [lost] * len(rows)

    monkeypatch.setattr(MemoryClient, "deleting", late)
    return found


class LateRequest(FaultyClient):
    """A client whose request for one object has no answer, and is carried out some requests later."""

    def __init__(self, client: ObjectClient, late: LateRequests) -> None:
        super().__init__(client, Faults())
        self._late = late

    def _row(
        self, do: Callable[..., Sequence[ObjectOutcome]], number: int, row: object, more: dict[str, Any]
    ) -> ObjectOutcome:
        self._late.row = row
        return super()._row(do, number, row, more)

    def _outcome(self, do: Callable[[], ObjectOutcome], *, is_first: bool = True) -> ObjectOutcome:  # noqa: ARG002
        return self._late.outcome(do)


class LateRequests:
    """Which copy or deletion has no answer, and when it is carried out."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._at = self._delay = self._requests = 0
        self._waiting: Callable[[], object] | None = None
        self.row: object = None
        self.happened = False
        self.copied = b""
        """The target of the copy that had no answer; empty if it was no copy."""
        monkeypatch.setattr(stores, "_open_client", lambda _, __, bucket: LateRequest(MemoryClient(bucket), self))

    def arm(self, at: int, delay: int) -> None:
        """Have the request `at` be carried out after `delay` other ones, counted from now."""
        self._at, self._delay, self._requests, self.happened = at, delay, 0, False

    def disarm(self) -> None:
        """Answer all further requests. One that has had no answer may still be carried out."""
        if not self.happened:
            self._at = -1

    def outcome(self, do: Callable[[], ObjectOutcome]) -> ObjectOutcome:
        self._requests += 1
        if self._requests - 1 == self._at:
            self.happened, self._waiting = True, do
            self.copied = self.row.target_key if isinstance(self.row, ObjectCopy) else b""
            return ObjectOutcome(Result.AMBIGUOUS, error=StoreError(StoreCode.TIMED_OUT, may_be_done=True))
        if self._requests - 1 > self._at + self._delay:
            self.come()
        return do()

    def come(self) -> None:
        """Carry out the request, if it was not yet."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting()


class Rights:
    """Keys that a store in memory lets nobody delete, and deletions without an answer that it carries out later."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.denied: set[bytes] = set()
        self.denies_all = False
        self.unanswered: set[bytes] = set()
        self.waiting: list[Callable[[], object]] = []
        deleting = MemoryClient.deleting

        def asked(client: MemoryClient, rows: Sequence[ObjectDeletion]) -> Callable[[], list[ObjectOutcome]]:
            def outcome(row: ObjectDeletion) -> ObjectOutcome:
                if self.denies_all or row.key in self.denied:
                    return ObjectOutcome(Result.FAILED, error=StoreError(StoreCode.DENIED))
                if row.key in self.unanswered:
                    self.waiting.append(lambda: deleting(client, [row]))
                    return ObjectOutcome(Result.AMBIGUOUS, error=StoreError(StoreCode.TIMED_OUT, may_be_done=True))
                return deleting(client, [row])()[0]

            outcomes = [outcome(row) for row in rows]
            return lambda: outcomes

        monkeypatch.setattr(MemoryClient, "deleting", asked)

    def come(self) -> None:
        """Carry out the deletions without an answer. There are some."""
        assert self.waiting
        for delete in self.waiting:
            delete()
