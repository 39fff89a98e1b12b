"""The Typer program, for command lines that are not plain, help and completion."""

import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer

from fileorg.cli.commands import COMMANDS, function_of, module_of
from fileorg.cli.manual import ManualCommand, ManualGroup
from fileorg.cli.parameters import for_typer, refuse_blank_paths
from fileorg.cli.stop import Stopped
from fileorg.cli.terminal import standard_output
from fileorg.core.errors import Exit

EXAMPLES = """
# Sort a folder, then undo it
fileorg organize ~/Downloads
fileorg undo

# Try it on a demo folder
fileorg demo
"""

_CONTEXT = {"help_option_names": ["-h", "--help"]}


class _PipeClosed(Exception):
    """A BrokenPipeError that Typer does not catch."""


def run_by_typer(words: Sequence[str], names: Iterable[str]) -> int:
    """Run a command line with the named commands. Raises the errors of the command and usage errors of Typer."""
    try:
        # In standalone mode, Typer would print errors itself, in another form.
        command = typer.main.get_command(program(names))
        colours = standard_output().colours or None
        return int(command(words, prog_name="fileorg", standalone_mode=False, color=colours) or 0)
    except _PipeClosed:
        raise BrokenPipeError from None
    except typer.Abort:
        raise KeyboardInterrupt from None


def program(names: Iterable[str] = COMMANDS) -> typer.Typer:
    app = typer.Typer(
        cls=ManualGroup,
        context_settings=_CONTEXT,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        invoke_without_command=True,
        add_completion=False,
        epilog=EXAMPLES,
    )
    app.callback()(main)
    for name in names:
        module = module_of(name)
        app.command(
            name, cls=ManualCommand, context_settings=_CONTEXT, epilog=module.EXAMPLES, rich_help_panel=COMMANDS[name]
        )(_checked(function_of(name)))
    return app


def main(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("-V", "--version", help="Print the version.")] = False,
) -> None:
    """Sort a messy folder, see what happened, and undo it exactly.

    fileorg writes every change to a journal before it makes the change. It never overwrites a file, and fileorg undo
    restores the folder exactly. After a crash, the next command recovers the interrupted operation.
    """
    if version:
        from fileorg import __version__

        sys.stdout.write(f"fileorg {__version__}\n")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        sys.stderr.write(ctx.get_help() + "\n")
        raise typer.Exit(Exit.USAGE)


def _checked(command: Any) -> Callable[..., int]:
    """Wrap the command so that it refuses blank paths, and that Ctrl-C raises `Stopped`: Typer would exit with 130 and
    no message.
    """
    for_it = for_typer(command)

    @functools.wraps(for_it)
    def checked(**options: Any) -> int:
        try:
            refuse_blank_paths(command, options)
            return int(for_it(**options))
        except KeyboardInterrupt:
            raise Stopped("Stopped. Nothing was changed.") from None
        except BrokenPipeError:
            raise _PipeClosed from None

    return checked
