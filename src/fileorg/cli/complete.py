"""Shell completion of values: categories and operations. Never fails, and never creates files."""

import contextlib
import os
from collections.abc import Callable, Mapping

Completer = Callable[[str, Mapping[str, str]], list[tuple[str, str]]]
"""Takes the beginning of a word, and the options of the line by parameter. Returns the words, with descriptions."""

A_FILE, A_FOLDER = "files", "folders"
"""What a shell offers itself for a path."""


def category_word(name: str) -> str:
    """Return a category as one shell word: `Disk-images`."""
    return name.replace(" ", "-")


def categories(incomplete: str, given: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the completions of `--category`, in the case of the typed text."""
    from fileorg.cli.values import configuration
    from fileorg.core.errors import FileorgError
    from fileorg.rules.classify import Rules

    rules = Rules.default()
    with contextlib.suppress(FileorgError):  # reported when the command runs
        rules = Rules.of(configuration(given.get("config")))
    words = [category_word(name) for name in rules.categories]
    if incomplete.islower():
        words = [word.lower() for word in words]
    return [(word, "") for word in words if word.startswith(incomplete)]


def profiles(incomplete: str, given: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the names of the profiles."""
    from fileorg.cli.values import configuration
    from fileorg.core.errors import FileorgError

    with contextlib.suppress(FileorgError):  # reported when the command runs
        found = configuration(given.get("config"))
        names = () if found is None else found.profiles
        return [(name, "") for name in names if name.startswith(incomplete)]
    return []


def undoable(incomplete: str, given: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the numbers of operations that can be undone, newest first, with descriptions."""
    return _operations(incomplete, given, undo=True)


def redoable(incomplete: str, given: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the numbers of operations that can be redone, newest first, with descriptions."""
    return _operations(incomplete, given, redo=True)


def all_operations(incomplete: str, given: Mapping[str, str]) -> list[tuple[str, str]]:
    return _operations(incomplete, given, undo=True, redo=True, in_effect=False)


def jobs(incomplete: str, given: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the numbers of jobs, newest first, with descriptions."""
    found: list[tuple[str, str]] = []
    with contextlib.suppress(Exception):
        from fileorg.cli.render import crop
        from fileorg.core.names import display
        from fileorg.core.state import find_state
        from fileorg.jobs.found import all_jobs

        named = given.get("state_dir")
        for job in all_jobs(find_state(os.fsencode(named) if named else None)):
            if str(job.row.id).startswith(incomplete):
                root = crop(display(os.path.basename(job.row.root)), 30)
                found.append((str(job.row.id), f"{job.row.kind} {root}, {job.state}"))
    return found


def _operations(
    incomplete: str, given: Mapping[str, str], *, undo: bool = False, redo: bool = False, in_effect: bool = True
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

        state_dir = given.get("state_dir")
        path = os.path.join(os.fsencode(state_dir) if state_dir else default_state_path(), JOURNAL)
        kinds = (FORWARD if undo else frozenset()) | (BACKWARD if redo else frozenset())
        for operation in operations_of(path, kinds, in_effect=in_effect):
            number = str(operation.id)
            if number.startswith(incomplete):
                files = plural(operation.done or 0, "file")
                root = crop(display(os.path.basename(operation.root)), 30)
                found.append((number, f"{operation.kind} {root}, {files}, {when(operation.started_ns)}"))
    return found
