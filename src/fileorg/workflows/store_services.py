"""The services behind the URLs of an operation: if a URL leads to another one later, its objects are not those."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fileorg.core.errors import ErrorCode, UsageError
from fileorg.journal.rows import parsed_options
from fileorg.storage.base import Kind
from fileorg.storage.object.s3 import aws_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation
    from fileorg.storage.base import Storage
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.object.object_storage import ObjectStorage

_SERVICES = "services"


class AnotherService(UsageError):
    """Raised for a URL that leads to another service than when an operation worked there."""

    code = ErrorCode.ANOTHER_FOLDER


def services_of(storages: Sequence[Storage]) -> dict[str, dict[str, str]]:
    """Return the services of stores as a fact of an operation; empty without a store."""
    found = {store.client.url: _service(store.client.endpoint) for store in _stores(storages)}
    found = {url: service for url, service in found.items() if service}
    return {_SERVICES: found} if found else {}


def check_services(journal: Journal, operation: Operation, storages: Sequence[LocalStorage]) -> None:
    """Raise `AnotherService` if the objects of an operation are in another service than its URLs lead to now. A service
    with a new address still has them, with the times that it gave them: a copy of the bucket has not.
    """
    known = parsed_options(operation.options).get(_SERVICES)
    if not isinstance(known, dict):
        return
    for store in _stores(storages):
        before, now = known.get(store.client.url), _service(store.client.endpoint)
        if isinstance(before, str) and before != now:
            from fileorg.execute.recovery import has_object_of  # addresses seldom change

            if not has_object_of(journal, operation, storages):
                raise AnotherService(
                    f"{store.client.url} was at {before} during operation {operation.id}, and leads to"
                    f" {now or 'another service'} now.",
                    hint="set the endpoint as it was: see docs/storage.md",
                    path=store.root,
                )


def _stores(storages: Sequence[Storage]) -> Iterator[ObjectStorage]:
    for storage in dict.fromkeys(storages):
        if storage.kind is Kind.OBJECT:
            yield cast("ObjectStorage", storage)


def _service(endpoint: str) -> str:
    return aws_of(endpoint) or endpoint.rstrip("/")
