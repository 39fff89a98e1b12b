"""The program `fileorg`: loads the command that is run, and reports errors."""

import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from fileorg.cli.commands import COMMANDS
from fileorg.cli.parameters import plain_values
from fileorg.cli.terminal import Out, prepare_streams, standard_error
from fileorg.core.errors import Exit, FileorgError
from fileorg.core.names import display

COMPLETE = "_FILEORG_COMPLETE"
_BROKEN_PIPE = 128 + 13  # SIGPIPE


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code. Raises nothing, and prints no traceback without --debug."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    prepare_streams()
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the pipe has exited. Drop the rest of the output, also at the exit of the process.
        _silence(sys.stdout)
        return _BROKEN_PIPE
    except OSError as error:  # a full disk behind `>`, a terminal that has been closed
        _silence(sys.stdout)
        return _report_error(words, f"Could not write the output: {error.strerror}", "", Exit.SOME_FAILED)
    return code


def _run(words: list[str]) -> int:
    try:
        code = _carry_out(words)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return _report_error(words, "Stopped. Nothing was changed.", "", Exit.INTERRUPTED)
    except FileorgError as error:
        return _report_error(words, str(error), error.hint, error.exit_code, error)
    except SystemExit as stop:  # from the completion of Typer
        return stop.code if isinstance(stop.code, int) else 1
    except Exception as error:
        if COMPLETE in os.environ:  # errors during shell completion are not shown
            return 1
        if hasattr(error, "format_message"):  # a usage error from Typer
            return _refuse(words, error)
        if isinstance(error, OSError) and error.strerror:
            name = error.filename if isinstance(error.filename, bytes | str) else ""
            subject = f"Could not use {display(name)}" if name else "The operating system refused a request"
            sentence = f"{subject}: {error.strerror}"
            return _report_error(words, sentence, _hint_of(error), Exit.SOME_FAILED, error)
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        sentence = f"Unexpected error: {what}"
        return _report_error(
            words, sentence, "run the command again with --debug for a traceback", Exit.SOME_FAILED, error
        )
    if _wants_json(words):
        from fileorg.cli.progress import write_event

        write_event(standard_error(), event="done", exit_code=code)
    return code


def _carry_out(words: list[str]) -> int:
    """Run the command that the first word names, without Typer if its words are plain."""
    if not words or words[0] not in COMMANDS or COMPLETE in os.environ:
        names: Iterable[str] = COMMANDS
    else:
        names = words[:1]
        command = getattr(importlib.import_module(f"fileorg.cli.commands.{words[0]}"), words[0])
        values = plain_values(command, words[1:])
        if values is not None:
            return int(command(**values))
    from fileorg.cli.program import run_by_typer

    return run_by_typer(words, names)


def _hint_of(error: OSError) -> str:
    if error.errno == errno.EMFILE:
        from fileorg.core.descriptors import TooManyOpen

        return TooManyOpen.hint
    return "check that its disk is healthy and mounted"


def _refuse(words: list[str], error: Any) -> int:
    from fileorg.cli.refusals import refusal

    sentence, hint = refusal(error, words)
    return _report_error(words, sentence, hint, getattr(error, "exit_code", Exit.USAGE), error)


def _report_error(words: list[str], sentence: str, hint: str, code: int, error: Exception | None = None) -> int:
    """Print one sentence and a hint on standard error. Return the exit code."""
    err = standard_error()
    sentence = display(sentence)  # not capitalised: it may begin with a name
    if not sentence.endswith((".", "?", "!")):
        sentence += "."
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        if _wants_json(words):
            from fileorg.cli.progress import write_event

            write_event(err, event="error", message=sentence, hint=hint, exit_code=int(code))
        else:
            _write_text(err, sentence, hint)
        if "--debug" in words and error is not None:
            import traceback

            err.stream.write("".join(traceback.format_exception(error)))
        err.flush()
    return int(code)


def _write_text(err: Out, sentence: str, hint: str) -> None:
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
