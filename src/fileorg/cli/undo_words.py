"""What the command lines of undo and redo say: which operations, and which of their files."""

import os
from typing import TYPE_CHECKING, Annotated

from fileorg.cli import complete
from fileorg.cli.options import RUN
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.model import LaterFiles
from fileorg.core.names import display, real_path
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.workflows.undo import UndoOptions

_DIGITS = 1000  # Python reads no number of more than 4,300

OperationNumber = Annotated[
    str | None,
    Argument(
        metavar="OP",
        help="The operation number, as listed by fileorg history. Default: the last operation that is active.",
        show_default=False,
        complete=complete.undoable,
    ),
]
Files = Annotated[
    list[str] | None,
    Argument(
        metavar="FILE",
        help="Only these files of the operation, by where they are now or were: files, folders, or patterns such as"
        " '*.pdf' (gitignore syntax). Write -- before them.",
        show_default=False,
    ),
]
Category = Annotated[
    list[str] | None,
    Option(
        "--category",
        metavar="CATEGORY",
        help="Only files of this category. May be repeated.",
        complete=complete.categories,
        rich_help_panel=RUN,
    ),
]
Last = Annotated[
    int | None,
    Option("--last", metavar="N", min=1, help="The last N operations instead of OP.", rich_help_panel=RUN),
]
Since = Annotated[
    str | None,
    Option(
        "--since",
        metavar="TIME",
        help="All operations begun at or after TIME (30min, 8h, 7d, or 2024-05-01) instead of OP.",
        rich_help_panel=RUN,
    ),
]
Later = Annotated[
    LaterFiles | None,
    Option(
        "--later",
        help="With FILE or --category, for files that later operations moved or used: undo these operations for them"
        " first, or leave the files. Default: ask, or refuse if nobody can be asked.",
        rich_help_panel=RUN,
    ),
]
Within = Annotated[
    str | None,
    Option(
        "--in",
        metavar="PATH",
        help="Only an operation in, above or below PATH. Default without a terminal, or with --yes: the current"
        " directory.",
        rich_help_panel=RUN,
    ),
]
OfJob = Annotated[
    int | None,
    Option(
        "--job",
        min=1,
        metavar="JOB",
        help="All operations of a job: a job that was interrupted and resumed has several.",
        complete=complete.jobs,
        rich_help_panel=RUN,
    ),
]
IncludeChanged = Annotated[
    bool,
    Option(
        "--include-changed",
        help="Also undo files that were replaced by a different file since. Edited files are always undone.",
        rich_help_panel=RUN,
    ),
]
Rename = Annotated[
    bool,
    Option("--rename", help="If the old name is taken, restore under a numbered name.", rich_help_panel=RUN),
]
NewRoot = Annotated[
    list[str] | None,
    Option(
        "--root",
        metavar="NEW",
        help="Where the folder of the operation is now, if it was renamed, mounted elsewhere or moved to another disk."
        " fileorg remembers the new place. May be repeated for an operation in several folders.",
        rich_help_panel=RUN,
    ),
]


class Words(NamedTuple):
    """What of a command line says which files are undone."""

    operation: str | None
    files: "list[str] | None"
    category: "list[str] | None"
    last: int | None
    since: str | None
    later: LaterFiles | None
    within: str | None
    job: int | None

    @property
    def has_part(self) -> bool:
        return bool(self.files or self.category)

    def checked(self) -> "Words":
        """Return the words with OP as a number; without one, all words are files if other options say which operations.

        Raises `UsageError` for words that cannot be combined.
        """
        words, chooses = self, self.last is not None or self.since is not None
        if words.operation is not None and (chooses or words.category or words.within) and not words.number:
            words = words._replace(operation=None, files=[words.operation, *(words.files or ())])
        if words.operation is not None and not words.number:
            raise UsageError(
                f"{display(words.operation)} is not an operation number.",
                hint="fileorg history lists the operations; before files, give a number, or --last 1",
                code=ErrorCode.BAD_VALUE,
            )
        pairs = (
            ("OP", words.operation, "--in", words.within),
            ("OP", words.operation, "--last", words.last),
            ("OP", words.operation, "--since", words.since),
            ("--job", words.job, "OP or --in", words.operation or words.within),
            ("--job", words.job, "FILE or --category", words.has_part or None),
            ("--job", words.job, "--last or --since", chooses or None),
        )
        for one, is_one, other, is_other in pairs:
            if is_one is not None and is_other is not None:
                raise UsageError(f"{one} and {other} cannot be combined.", hint="drop one of them")
        if words.later is not None and not words.has_part:
            raise UsageError("--later requires FILE or --category.", hint="add one of them, or drop --later")
        return words

    @property
    def number(self) -> int | None:
        word = self.operation or ""
        return int(word) if word.isascii() and word.isdigit() and len(word) < _DIGITS and int(word) else None


def undo_options(
    words: Words, roots: "Sequence[str] | None", *, include_changed: bool, rename: bool, redo: bool = False
) -> "UndoOptions":
    """Return the options of undo or redo. Raises `UsageError` for words that cannot be combined."""
    from fileorg.workflows.undo import UndoOptions

    words = words.checked()
    part = None
    if words.has_part:
        from fileorg.workflows.undo_part import UndoPart

        patterns = [os.fsencode(each) for each in words.files or ()]
        part = UndoPart(patterns, here() if patterns else b"/", words.category or (), words.later)
    return UndoOptions(
        words.number,
        redo,
        include_changed,
        rename,
        roots=[os.fsencode(path) for path in roots or ()],
        within=None if words.within is None else real_path(os.fsencode(words.within)),
        part=part,
    )


def here() -> bytes:
    try:
        return os.path.realpath(os.getcwdb())
    except OSError as error:
        raise UsageError("The current directory is gone.", hint="name an operation, or a folder with --in") from error
