"""What the person has set: the folders, and what an assistant may do there."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Approval(StrEnum):
    """Which plans wait for `fileorg jobs approve`, which no tool can do."""

    ALWAYS = "always"
    LARGE = "large"  # those of more than `max_changes` files
    NEVER = "never"  # a larger plan is refused


class ServerSettings(NamedTuple):
    """The options of `fileorg mcp`."""

    roots: Sequence[bytes]
    allow_changes: bool
    max_changes: int
    approve: Approval

    def waits(self, files: int) -> bool:
        """Return whether a plan with so many files waits for the person."""
        if self.approve is Approval.LARGE:
            return files > self.max_changes
        return self.approve is Approval.ALWAYS


def settings_of(text: str) -> ServerSettings:
    """Return the settings that `fileorg mcp` passes as JSON."""
    found = json.loads(text)
    roots = [os.fsencode(root) for root in found["roots"]]
    return ServerSettings(roots, bool(found["allow_changes"]), int(found["max_changes"]), Approval(found["approve"]))
