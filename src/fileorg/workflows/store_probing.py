"""What a store does with the conditions that fileorg relies on, and what fileorg therefore does there."""

from __future__ import annotations

import contextlib
import secrets
from enum import StrEnum
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple
from fileorg.workflows.stores import failure, open_bucket, parsed, store_root

if TYPE_CHECKING:
    from fileorg.storage.object.probes import ProbeResult

_R2 = ".r2.cloudflarestorage.com"


class StoreUse(StrEnum):
    """What fileorg does in a store that may be safe or not."""

    MOVE = "move"
    """organize, dedupe, clean, undo within the store."""
    UPLOAD = "upload"
    """Files of a disk come into the store."""
    LARGE = "large"
    """Objects above the limit for one request are moved or uploaded."""


class CheckedUse(NamedTuple):
    """A use, and the conditions that it lacks here: none if it is safe."""

    use: StoreUse
    unmet: list[str]


class CheckedStore(NamedTuple):
    """What was found of one store. `is_r2` marks a service that has not been tested with fileorg."""

    url: bytes
    service: str
    results: list[ProbeResult]
    uses: list[CheckedUse]
    is_r2: bool


def check_store(url: bytes) -> CheckedStore:
    """Probe a store in a scratch prefix below the URL, which is removed afterwards.

    Raises `FileorgError` if a right is missing there, or the store does not answer.
    """
    from fileorg.storage.object.probes import LARGE, UPLOADS, StoreProbe, moves_need, unmet
    from fileorg.storage.object.store_error import StoreError

    root, prefix = store_root(url), parsed(url).prefix
    scratch = (prefix + b"/" if prefix else b"") + f".fileorg-check-{secrets.token_hex(8)}/".encode()
    with contextlib.closing(open_bucket(url)) as client:
        probe = StoreProbe(client, scratch)
        try:
            next(client.pages(scratch), None)
            results = list(probe.results())
        except StoreError as error:
            raise failure(error, root, left=probe.left(error)) from error
        moves = moves_need(client)
        service = client.endpoint or client.service  # known now, also if it comes from the environment
    needed = {StoreUse.MOVE: moves, StoreUse.UPLOAD: UPLOADS, StoreUse.LARGE: moves | LARGE}
    uses = [CheckedUse(use, [each.value for each in unmet(results, conditions)]) for use, conditions in needed.items()]
    return CheckedStore(root, service, results, uses, service.endswith(_R2))
