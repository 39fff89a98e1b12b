"""Shell completion of values: categories and operations. Never fails, and never creates files."""

import contextlib
import os
import re
from typing import Any

# Shells evaluate completions, and Typer reads markup in them: unsafe characters of folder names are replaced.
_NOT_PLAIN = r"[^\w ,.:/~+-]"


def category_word(name: str) -> str:
    """Return a category as one shell word: `Disk-images`."""
    return name.replace(" ", "-")


def categories(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Return the completions of `--category`, in the case of the typed text."""
    from fileorg.cli.values import configuration
    from fileorg.core.errors import FileorgError
    from fileorg.rules.classify import Rules

    rules = Rules.default()
    with contextlib.suppress(FileorgError):  # reported when the command runs
        rules = Rules.of(configuration(ctx.params.get("config")))
    words = [re.sub(_NOT_PLAIN, "?", category_word(name)) for name in rules.categories]
    if incomplete.islower():
        words = [word.lower() for word in words]
    return [(word, "") for word in words if word.startswith(incomplete)]


def profiles(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Return the names of the profiles."""
    from fileorg.cli.values import configuration
    from fileorg.core.errors import FileorgError

    with contextlib.suppress(FileorgError):  # reported when the command runs
        found = configuration(ctx.params.get("config"))
        names = () if found is None else found.profiles
        return [(name, "") for name in names if name.startswith(incomplete) and not re.search(_NOT_PLAIN, name)]
    return []


def undoable(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Return the numbers of operations that can be undone, newest first, with descriptions."""
    return _operations(ctx, incomplete, undo=True)


def redoable(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Return the numbers of operations that can be redone, newest first, with descriptions."""
    return _operations(ctx, incomplete, redo=True)


def all_operations(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    return _operations(ctx, incomplete, undo=True, redo=True, in_effect=False)


def jobs(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Return the numbers of jobs, newest first, with descriptions."""
    found: list[tuple[str, str]] = []
    with contextlib.suppress(Exception):
        from fileorg.cli.render import crop
        from fileorg.core.names import display
        from fileorg.core.state import find_state
        from fileorg.jobs.found import all_jobs

        named = ctx.params.get("state_dir")
        for job in all_jobs(find_state(os.fsencode(named) if named else None)):
            if str(job.row.id).startswith(incomplete):
                root = crop(display(os.path.basename(job.row.root)), 30)
                about = f"{job.row.kind} {root}, {job.state}"
                found.append((str(job.row.id), re.sub(_NOT_PLAIN, "?", about)))
    return found


def _operations(
    ctx: Any, incomplete: str, *, undo: bool = False, redo: bool = False, in_effect: bool = True
) -> list[tuple[str, str]]:
    """Return the operations for `undo`, for `redo`, or for both."""
    found: list[tuple[str, str]] = []
    # Problems with the journal are reported when a command runs, not when Tab is pressed.
    with contextlib.suppress(Exception):
        from fileorg.cli.render import crop
        from fileorg.core.figures import plural, when
        from fileorg.core.names import display
        from fileorg.core.state import JOURNAL, default_state_path
        from fileorg.workflows.history import BACKWARD, FORWARD, operations_of

        named = ctx.params.get("state_dir")
        path = os.path.join(os.fsencode(named) if named else default_state_path(), JOURNAL)
        kinds = (FORWARD if undo else frozenset()) | (BACKWARD if redo else frozenset())
        for operation in operations_of(path, kinds, in_effect=in_effect):
            number = str(operation.id)
            if number.startswith(incomplete):
                files = plural(operation.done or 0, "file")
                root = crop(display(os.path.basename(operation.root)), 30)
                about = f"{operation.kind} {root}, {files}, {when(operation.started_ns)}"
                found.append((number, re.sub(_NOT_PLAIN, "?", about)))
    return found
