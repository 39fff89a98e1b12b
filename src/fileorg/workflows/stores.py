"""Roots in object stores: their URLs, what commands can do with them, and their storages."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, cast

from fileorg.core.confinement import check_path
from fileorg.core.errors import ErrorCode, FileorgError, StorageFailure, UsageError
from fileorg.core.figures import plural
from fileorg.core.model import GIVEN
from fileorg.core.names import display, is_folder, is_within, overlap, scheme_of
from fileorg.core.state import default_config_path
from fileorg.core.tuples import NamedTuple
from fileorg.storage.base import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fileorg.core.model import PlanRow
    from fileorg.core.store_settings import StoreSettings
    from fileorg.storage.base import Storage
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.object.client import ObjectClient
    from fileorg.storage.object.object_storage import ObjectStorage
    from fileorg.storage.object.store_error import StoreError


_NAMED = 20
_DENIED = {
    "s3:ListBucket": "{} cannot be listed",
    "s3:GetObject": "Objects in {} cannot be read",
    "s3:PutObject": "{} cannot be written to",
    "s3:DeleteObject": "Objects in {} cannot be removed",
}
"""What cannot be done without a permission."""
_CREDENTIALS = "give them by the environment, a profile or a role: see docs/storage.md"


class StoreUrl(NamedTuple):
    """A bucket of a store, and a plain path in it: empty for the whole bucket."""

    scheme: str
    bucket: str
    prefix: bytes

    def __bytes__(self) -> bytes:
        return f"{self.scheme}://{self.bucket}".encode() + (b"/" + self.prefix if self.prefix else b"")


def parsed(url: bytes) -> StoreUrl:
    """Return the parts of a URL. Raises `UsageError`, without what may be a password."""
    scheme = scheme_of(url)
    bucket, _, prefix = url[len(scheme) + 3 :].partition(b"/")
    prefix = prefix.removesuffix(b"/")
    if b"@" in bucket:
        raise UsageError(
            f"A URL of {display(scheme)}:// holds no user and no password.",
            hint=_CREDENTIALS.replace("them", "the credentials"),
            code=ErrorCode.PATH_UNUSABLE,
        )
    is_text = _is_text(url)
    if not bucket or not is_text or not is_folder(prefix):
        why = "it is not UTF-8, as all names in a store are"
        if is_text:
            why = "it names no bucket" if not bucket else "its path has an empty part, a dot or two dots"
        raise UsageError(
            f"{display(url)} cannot be used: {why}.",
            hint="write it as s3://BUCKET/FOLDER",
            code=ErrorCode.PATH_UNUSABLE,
        )
    return StoreUrl(display(scheme), bucket.decode(), prefix)


def _is_text(name: bytes) -> bool:
    with contextlib.suppress(UnicodeDecodeError):
        name.decode()
        return True
    return False


def store_root(url: bytes) -> bytes:
    """Return the URL of a root as it is recorded. Raises `UsageError`."""
    check_path(url)
    return bytes(parsed(url))


def cannot_yet(what: str, url: bytes) -> UsageError:
    """Return the error for a request that does not work on stores."""
    return UsageError(
        f"fileorg cannot yet {what} on {display(scheme_of(url))}://.",
        hint="docs/storage.md says what works instead",
        code=ErrorCode.PATH_UNUSABLE,
        path=url,
    )


def refuse_in_stores(places: Iterable[bytes], what: str) -> None:
    """Raise `UsageError` if one of the paths is a URL, for a request that does not work on stores."""
    if (url := next(filter(scheme_of, places), None)) is not None:
        parsed(url)  # a password in it is not shown
        raise cannot_yet(what, url)


def open_store(stack: contextlib.ExitStack, url: bytes) -> LocalStorage:
    """Return the storage of a URL, once a first request has been answered; `stack` closes it. Raises `FileorgError`."""
    from fileorg.storage.object.object_storage import ObjectStorage
    from fileorg.storage.object.store_error import StoreError

    scheme, bucket, prefix = parsed(url)
    storage = stack.enter_context(contextlib.closing(ObjectStorage(_open_client(url, scheme, bucket), prefix)))
    try:
        storage.ask_first()
    except StoreError as error:
        raise failure(error, url) from error
    # The parts of fileorg that all storages share call nothing that this one does not have; actions know their kind.
    return cast("LocalStorage", storage)


def open_bucket(url: bytes) -> ObjectClient:
    """Return the client of the bucket of a URL: see `opener.open_client`. Raises `UsageError`, `StorageFailure`."""
    if not scheme_of(url):
        raise UsageError(
            f"{display(url)} is not a URL of an object store.",
            hint="write it as s3://BUCKET/FOLDER",
            code=ErrorCode.PATH_UNUSABLE,
        )
    scheme, bucket, _ = parsed(url)
    return _open_client(url, scheme, bucket)


def _open_client(url: bytes, scheme: str, bucket: str) -> ObjectClient:
    """Return the client of a bucket. Raises `UsageError`, `StorageFailure`."""
    check_path(url)
    from fileorg.storage.object.opener import MEMORY, S3, open_client

    configured = _configured() if scheme != MEMORY else {}
    if scheme not in configured and _is_for_reading(scheme):
        from fileorg.storage.object.fsspec_client import open_readable

        return open_readable(scheme, bucket)
    if scheme not in {MEMORY, S3, *configured}:
        small = scheme.lower()
        way = f"it opens s3:// and folders; for another service, add [storage.{scheme}] to fileorg.toml"
        raise UsageError(
            f"fileorg cannot open {scheme}:// URLs: {display(url)}.",
            hint=way if scheme == small else f"write {small}:// in small letters",
            code=ErrorCode.PATH_UNUSABLE,
        )
    return open_client(scheme, bucket, configured.get(scheme))


def check_changeable(url: bytes) -> None:
    """Raise `UsageError` for a store that fileorg can only read, because no request there can have a condition."""
    scheme = display(scheme_of(url))
    if scheme not in _configured() and _is_for_reading(scheme):
        raise cannot_yet("change anything", url)


def _is_for_reading(scheme: str) -> bool:
    from fileorg.storage.object.opener import READABLE

    return scheme in READABLE


def _configured() -> Mapping[str, StoreSettings]:
    """Return the stores of the configuration, by scheme. Raises `ConfigError`."""
    path = GIVEN.configuration or os.environb.get(b"FILEORG_CONFIG") or default_config_path()
    if not os.path.lexists(path):
        return {}
    from fileorg.rules.config_file import read_configuration

    return read_configuration(path, with_rules=False).stores


def refuse_second_names(storages: Iterable[Storage]) -> None:
    """Raise `UsageError` if two schemes of the configuration lead to one place of a bucket: each object there would be
    found in itself. Places of one scheme are compared by their URLs, before.
    """
    known: list[tuple[bytes, bytes]] = []
    for storage in storages:
        client = cast("ObjectStorage", storage).client
        service = os.fsencode(f"{client.endpoint or client.service}/{client.bucket}")
        place = service + storage.root[len(os.fsencode(client.url)) :]
        for other, root in known:
            if overlap(place, other):
                raise UsageError(
                    f"{display(storage.root)} and {display(root)} lead to one bucket.",
                    hint="give one of them",
                    code=ErrorCode.OVERLAPPING,
                    path=storage.root,
                )
        known.append((place, storage.root))


def etags_of(storages: Sequence[Storage]) -> Callable[[PlanRow], str]:
    """Return a function that returns the ETag by which a row of a plan knows its object; empty for a file."""
    from fileorg.storage.object.client import etag_token

    def etag(row: PlanRow) -> str:
        storage = storages[row.source_base]
        if storage.kind is Kind.LOCAL or not row.source_name:
            return ""
        listed = cast("ObjectStorage", storage).listed(row.source_folder, row.source_name)
        return listed.etag if listed is not None and etag_token(listed.etag) == row.inode else ""

    return etag


def nothing_in(storage: Storage) -> UsageError | None:
    """Return the error for a folder of a store in which there is nothing: its name may be misspelled."""
    if cast("ObjectStorage", storage).has_any:
        return None
    return UsageError(
        f"There is nothing in {display(storage.root)}.",
        hint="check the spelling: a folder of a store exists as long as an object is in it",
        code=ErrorCode.PATH_UNUSABLE,
        path=storage.root,
    )


def notes_on_left(urls: Iterable[bytes], storages: Sequence[Storage]) -> list[str]:
    """Return a note for each folder that has objects after a run that moved all of it: those that came meanwhile, those
    that could not be moved, and keys that no path can name.
    """
    from fileorg.storage.object.store_error import StoreError

    notes = []
    stores = [cast("ObjectStorage", each) for each in storages if each.kind is not Kind.LOCAL]
    for url in urls:
        store = next(each for each in stores if is_within(url, each.root))
        prefix = url[len(os.fsencode(store.client.url)) + 1 :] + b"/"
        try:
            page = next(store.client.pages(prefix), [])
        except StoreError:
            break  # the run has told of it, and each request may wait for half a minute
        if page:
            some = ", ".join(display(each.key[len(prefix) :]) or "the marker of the folder" for each in page[:_NAMED])
            more = f" and more: {some}" if len(page) > _NAMED else f": {some}"
            notes.append(f"{plural(min(len(page), _NAMED), 'object')} still in {display(url)}{more}.")
    return notes


def failure(error: StoreError, url: bytes, *, left: bytes = b"") -> FileorgError:
    """Return the error for a store that does not answer as it should. `left` is an object that a probe could not
    remove.
    """
    from fileorg.storage.object.store_error import StoreCode

    shown = display(url)
    bucket = display(url.split(b"/", 3)[2])
    denied = str(error.permission or "s3:ListBucket")
    said, hint = {
        StoreCode.NO_BUCKET: (f"There is no bucket {bucket}.", "check the spelling, and the endpoint of the store"),
        StoreCode.NO_CREDENTIALS: (f"No credentials were found for {shown}.", _CREDENTIALS),
        StoreCode.BAD_CREDENTIALS: (f"The credentials for {shown} are not valid.", _CREDENTIALS),
        StoreCode.EXPIRED: (f"The credentials for {shown} have expired.", "renew them, then run the command again"),
        StoreCode.NO_PROFILE: (f"The profile for {shown} does not exist.", "check the names in ~/.aws"),
        StoreCode.DENIED: (
            f"{_DENIED.get(denied, '{} cannot be used').format(shown)}: access denied.",
            f"it needs the permission {denied}" + (f"; it leaves {display(left)} there" if left else ""),
        ),
        StoreCode.BAD_SETTINGS: (
            f"The settings of AWS for {shown} cannot be used: {error.detail}.",
            "check ~/.aws/config, and the variables that begin with AWS_: endpoint, profile, certificates",
        ),
        StoreCode.WRONG_REGION: (f"{bucket} is in another region.", "give its region in the profile or the settings"),
        StoreCode.CLOCK_SKEW: (f"{shown} refuses the time of this computer.", "set its clock"),
        StoreCode.NOT_A_STORE: (f"What answers for {shown} is no object store.", "check the endpoint, or a proxy"),
        StoreCode.NO_NETWORK: (f"{shown} cannot be reached.", "check the network and the endpoint"),
        StoreCode.REQUESTER_PAYS: (f"{bucket} bills its readers.", "set requester_pays = true: see docs/storage.md"),
    }.get(error.code, (f"{shown} cannot be used: {error.strerror}.", "docs/storage.md describes the stores"))
    usage = error.is_permanent
    kind: type[FileorgError] = UsageError if usage else StorageFailure
    return kind(said, hint=hint, code=ErrorCode.PATH_UNUSABLE if usage else ErrorCode.STORAGE, path=url)
