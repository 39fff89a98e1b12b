"""`fileorg demo`: create a small messy folder and organize it."""

import contextlib
import os
from typing import TYPE_CHECKING, Annotated

from fileorg.cli import options as shared
from fileorg.cli.options import OutputOptions
from fileorg.cli.parameters import Argument
from fileorg.core.errors import UsageError

if TYPE_CHECKING:
    from fileorg.cli.terminal import Out

EXAMPLES = """
# In a new folder fileorg-demo
fileorg demo

# Undo it
fileorg undo
"""

NAME = "fileorg-demo"

Folder = Annotated[
    str,
    Argument(metavar="DIR", help="A new or empty folder."),
]


def demo(folder: Folder = NAME, state_dir: shared.StateDir = None) -> int:
    """Create a small messy folder, and organize it.

    Writes about forty small but real files, as in a Downloads folder, to DIR. Then runs fileorg organize on it, as you
    would, and shows the folder before and after. Delete DIR when you are done.
    """
    from fileorg.cli.commands.organize import run_organize
    from fileorg.cli.terminal import standard_output
    from fileorg.core.names import display
    from fileorg.workflows.organize import OrganizeOptions

    state = shared.state(state_dir)
    made = _make(folder)
    out = standard_output()
    out.line(out.styled("A messy folder:", "bold"))
    _show_tree(out, folder)
    out.line()
    out.line(out.styled(f"$ fileorg organize {display(folder)}", "cyan"))
    out.flush()

    def between() -> None:
        out.line()
        _show_tree(out, folder)
        out.line()

    return run_organize(OrganizeOptions(made, inside_project=True), OutputOptions(yes=True), state, between)


def _make(folder: str) -> bytes:
    """Create and fill the folder; return its real path. It is opened only once: others may write to its parent."""
    from fileorg.cli.demo_files import make_demo
    from fileorg.core.names import display
    from fileorg.core.trusted import open_directory, path_of

    shown = display(folder)
    try:
        with contextlib.ExitStack() as stack:
            place = open_directory(os.fsencode(folder), make=True)
            stack.callback(os.close, place)
            fd = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=place)
            stack.callback(os.close, fd)
            if os.listdir(fd):
                raise UsageError(f"{shown} is not empty.", hint="give a new folder: fileorg demo DIR")
            make_demo(fd)
            return path_of(fd, os.fsencode(folder))
    except OSError as error:
        raise UsageError(
            f"Could not create the demo in {shown}: {error.strerror or error}.",
            hint="give another folder: fileorg demo DIR",
        ) from error


def _show_tree(out: "Out", folder: str) -> None:
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    from fileorg.core.names import display

    def grow(branch: Tree, path: str) -> None:
        with os.scandir(path) as entries:
            listed = sorted(entries, key=lambda entry: (not entry.is_dir(), entry.name.lower()))
        for entry in listed:
            is_folder = entry.is_dir(follow_symlinks=False)
            label = Text(display(entry.name) + ("/" if is_folder else ""), style="bold" if is_folder else "")
            child = branch.add(label)
            if is_folder:
                grow(child, entry.path)

    root = Tree(Text(display(folder) + "/", style="bold"), guide_style="dim")
    grow(root, folder)
    out.flush()
    Console(
        file=out.stream,
        force_terminal=out.is_terminal,
        no_color=not out.colours,
        color_system="standard" if out.colours else None,
        highlight=False,
        markup=False,
        width=out.width or 100,
    ).print(root)
