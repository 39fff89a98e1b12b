"""SQL by which folders of different operations are one. These may have different roots: absolute paths are compared."""

from __future__ import annotations

BASES = (
    "bases(operation, base, root) AS (SELECT id, 0, root FROM operations"
    " UNION ALL SELECT id, 1, coalesce(dest, root) FROM operations"
    " UNION ALL SELECT operation, base, path FROM roots WHERE base > 1)"
)
"""The directories of each operation."""

FOLDERS = "folders f JOIN bases b ON b.operation = f.operation AND b.base = f.base"
ABSOLUTE = "CAST(b.root || CASE WHEN length(f.path) THEN x'2f' || f.path ELSE x'' END AS BLOB)"
"""Where such a folder is."""

MADE = "CAST(CASE WHEN length(above.path) THEN above.path || x'2f' ELSE x'' END || r.target_name AS BLOB)"
"""The path of the folder that a record `r` makes, in the folder `above`."""
