"""The program `fileorg`: which commands there are, loaded when they are wanted, and how an error is told."""

import contextlib
import errno
import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Any

import typer

from fileorg.cli.manual import ManualCommand, ManualGroup
from fileorg.cli.stop import Stopped
from fileorg.cli.terminal import Out, prepare_streams, standard_error
from fileorg.core.errors import Exit, FileorgError
from fileorg.core.names import display

SORT, LOOK, MORE = "Sort", "Look", "More"

COMMANDS = {
    "organize": SORT,
    "dedupe": SORT,
    "clean": SORT,
    "undo": SORT,
    "redo": SORT,
    "scan": LOOK,
    "categorize": LOOK,
    "report": LOOK,
    "history": LOOK,
    "files": LOOK,
    "duplicates": LOOK,
    "recover": MORE,
    "purge": MORE,
    "demo": MORE,
}
"""Each is the function of that name in the module of that name, in the order of --help."""

EXAMPLES = """
# Sort a folder, and take it back
fileorg organize ~/Downloads
fileorg undo

# Try it on a folder made for it
fileorg demo
"""

COMPLETE = "_FILEORG_COMPLETE"
_CONTEXT = {"help_option_names": ["-h", "--help"]}
_BROKEN_PIPE = 128 + signal.SIGPIPE


class _PipeClosed(Exception):
    """A BrokenPipeError under a name that Typer does not know."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Nothing but an exit code comes out: no exception, no traceback without --debug."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    prepare_streams()
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read along has gone. The rest of the output has nowhere to go, at the end of the process neither.
        _silence(sys.stdout)
        return _BROKEN_PIPE
    except OSError as error:  # a full disk behind `>`, a terminal that has been closed
        _silence(sys.stdout)
        return _tell(words, f"The output could not be written: {error.strerror}", "", Exit.SOME_FAILED)
    return code


def _run(words: list[str]) -> int:
    try:
        # Not `standalone`: then it would print errors itself, in another form.
        code = typer.main.get_command(_app(words))(words, prog_name="fileorg", standalone_mode=False)
    except _PipeClosed:
        raise BrokenPipeError from None
    except FileorgError as error:
        return _tell(words, str(error), error.hint, error.exit_code, error)
    except typer.Abort:
        return _tell(words, "Stopped. Nothing was changed.", "", Exit.INTERRUPTED)
    except SystemExit as stop:  # from the completion of Typer
        return stop.code if isinstance(stop.code, int) else 1
    except Exception as error:
        if COMPLETE in os.environ:  # Tab was pressed: no one wants to read about it
            return 1
        if hasattr(error, "format_message"):  # what Typer refuses
            return _refuse(words, error)
        if isinstance(error, OSError) and error.strerror:
            name = error.filename if isinstance(error.filename, bytes | str) else ""
            subject = f"{display(name)} cannot be used" if name else "The system says"
            sentence = f"{subject}: {error.strerror}"
            return _tell(words, sentence, _hint_of(error), Exit.SOME_FAILED, error)
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        sentence = f"Something went wrong that fileorg did not expect: {what}"
        return _tell(words, sentence, "run it again with --debug to see where", Exit.SOME_FAILED, error)
    if _wants_json(words):
        from fileorg.cli.progress import tell_event

        tell_event(standard_error(), event="done", exit_code=int(code or 0))
    return int(code or 0)


def _hint_of(error: OSError) -> str:
    if error.errno == errno.EMFILE:
        from fileorg.core.descriptors import TooManyOpen

        return TooManyOpen.hint
    return "see whether its disk is well and mounted"


def _refuse(words: list[str], error: Any) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "fileorg"
    return _tell(words, error.format_message(), f"{command} --help", getattr(error, "exit_code", Exit.USAGE), error)


def _tell(words: list[str], sentence: str, hint: str, code: int, error: Exception | None = None) -> int:
    """One sentence on standard error, and below it the way out."""
    err = standard_error()
    sentence = display(sentence)  # not capitalised: it may begin with a name
    if not sentence.endswith((".", "?", "!")):
        sentence += "."
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        if _wants_json(words):
            from fileorg.cli.progress import tell_event

            tell_event(err, event="error", message=sentence, hint=hint, exit_code=int(code))
        else:
            _tell_text(err, sentence, hint)
        if "--debug" in words and error is not None:
            import traceback

            err.stream.write("".join(traceback.format_exception(error)))
        err.flush()
    return int(code)


def _tell_text(err: Out, sentence: str, hint: str) -> None:
    err.prose(sentence, "fileorg: ")
    if hint:
        err.prose(display(hint), "Hint: ")


def _wants_json(words: list[str]) -> bool:
    return "--progress=json" in words or ("--progress", "json") in pairwise(words)


def _silence(stream: Any) -> None:
    with contextlib.suppress(OSError, ValueError):
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, stream.fileno())
        os.close(devnull)


# The Typer app --------------------------------------------------------------------------------------------------------


def _app(words: Sequence[str]) -> typer.Typer:
    """With the one command that is wanted, where that is clear from the first word; otherwise with all."""
    app = typer.Typer(
        cls=ManualGroup,
        context_settings=_CONTEXT,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        invoke_without_command=True,
        epilog=EXAMPLES,
    )
    app.callback()(main)
    wanted = words[:1] if words and words[0] in COMMANDS and COMPLETE not in os.environ else COMMANDS
    for name in wanted:
        module = importlib.import_module(f"fileorg.cli.commands.{name}")
        app.command(
            name, cls=ManualCommand, context_settings=_CONTEXT, epilog=module.EXAMPLES, rich_help_panel=COMMANDS[name]
        )(_stoppable(getattr(module, name)))
    return app


def main(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("-V", "--version", help="Print the version.")] = False,
) -> None:
    """Sort a messy folder, see what happened, and take it back exactly.

    Every change is written to a journal before it is made, nothing is ever overwritten, and fileorg undo gives back
    the tree as it was. A run that was cut short settles itself at the next start.
    """
    if version:
        from fileorg import __version__

        sys.stdout.write(f"fileorg {__version__}\n")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        sys.stderr.write(ctx.get_help() + "\n")
        raise typer.Exit(Exit.USAGE)


def _stoppable(command: Callable[..., int]) -> Callable[..., int]:
    """The command, in which Ctrl-C is an error like others: Typer would make a bare 130 of it."""

    @functools.wraps(command)
    def stoppable(*args: Any, **options: Any) -> int:
        try:
            return command(*args, **options)
        except KeyboardInterrupt:
            raise Stopped("Stopped. Nothing was changed.") from None
        except BrokenPipeError:
            raise _PipeClosed from None

    return stoppable
