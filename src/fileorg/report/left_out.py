"""What a scan or a comparison left out, for programs: what could not be read, and what has no content to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.formats import named
from fileorg.core.names import below
from fileorg.report.sentences import sentence
from fileorg.rules.ignore import IgnoreReason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fileorg.content.comparison import ComparisonSums
    from fileorg.core.reasons import Reason
    from fileorg.scan.walk import Seen


def unread_as_json(unread: Iterable[tuple[bytes, Reason]]) -> list[dict[str, str]]:
    """Return what could not be read, by absolute path, with the reasons."""
    return [
        {**named("path", path), "reason": sentence(reason), "reason_code": str(reason.code)} for path, reason in unread
    ]


def unreadable_as_json(seen: Seen) -> list[dict[str, str]]:
    """Return the folders that a scan could not read."""
    folders = zip(seen.unreadable_roots, seen.unreadable, strict=True)
    return unread_as_json((below(root, folder), reason) for root, (folder, reason) in folders)


def not_compared_as_json(sums: ComparisonSums, seen: Seen) -> dict[str, int]:
    """Return the numbers of what a comparison of contents passes over."""
    return {
        "excluded_files": sums.excluded,
        "empty_files": sums.empty,
        "empty_folders": seen.empty_folders,
        "links": seen.links,
        "other_file_systems": seen.ignored[IgnoreReason.EXCLUDED],
        "own_folders": seen.ignored[IgnoreReason.OURS],
    }
