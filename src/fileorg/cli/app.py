"""The program `fileorg`: loads the command that is run, and reports errors."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from types import FunctionType
from typing import Any

from fileorg.cli.commands import COMMANDS, function_of
from fileorg.cli.parameters import LIMITS, MAN, plain_values
from fileorg.cli.terminal import (
    COLOUR,
    WHEN,
    Out,
    choose_colours,
    output_failed,
    prepare_streams,
    standard_error,
    standard_output,
)
from fileorg.core.errors import ErrorCode, FileorgError, StorageFailure, UsageError
from fileorg.core.names import display

COMPLETE = "_FILEORG_COMPLETE"
_BROKEN_PIPE = 128 + 13  # SIGPIPE


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code. Raises nothing, and prints no traceback without --debug."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    prepare_streams()
    if COMPLETE in os.environ:
        from fileorg.cli.completion import answer

        return answer(os.environ[COMPLETE], words)
    if words[:1] == ["help"]:
        words = [*(word for word in words[1:] if word != MAN), MAN if MAN in words else "--help"]
    try:
        code = _run(words)
        _notify(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the pipe has exited. Drop the rest of the output, also at the exit of the process.
        _silence(sys.stdout)
        return _BROKEN_PIPE
    except OSError as error:  # a full disk behind `>`, a terminal that has been closed
        _silence(sys.stdout)
        return _report_error(words, output_failed(error))
    return code


def _run(words: list[str]) -> int:
    try:
        code = _with_patience(_without_colour(words))
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        from fileorg.cli.stop import Stopped

        return _report_error(words, Stopped("Stopped. Nothing was changed."))
    except FileorgError as error:
        return _report_error(words, error)
    except Exception as error:
        return _report_error(words, _known(error, words), error)
    if as_events(words):
        from fileorg.cli.progress import write_event

        write_event(standard_error(), event="done", exit=code)
    return code


def _notify(words: list[str]) -> None:
    """Start the program of `[jobs] notify`, if the command has recorded the end of a job."""
    events = sys.modules.get("fileorg.core.events")  # not loaded: no job either
    if events is None or not events.ended_jobs:
        return
    from fileorg.cli.values import configuration_of

    ended = list(dict.fromkeys(events.ended_jobs))
    events.ended_jobs.clear()
    path = configuration_of(words)
    if len(ended) == 1 and words[0] != "jobs" and not os.path.lexists(path):
        return  # the usual case: a job that this command has begun
    from fileorg.core.state import open_state
    from fileorg.jobs.notify import by_configuration, start

    for state in dict.fromkeys(state for state, _ in ended):
        numbers = [number for its, number in ended if its == state]
        with contextlib.suppress(OSError, FileorgError):
            for named, its in by_configuration(open_state(state), numbers, path).items():
                start(state, its, named)


def _with_patience(words: list[str]) -> int:
    """Run the command; with `--wait`, again until nothing that it needs is taken."""
    if words[:1] == [] or not any(word == "--wait" or word.startswith("--wait=") for word in words):
        return _carry_out(words)
    from fileorg.cli.waiting import run_when_free

    return run_when_free(words, _carry_out, _limits)


def _without_colour(words: list[str]) -> list[str]:
    """Apply `--color`, and return the words without it. Raises `UsageError` for an unknown value."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        option, _, value = word.partition("=")
        if word == "--":
            kept += [word, *rest]
        elif option != COLOUR:
            kept.append(word)
        elif (when := value or next(rest, "")) in WHEN:
            choose_colours(when)
        else:
            raise UsageError(f"{COLOUR} {when} is not valid: choose auto, always or never.", hint="fileorg --help")
    return kept


def _carry_out(words: list[str]) -> int:
    """Run the command that the first word names, without Typer if its words are plain."""
    if not words or words[0] not in COMMANDS:
        names: Iterable[str] = COMMANDS
        if words and words[0].startswith("--"):
            from fileorg.cli import shells

            option, equals, value = words[0].partition("=")
            if any(option in each.names for each in shells.PROGRAM_OPTIONS):
                return shells.run(option, [value] * bool(equals) + words[1:], standard_output())
    else:
        names = words[:1]
        command = function_of(words[0])
        if any(word.startswith("--profile") for word in words):
            from fileorg.cli.profile import with_profile

            words = [words[0], *with_profile(command, words[1:])]
        with _limits(words):
            return _call(command, words, names)
    from fileorg.cli.program import run_by_typer

    return run_by_typer(words, names)


