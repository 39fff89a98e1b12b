"""What a client may propose, as types: their schemas are those of the tool, and a value that does not fit never arrives
at a command.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from fileorg.mcp.boundary import ExactPath

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.mcp.boundary import Boundary

MOST_ROWS = 100_000
_LIMIT = 50

Place = Annotated[
    str | ExactPath,
    Field(
        description="A path in the folders of this server: absolute, or from the first folder on. For a name that is"
        " not UTF-8, send {path_b64} as an answer has it."
    ),
]
_Word = Annotated[str, Field(min_length=1, max_length=300)]
Pattern = Annotated[_Word, Field(description="gitignore syntax, such as *.pdf or Drafts/")]
Age = Annotated[_Word, Field(description="an age such as 30d, 6mo, 1y, or a date such as 2024-05-01")]
Size = Annotated[_Word, Field(description="a size such as 512, 10K, 1.5M, 2G")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Selecting(_Strict):
    """Which files."""

    include: list[Pattern] = Field(default=[], max_length=_LIMIT)
    exclude: list[Pattern] = Field(default=[], max_length=_LIMIT)
    newer_than: Age | None = None
    older_than: Age | None = None

    def _filters(self) -> Iterator[str]:
        yield from (f"--include={pattern}" for pattern in self.include)
        yield from (f"--exclude={pattern}" for pattern in self.exclude)
        for option in ("newer_than", "older_than", "min_size"):
            if (value := getattr(self, option, None)) is not None:
                yield f"--{option.replace('_', '-')}={value}"


class OrganizeCall(_Selecting):
    """Sort the files of a folder into folders, by the categories and the rules that the person has set."""

    kind: Literal["organize"]
    folder: Place
    recursive: bool = Field(default=False, description="Also the files of subfolders. Projects are kept whole.")
    dest: Place | None = Field(default=None, description="Make the folders here instead of in the folder itself.")
    by: Literal["category", "date", "extension"] = "category"
    template: _Word | None = Field(default=None, description="A layout such as {category}/{year} instead of by.")
    action: Literal["move", "copy", "hardlink"] = "move"
    on_conflict: Literal["rename", "skip", "keep-newer"] = "rename"
    min_size: Size | None = None
    remove_empty: bool = Field(default=False, description="With recursive: remove folders that this leaves empty.")

    def words(self, boundary: Boundary) -> list[str | bytes]:
        """Return the words of the command. Raises `Outside`, `UsageError`."""
        words: list[str | bytes] = [f"--action={self.action}", f"--on-conflict={self.on_conflict}", *self._filters()]
        words.append(f"--by={self.by}" if self.template is None else f"--template={self.template}")
        words += ["-r"] if self.recursive else []
        words += ["--remove-empty"] if self.remove_empty else []
        words += [b"--dest=" + boundary.path(self.dest)] if self.dest is not None else []
        return [*words, "--", boundary.path(self.folder)]


class DedupeCall(_Selecting):
    """Move duplicates to the trash of fileorg, or replace them by hard links. Each is compared byte by byte first."""

    kind: Literal["dedupe"]
    folders: list[Place] = Field(min_length=1, max_length=_LIMIT)
    action: Literal["quarantine", "hardlink"] = "quarantine"
    keep: list[
        Literal["oldest", "newest", "shortest-path", "longest-path", "shortest-name", "largest-folder", "clean-name"]
    ] = Field(default=[], max_length=7, description="Which file of a group is kept: the next rule decides a tie.")
    min_size: Size | None = None

    def words(self, boundary: Boundary) -> list[str | bytes]:
        """Return the words of the command. Raises `Outside`, `UsageError`."""
        keep = [f"--keep={rule}" for rule in self.keep]
        return [f"--action={self.action}", *keep, *self._filters(), "--", *map(boundary.path, self.folders)]


class CleanCall(_Selecting):
    """Move empty files and broken symlinks to the trash of fileorg, and remove empty folders. undo restores them."""

    kind: Literal["clean"]
    folders: list[Place] = Field(min_length=1, max_length=_LIMIT)
    what: list[Literal["empty-files", "empty-folders", "broken-symlinks"]] = Field(min_length=1, max_length=3)

    def words(self, boundary: Boundary) -> list[str | bytes]:
        """Return the words of the command. Raises `Outside`, `UsageError`."""
        return [*(f"--{each}" for each in self.what), *self._filters(), "--", *map(boundary.path, self.folders)]


class ProposedRow(_Strict):
    """One file or folder: move it, copy it, or move it to the trash of fileorg. Nothing is overwritten."""

    path: Annotated[str, Field(max_length=4096)] | None = None
    path_b64: Annotated[str, Field(max_length=5600)] | None = None
    new_path: Annotated[str, Field(max_length=4096)] | None = None
    new_path_b64: Annotated[str, Field(max_length=5600)] | None = None
    action: Literal["move", "copy", "trash"] = "move"
    size_bytes: int | None = Field(default=None, ge=0, description="The row is refused if the file has another size.")


class RowsCall(_Strict):
    """A plan of your own: all rows happen at once, so names may be exchanged."""

    kind: Literal["rows"]
    rows: list[ProposedRow] = Field(min_length=1, max_length=MOST_ROWS)
    partial: bool = Field(default=False, description="Leave out rows that cannot be done, instead of refusing all.")

    def words(self, boundary: Boundary) -> list[str | bytes]:
        """Return the words of the command, which reads the rows from standard input."""
        roots = [b"--root=" + root for root in boundary.roots]
        return [*roots, *(["--partial"] if self.partial else []), "-"]

    def lines(self) -> bytes:
        """Return the rows as lines of JSON."""
        lines = (json.dumps(row.model_dump(exclude_none=True)) for row in self.rows)
        return ("\n".join(lines) + "\n").encode()


Proposal = Annotated[OrganizeCall | DedupeCall | CleanCall | RowsCall, Field(discriminator="kind")]


def command_of(call: Any, boundary: Boundary) -> tuple[str, list[str | bytes], bytes]:
    """Return the command of a proposal, its words, and its standard input. Raises `Outside`, `UsageError`."""
    name = "apply" if call.kind == "rows" else str(call.kind)
    given = call.lines() if isinstance(call, RowsCall) else b""
    return name, call.words(boundary), given
