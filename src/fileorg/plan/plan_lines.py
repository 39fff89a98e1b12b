"""A plan as lines of JSON for people and other programs: a line for each file, with absolute paths.

The form can be kept, reviewed and changed: `path` and `new_path`, what is done, and the size and the time that the file
had when the plan was made.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fileorg.core.formats import iso, named
from fileorg.core.model import FOLDER_ACTIONS
from fileorg.core.names import below, join

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fileorg.core.model import Base, Plan, PlanRow

_ROWS = 4096


def plan_lines(plan: Plan, roots: Mapping[Base, bytes]) -> Iterator[str]:
    """Yield a line for each file of the plan that is not skipped. Missing folders have none: whoever carries out the
    plan makes them. `roots` are the absolute paths of the bases.
    """
    for batch in plan.batches(_ROWS):
        for row in batch:
            if row.action not in FOLDER_ACTIONS and row.reason is None:
                yield json.dumps(_fields(row, roots))


def _fields(row: PlanRow, roots: Mapping[Base, bytes]) -> dict[str, Any]:
    return {
        "action": str(row.action),
        **named("path", below(roots[row.source_base], join(row.source_folder, row.source_name))),
        **named("new_path", below(roots[row.target_base], join(row.target_folder, row.target_name))),
        "size_bytes": row.size,
        "mtime": iso(row.mtime_ns),
    }
