"""SQL that matches the folders of different operations by absolute path, since their roots may differ."""

from __future__ import annotations

BASES = (
    "bases(operation, base, root) AS (SELECT id, 0, root FROM operations"
    " UNION ALL SELECT id, 1, coalesce(dest, root) FROM operations"
    " UNION ALL SELECT operation, base, path FROM roots WHERE base > 1)"
)
"""A common table expression: the directories of each operation."""

FOLDERS = "folders f JOIN bases b ON b.operation = f.operation AND b.base = f.base"
ABSOLUTE = "CAST(b.root || CASE WHEN length(f.path) THEN x'2f' || f.path ELSE x'' END AS BLOB)"
"""The absolute path of such a folder."""

MADE = "CAST(CASE WHEN length(above.path) THEN above.path || x'2f' ELSE x'' END || r.target_name AS BLOB)"
"""The path of the folder that a record `r` makes in the folder `above`."""
