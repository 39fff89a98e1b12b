"""Plans for `apply` and what they must come to: rows are drawn from the files that exist when the step is taken."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.chains.names import is_inside, is_temporary

from fileorg.core.formats import named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.chains.view import View

SHAPES = (
    "swap", "swap", "cycle", "cycle", "chain", "rename", "rename", "folders", "file and folder", "into a folder",
    "copy", "hardlink", "symlink", "trash", "duplicates",
)  # fmt: skip


class Row(NamedTuple):
    """One row; `new_path` is empty for the trash."""

    path: bytes
    new_path: bytes
    action: str = "move"
    duplicate_of: bytes = b""


def write_plan(file: Path, rows: Sequence[Row], place: Callable[[bytes], bytes], *, has_sizes: bool) -> None:
    """Write rows as lines of JSON with absolute paths."""
    lines = list[str]()
    for row in rows:
        fields: dict[str, Any] = {"action": row.action, **named("path", place(row.path))}
        for key, path in (("new_path", row.new_path), ("duplicate_of", row.duplicate_of)):
            fields |= named(key, place(path)) if path else {}
        if has_sizes and not os.path.isdir(place(row.path)):
            fields["size_bytes"] = os.lstat(place(row.path)).st_size
        lines.append(json.dumps(fields) + "\n")
    file.write_text("".join(lines))


def drawn_rows(plan: dict[str, Any], view: View) -> list[Row]:
    """Return the rows of a shape for the files and folders that exist; none if there are too few."""
    bases = (b"root/", b"dest/") if plan["in_both"] else (b"root/",)
    paths = [path for path in sorted(view.nodes) if path.startswith(bases) and is_inside(path) and not _is_ours(path)]
    files = [path for path in paths if view.nodes[path].kind == "file"]
    folders = [path for path in paths if view.nodes[path].kind == "folder"]
    match plan["shape"]:
        case "swap":
            return _rotated(_some(files, plan, 2))
        case "cycle":
            return _rotated(_some(files, plan, plan["count"] + 2))
        case "chain":
            rows = _rotated(_some(files, plan, plan["count"] + 1))
            return [*rows[:-1], rows[-1]._replace(new_path=rows[-1].path + b".next")] if rows else []
        case "folders":
            return _rotated(_apart(_some(folders, plan, 2)))
        case "file and folder":
            return _rotated(_apart([*_some(files, plan, 1), *_some(folders, plan, 1)]))
        case "into a folder":
            found = _apart(_some(folders, plan, 2))
            return [Row(found[0], found[1] + b"/" + os.path.basename(found[0]))] if found else []
        case "trash":
            return [Row(path, b"", "trash") for path in _some(files, plan, plan["count"])]
        case "duplicates":
            return _duplicates(files, view, plan)
        case "rename":
            return [Row(path, _new(path, plan)) for path in _some(files, plan, plan["count"])]
        case action:
            return [Row(path, _new(path, plan), action) for path in _some(files, plan, plan["count"])]


def _is_ours(path: bytes) -> bool:
    return is_temporary(path) or b"/.fileorg" in path


def _some(paths: list[bytes], plan: dict[str, Any], count: int) -> list[bytes]:
    """Return so many of the paths; none if there are not enough."""
    if len(paths) < max(1, count):
        return []
    first, step = plan["which"] % len(paths), 1 + plan["which"] // 40 % 3
    order = sorted(range(len(paths)), key=lambda at: ((at - first) * step % len(paths), at))
    return [paths[at] for at in order[:count]]


def _rotated(paths: list[bytes]) -> list[Row]:
    return [Row(path, paths[(at + 1) % len(paths)]) for at, path in enumerate(paths)] if len(paths) > 1 else []


def _apart(paths: list[bytes]) -> list[bytes]:
    """Return two paths of which neither is in the other; none if there are none."""
    if len(paths) < 2 or any(one == other or one.startswith(other + b"/") for one, other in (paths, paths[::-1])):
        return []
    return paths


def _new(path: bytes, plan: dict[str, Any]) -> bytes:
    folder, name = os.path.split(path)
    return b"%s/new %s" % (folder, name[:200]) if plan["which"] % 2 else b"%s/made/%s" % (path.split(b"/")[0], name)


def _duplicates(files: list[bytes], view: View, plan: dict[str, Any]) -> list[Row]:
    """Return a row for a file with the content of an earlier one, which is another file."""
    first = dict[bytes, bytes]()
    rows = list[Row]()
    for path in files:
        keeper = first.setdefault(view.nodes[path].content, path)
        if view.nodes[path].content and view.inodes[keeper] != view.inodes[path]:
            rows.append(Row(path, b"", "trash", keeper))
    return rows[: plan["count"]]
