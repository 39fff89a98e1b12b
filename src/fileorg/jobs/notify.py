"""`[jobs] notify`: a program that gets the JSON of each job that ends or waits, once no lock is held; and `webhook`.

It runs in a process of its own, so that no command waits for it. Its trouble is a line in the log of the job.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import sys
from typing import TYPE_CHECKING

from fileorg.core.errors import FileorgError
from fileorg.core.names import display

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.state import StateDirectory
    from fileorg.rules.config import Jobs

PATIENCE_SECONDS = 60.0
"""The program may take this long for each job."""
_SHOWN = 300


def by_configuration(state: StateDirectory, numbers: Sequence[int], configuration: bytes) -> dict[bytes, list[int]]:
    """Return jobs by the path of the configuration that names their program: the one that they were begun with, else
    `configuration`. Leaves out those whose configuration names none.
    """
    from fileorg.jobs.found import job
    from fileorg.journal.job_rows import configuration_of

    found: dict[bytes, list[int]] = {}
    for number in dict.fromkeys(numbers):
        with contextlib.suppress(FileorgError):  # a run that had not begun: it has no row
            path = configuration_of(job(state, number).row) or configuration
            if may_name_a_program(path):
                found.setdefault(path, []).append(number)
    return found


def may_name_a_program(configuration: bytes) -> bool:
    """Return whether a configuration may name a program or a webhook: its text says so sooner than a process that
    reads it. True for one that cannot be read, whose trouble is for the log.
    """
    if not os.path.lexists(configuration):
        return False
    try:
        if not stat.S_ISREG(os.stat(configuration).st_mode):
            return True
        with open(configuration, "rb") as file:
            text = file.read()
    except OSError:
        return True
    # A key may be written with escapes, too.
    return any(word in text for word in (b"notify", b"webhook", b"\\u", b"\\U"))


def start(state_path: bytes, numbers: Sequence[int], configuration: bytes) -> None:
    """Start a process that tells the program of `configuration` about the jobs. Raises `OSError`."""
    import subprocess

    words = map(os.fsdecode, (state_path, configuration, *(b"%d" % number for number in numbers)))
    subprocess.run(
        [sys.executable, "-P", "-m", "fileorg.jobs.notify", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        check=False,
    )


def notify_all(state: StateDirectory, numbers: Sequence[int], configuration: bytes) -> None:
    """Tell the program of a configuration file, if it names one, about jobs; a fault of the file is in their logs."""
    from fileorg.rules.config_file import read_configuration

    if not os.path.lexists(configuration):
        return
    try:
        jobs = read_configuration(configuration, with_rules=False).jobs
    except FileorgError as error:
        for number in numbers:
            _log(state, number, f"No program was told: {error}")
        return
    for number in numbers:
        if jobs.notify:
            notify(state, number, jobs.notify)
        if jobs.webhook:
            _send(state, number, jobs)


def _send(state: StateDirectory, number: int, jobs: Jobs) -> None:
    """Send the JSON of a job to the webhook, and log what goes wrong."""
    from fileorg.jobs.found import UnknownJob
    from fileorg.jobs.webhook import send

    try:
        send(jobs.webhook, jobs.webhook_key, _text_of(state, number).encode(), PATIENCE_SECONDS)
    except UnknownJob:  # a run that had not begun: it has no row
        return
    except FileorgError as error:
        _log(state, number, str(error))


def _text_of(state: StateDirectory, number: int) -> str:
    """Return the JSON of a job as one line. Raises `FileorgError`."""
    from fileorg.jobs.found import job
    from fileorg.jobs.job_json import job_as_json

    return json.dumps(job_as_json(job(state, number), state)) + "\n"


def notify(
    state: StateDirectory,
    number: int,
    program: Sequence[str],
    *,
    seconds: float = PATIENCE_SECONDS,
    folder: bytes = b"/",
) -> None:
    """Run a program with the JSON of a job on standard input, and log what goes wrong. It works in `folder`."""
    import subprocess
    import tempfile

    shown = f"the program of [jobs] notify, {display(program[0])}"
    with contextlib.ExitStack() as stack:
        try:
            text = _text_of(state, number)
            # Files, not pipes: a program that reads nothing, or leaves another one behind, is not waited for.
            given, said = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
            given.write(text.encode())
            given.seek(0)
            ran = subprocess.Popen(
                [os.path.expanduser(program[0]), *program[1:]],
                stdin=given,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
                cwd=folder,
            )
        except FileorgError:  # a run that had not begun: it has no row
            return
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            _log(state, number, f"Could not run {shown}: {reason}.")
            return
        try:
            code = ran.wait(seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(ran.pid, signal.SIGKILL)
            ran.wait()
            _log(state, number, f"{shown[0].upper()}{shown[1:]}, was ended: it took longer than {seconds:g} s.")
            return
        if code:
            said.seek(0)
            lines = said.read(1 << 16).decode(errors="replace").split("\n")
            last = display(next((line.strip() for line in reversed(lines) if line.strip()), ""))[:_SHOWN]
            ended = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
            _log(state, number, f"{shown[0].upper()}{shown[1:]}, {ended}{f': {last}' if last else ''}.")


def _log(state: StateDirectory, number: int, line: str) -> None:
    from fileorg.jobs.log import JobLog

    log = JobLog(state, number)
    log.note(line)
    log.close()


def _run(words: Sequence[str]) -> None:
    if os.fork():  # nobody waits for it
        return
    from fileorg.core.state import open_state

    with contextlib.suppress(FileorgError, OSError):
        notify_all(open_state(os.fsencode(words[0])), [int(word) for word in words[2:]], os.fsencode(words[1]))


if __name__ == "__main__":
    _run(sys.argv[1:])
