"""The brake: a run that wants far more than is usual for its folder waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LAST_RUNS = 20
"""The runs that tell what is usual."""
_FIRST_RUNS = 4
_TIMES = 10
_ALWAYS_FINE = 200


def largest_run(sizes: Sequence[int], max_changes: int | None) -> int | None:
    """Return the largest number of files that a run may change by itself, None for any number.

    `sizes` are those of the last runs in the folder. `max_changes` takes the place of what they say.
    """
    if max_changes is not None:
        return max_changes
    if len(sizes) < _FIRST_RUNS:
        return None
    return max(_ALWAYS_FINE, _TIMES * max(sizes[:LAST_RUNS]))