def _call(command: FunctionType, words: list[str], names: Iterable[str]) -> int:
    values = plain_values(command, words[1:])
    if values is not None:
        return int(command(**values))
    from fileorg.cli.program import run_by_typer

    return run_by_typer(words, names)


def _limits(words: Sequence[str]) -> contextlib.AbstractContextManager[None]:
    """Limit what the block does, if the command takes limits and there may be some."""
    command = function_of(words[0]) if words[0] in COMMANDS else None
    if command is None or "kill_after" not in command.__annotations__ or not _may_have_limits(words):
        return contextlib.nullcontext()
    from fileorg.cli.limit_options import limited

    return limited(command, words[1:])


def _may_have_limits(words: Sequence[str]) -> bool:
    """Return whether limits are given, or a configuration may have some."""
    from fileorg.cli.values import default_config_path

    return (
        any(word.startswith((*LIMITS, "--config")) for word in words)
        or "FILEORG_CONFIG" in os.environ
        or os.path.lexists(default_config_path())
    )


def _known(error: Any, words: list[str]) -> FileorgError:
    """Return the error of a sentence for an exception of Typer, of the system or of a mistake in fileorg."""
    if hasattr(error, "format_message"):  # a usage error from Typer
        from fileorg.cli.refusals import refusal

        return refusal(error, words)
    if isinstance(error, FileNotFoundError) and not error.filename and _is_here_gone():
        return UsageError("The current directory is gone.", hint="go to another one: cd")
    if isinstance(error, OSError) and hasattr(error, "refused"):
        from fileorg.core.reasons import Reason
        from fileorg.report.sentences import sentence

        said = f"A request to an object store failed: {sentence(Reason.of_error(error))}"
        return StorageFailure(said, hint="test the store with fileorg storage check URL, then run the command again")
    if isinstance(error, OSError) and error.strerror:
        name = error.filename if isinstance(error.filename, bytes | str) else b""
        subject = f"Could not use {display(name)}" if name else "The operating system refused a request"
        hint, code = "check that its disk is healthy and mounted", ErrorCode.SYSTEM_ERROR
        if error.errno == errno.EMFILE:
            from fileorg.core.descriptors import TooManyOpen

            hint, code = TooManyOpen.hint, TooManyOpen.code
        elif error.errno in {errno.ENOSPC, errno.EDQUOT}:
            hint = "free some space on the disk"
        return FileorgError(f"{subject}: {error.strerror}", hint=hint, code=code, path=os.fsencode(name) or None)
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    hint = "run the command again with --debug for a traceback"
    return FileorgError(f"Unexpected error: {what}", hint=hint, code=ErrorCode.INTERNAL)


def _is_here_gone() -> bool:
    try:
        os.getcwdb()
    except FileNotFoundError:
        return True
    return False


def _report_error(words: list[str], error: FileorgError, cause: Exception | None = None) -> int:
    """Print the error on standard error, as a sentence or as JSON. Return the exit code."""
    err = standard_error()
    sentence = display(str(error))  # not capitalised: it may begin with a name
    if not sentence.endswith((".", "?", "!")):
        sentence += "."
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        if as_events(words) or as_json(words):
            from fileorg.cli.progress import write_error

            write_error(err, error, sentence, as_event=as_events(words))
        else:
            _write_text(err, sentence, error.hint)
        if "--debug" in words:
            import traceback

            err.stream.write("".join(traceback.format_exception(cause or error)))
        err.flush()
    return int(error.exit_code)


def _write_text(err: Out, sentence: str, hint: str) -> None:
    err.prose(sentence, "fileorg: ")
    if hint:
        err.prose(display(hint), "Hint: ")


def as_events(words: Sequence[str]) -> bool:
    """Return whether the words have `--progress json`. Errors of the words themselves are reported in this form too."""
    return "--progress=json" in words or ("--progress", "json") in pairwise(words)


def as_json(words: Sequence[str]) -> bool:
    """Return whether the words have `--format json`, in any spelling of the option."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--":
            return False
        name, _, value = word.partition("=")
        if word.startswith("--"):
            if name == "--format" and (value or following) == "json":
                return True
        elif word.startswith("-") and "o" not in word.partition("f")[0]:  # after -o, the letters are a name
            _, letter, rest = word.partition("f")
            if letter and (rest or following) == "json":
                return True
    return False


def _silence(stream: Any) -> None:
    with contextlib.suppress(OSError, ValueError):
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, stream.fileno())
        os.close(devnull)
