"""What a store really does: requests with wrong conditions, in a scratch prefix. The usual failure is a silent success.

A probe decides by what the store has afterwards, not only by what it said.
"""

from __future__ import annotations

import contextlib
import errno
import threading
from enum import StrEnum
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple
from fileorg.storage.object.client import (
    ObjectCopy,
    ObjectDeletion,
    ObjectOutcome,
    Precondition,
    Result,
    StoredObject,
    head_one,
)
from fileorg.storage.object.store_error import Permission, StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from fileorg.storage.object.client import ObjectClient

_WRONG = "0123456789abcdef0123456789abcdef"
"""An ETag that no object has."""
_FIRST = b"first"
_WRITERS = 8
_ROUNDS = 3


class ProbeVerdict(StrEnum):
    """What a probe found."""

    KEPT = "kept"
    """The condition was heeded, or the feature is there."""
    IGNORED = "ignored"
    """The store claimed success and did what it was told not to do."""
    MISSING = "missing"
    """The store refused the request as a whole, or does not have the feature: nothing was done."""
    FAILED = "failed"
    """The probe could not be made: see its error."""


class ProbeSubject(StrEnum):
    """What is probed beside the conditions of `Precondition`."""

    RACE = "race"
    CHECKSUMS = "checksums"
    METADATA = "metadata"
    VERSIONS = "versions"


class ProbeResult(NamedTuple):
    """What one probe found. `subject` is a `Precondition` or a `ProbeSubject`."""

    subject: str
    verdict: ProbeVerdict
    error: StoreError | None = None


MOVES = frozenset(
    {
        Precondition.COPY_IF_ABSENT,
        Precondition.COPY_IF_MATCH,
        Precondition.DELETE_IF_MATCH,
    }
)
"""What each move needs: else it could overwrite, copy something else, or remove what was not copied."""
_REMOVING = frozenset({Precondition.DELETE_IF_MATCH, Precondition.BATCH_DELETE_IF_MATCH})
UPLOADS = frozenset({Precondition.PUT_IF_ABSENT})
LARGE = frozenset({Precondition.COMPLETE_IF_ABSENT})


def moves_need(client: ObjectClient) -> frozenset[Precondition]:
    """Return what moves in a store need, once a request was answered there."""
    return MOVES | {Precondition.BATCH_DELETE_IF_MATCH} if client.deletes_many else MOVES


def is_missing_right(error: StoreError) -> bool:
    """Return whether the store would answer after a change of rights, credentials or the clock: this says nothing of
    its conditions.
    """
    return error.errno == errno.EACCES


def unmet(results: list[ProbeResult], needed: frozenset[Precondition]) -> list[Precondition]:
    """Return the conditions that are needed and not heeded. If a race has several winners where one writer alone is
    refused, the store looks first and writes then: no condition on the target counts.
    """
    kept = {each.subject for each in results if each.verdict is ProbeVerdict.KEPT}
    if Precondition.COPY_IF_ABSENT in kept and ProbeSubject.RACE not in kept:
        kept -= {Precondition.COPY_IF_ABSENT, Precondition.PUT_IF_ABSENT, Precondition.COMPLETE_IF_ABSENT}
    return sorted(needed - kept)


