"""`--save-plan`: write a plan to a file instead of carrying it out; `fileorg apply` reads it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from fileorg.core.errors import Exit, UsageError
from fileorg.core.figures import plural
from fileorg.core.names import display, scheme_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.cli.options import OutputOptions
    from fileorg.cli.progress import Screen
    from fileorg.cli.terminal import Out


class SavedLines(Protocol):
    """The lines of a plan: `PlanLines`."""

    files: int
    left_out: int

    def __iter__(self) -> Iterator[str]: ...


def refuse_both(roots: list[bytes]) -> None:
    """Raise `UsageError` for an undo between a folder and a store: a row cannot say that the original comes back."""
    if len(set(map(scheme_of, roots))) > 1:
        from fileorg.workflows.stores import refuse_in_stores

        refuse_in_stores(roots, "save the undo of what left a folder or came into one")


def save_plan(options: OutputOptions, lines: SavedLines, roots: list[bytes], out: Out, screen: Screen) -> Exit:
    """Write the lines of a plan to the file of the options, and say how to apply it."""
    from shlex import quote

    from fileorg.workflows.output_target import written

    path = options.save_plan
    if path is None:
        raise AssertionError("it is called with --save-plan only")
    with written(path, force=options.force) as stream:
        stream.writelines(f"{line}\n" for line in lines)
        if lines.left_out and not lines.files:
            raise UsageError(
                "This plan cannot be saved: no row can say that links replace duplicates, or are replaced by them.",
                hint="for dedupe, use --action quarantine; or carry it out later with --hold",
            )
    if lines.left_out:
        screen.note(f"{plural(lines.left_out, 'symlink')} or link is not in the saved plan, because no row can say it.")
    if path != "-" and not options.quiet and options.is_text:
        named = " ".join(f"--root {quote(os.fsdecode(root))}" for root in roots)
        out.prose(f"The plan of {plural(lines.files, 'file')} is in {display(path)}. Nothing was changed.")
        command = f"fileorg apply {quote(path)} {named}"
        out.line(f"Apply it with: {out.styled(display(command), 'cyan')}")
    out.flush()
    return Exit.DONE