class StoreProbe:
    """The probes of one store. All keys are below `scratch`, which nothing else uses."""

    def __init__(self, client: ObjectClient, scratch: bytes) -> None:
        self._client, self._scratch = client, scratch

    def left(self, error: StoreError) -> bytes:
        """Return the key of the object that stays after an error of `results`; empty for none."""
        return self._key(_FIRST) if error.permission is Permission.DELETE else b""

    def results(self, subjects: Collection[str] | None = None) -> Iterator[ProbeResult]:
        """Yield the result of each probe, or of those with these subjects.

        Removes all its objects at the end, also after an error. Raises `StoreError` if the first write fails, or if a
        right is missing: then nothing can be said of the store. Without the right to remove, one object stays there.
        """
        probes: dict[str, Callable[[], ProbeVerdict]] = {
            Precondition.PUT_IF_ABSENT: self._put_if_absent,
            Precondition.COPY_IF_ABSENT: self._copy_if_absent,
            Precondition.COPY_IF_MATCH: self._copy_if_match,
            Precondition.DELETE_IF_MATCH: lambda: self._delete_if_match(1),
            Precondition.BATCH_DELETE_IF_MATCH: lambda: self._delete_if_match(2),
            Precondition.COMPLETE_IF_ABSENT: self._complete_if_absent,
            ProbeSubject.RACE: self._race,
            ProbeSubject.METADATA: self._metadata,
            ProbeSubject.CHECKSUMS: self._checksums,
            ProbeSubject.VERSIONS: self._versions,
        }
        try:
            first = self._write(_FIRST)
            if subjects is None or not _REMOVING.isdisjoint(subjects):
                self._remove(first)  # before there are more that may have to stay
            for subject, probe in probes.items():
                if subjects is not None and subject not in subjects:
                    continue
                if subject == Precondition.BATCH_DELETE_IF_MATCH and not self._client.deletes_many:
                    continue
                try:
                    yield ProbeResult(subject, probe())
                except StoreError as error:
                    if is_missing_right(error) and subject not in LARGE:
                        raise
                    is_missing = error.code is StoreCode.UNSUPPORTED
                    yield ProbeResult(subject, ProbeVerdict.MISSING if is_missing else ProbeVerdict.FAILED, error)
        finally:
            self._clear()

    def _key(self, name: bytes) -> bytes:
        return self._scratch + name

    def _write(self, name: bytes, content: bytes = b"fileorg") -> StoredObject:
        outcome = self._client.put(self._key(name), content, if_absent=False)
        _check(outcome)
        return StoredObject(self._key(name), len(content), outcome.mtime_ns, outcome.etag, version=outcome.version)

    def _remove(self, there: StoredObject) -> None:
        """Remove an object. Raises `StoreError` if a right is missing, or the store fails for a moment."""
        [outcome] = self._client.delete([ObjectDeletion(there.key, there.etag)])
        if (error := outcome.error) is not None and (is_missing_right(error) or not error.is_permanent):
            raise error

    def _is_there(self, key: bytes) -> bool:
        return head_one(self._client, key) is not None

    def _find(self, name: bytes) -> StoredObject:
        found = head_one(self._client, self._key(name))
        if found is None:
            raise StoreError(StoreCode.GONE)
        return found

    def _copy(self, source: StoredObject, name: bytes, etag: str) -> ObjectOutcome:
        return self._client.copy([ObjectCopy(source.key, etag, self._key(name), source.size)])[0]

    def _put_if_absent(self) -> ProbeVerdict:
        before = self._write(b"put", b"one")
        outcome = self._client.put(before.key, b"another")
        return _verdict(outcome, Result.TARGET_EXISTS, is_harmed=self._find(b"put").etag != before.etag)

    def _copy_if_absent(self) -> ProbeVerdict:
        source, before = self._write(b"source", b"one"), self._write(b"target", b"another")
        outcome = self._copy(source, b"target", source.etag)
        return _verdict(outcome, Result.TARGET_EXISTS, is_harmed=self._find(b"target").etag != before.etag)

    def _copy_if_match(self) -> ProbeVerdict:
        source = self._write(b"changed")
        outcome = self._copy(source, b"copy of changed", _WRONG)
        return _verdict(outcome, Result.CHANGED, is_harmed=self._is_there(self._key(b"copy of changed")))

    def _delete_if_match(self, count: int) -> ProbeVerdict:
        """Try to delete with wrong ETags: one object has a request of its own, several share one."""
        kept = [self._write(b"kept %d" % number) for number in range(count)]
        outcomes = self._client.delete([ObjectDeletion(each.key, _WRONG) for each in kept])
        is_harmed = not all(self._is_there(each.key) for each in kept)
        verdicts = [_verdict(each, Result.CHANGED, is_harmed=is_harmed) for each in outcomes]
        return max(verdicts, key=list(ProbeVerdict).index)

    def _complete_if_absent(self) -> ProbeVerdict:
        before = self._write(b"parts")
        outcome = self._client.put(before.key, b"another", in_parts=True)  # of one part, which may be small
        return _verdict(outcome, Result.TARGET_EXISTS, is_harmed=self._find(b"parts").etag != before.etag)

    def _race(self) -> ProbeVerdict:
        """Let several writers copy onto one key at once: exactly one may succeed. All rounds are under way at once,
        because some stores let a writer wait for seconds.
        """
        sources = [self._write(b"racer %d" % number, b"%d" % number) for number in range(_WRITERS)]
        names = [b"won %d" % number for number in range(_ROUNDS)]
        for name, outcomes in self._raced(sources, names).items():
            won = [each for each in outcomes if each.result is Result.DONE]
            # An ambiguous answer is no lie; nobody knows who has won then.
            if len(won) > 1 or (won and self._find(name).etag != won[0].etag):
                return ProbeVerdict.IGNORED
        return ProbeVerdict.KEPT

    def _raced(self, sources: list[StoredObject], names: list[bytes]) -> dict[bytes, list[ObjectOutcome]]:
        outcomes: dict[bytes, list[ObjectOutcome]] = {name: [] for name in names}
        start = threading.Barrier(len(sources) * len(names))

        def run(source: StoredObject, name: bytes) -> None:
            start.wait()
            outcomes[name].append(self._copy(source, name, source.etag))

        threads = [threading.Thread(target=run, args=(each, name)) for name in names for each in sources]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return outcomes

    def _metadata(self) -> ProbeVerdict:
        """Copy an object with metadata and a header, and see whether both are there."""
        headers = {"content-type": "text/x-fileorg"}
        _check(self._client.put(self._key(b"meta"), b"x", if_absent=False, metadata={"fileorg": "1"}, headers=headers))
        source = self._find(b"meta")
        _check(self._copy(source, b"copy of meta", source.etag))
        copied = self._find(b"copy of meta")
        is_same = copied.metadata == {"fileorg": "1"} and headers.items() <= copied.headers.items()
        return ProbeVerdict.KEPT if is_same else ProbeVerdict.IGNORED

    def _checksums(self) -> ProbeVerdict:
        self._write(b"checksum")
        return ProbeVerdict.KEPT if self._find(b"checksum").checksums else ProbeVerdict.MISSING

    def _versions(self) -> ProbeVerdict:
        return ProbeVerdict.KEPT if self._client.has_versions() else ProbeVerdict.MISSING

    def _clear(self) -> None:
        """Remove what the probes wrote, as far as the store lets them."""
        with contextlib.suppress(StoreError):  # this takes a right of its own
            self._client.abort(self._client.uploads(self._scratch))
        with contextlib.suppress(StoreError):
            for page in list(self._client.pages(self._scratch)):
                self._client.delete([ObjectDeletion(each.key, each.etag) for each in page])


def _check(outcome: ObjectOutcome) -> None:
    if outcome.result is not Result.DONE:
        raise outcome.error or StoreError(StoreCode.UNKNOWN, outcome.result)


def _verdict(outcome: ObjectOutcome, expected: Result, *, is_harmed: bool) -> ProbeVerdict:
    """Return the verdict about a request that should have been refused."""
    if is_harmed or outcome.result is Result.DONE:
        return ProbeVerdict.IGNORED
    if outcome.result is expected:
        return ProbeVerdict.KEPT
    raise outcome.error or StoreError(StoreCode.UNKNOWN, outcome.result)
