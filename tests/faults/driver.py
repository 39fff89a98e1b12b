"""Runs `fileorg` commands for the harness, each in a forked process that has imported everything already.

Starting Python with all imports takes longer than the commands, so this process does it once, then forks for each
command. A command may be held until a tracer is attached, and is confined by Landlock if available. It does the same
as `python -m fileorg`; negative controls, which the harness must fail, remove one part first (`controls`).

Standard input has one JSON request per line: see `Request` in `process.py`. The answers are the process id, and at the
end of the process its status. Requests with `in_series` run in one fork, one after the other (`series`).
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import gc
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO

from tests.faults import series as in_series
from tests.faults.series import MAX_COMMANDS, FirstState, Series
from tests.support import wall

from fileorg.cli import app

if TYPE_CHECKING:
    from collections.abc import Callable

_PR_SET_PTRACER, _ANY = 0x59616D61, -1
_CRASHED = 70
"""An exit code that fileorg never returns."""
_OURS = 200
"""The lowest descriptor of the driver itself, above those of commands."""
_KEPT = _OURS + 64
"""The lowest descriptor that a command keeps of the driver."""
_PATCHED = frozenset(
    f"fileorg.{name}"
    for name in ("workflows.operations", "core.retry", "storage.local.storage", "storage.local.worker")
)
"""What `_prepare` changes."""


def main() -> None:
    os.chdir("/")  # above every operation: a bare undo takes only one in, above or below the current directory
    _preload()
    requests = os.fdopen(fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, _OURS))  # standard input itself is for the commands
    answers = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, _OURS)
    begin = _series()
    series = None
    for line in requests:
        request = json.loads(line)
        if not request["in_series"]:
            _fork(request, requests, answers)
            continue
        if series is None:
            series = begin()
        _answer(answers, series.pid)
        status = series.run(line)
        if status == _CRASHED << 8:  # it may be in any state
            os.kill(series.pid, signal.SIGKILL)
        if status in {None, _CRASHED << 8} or series.commands == MAX_COMMANDS:
            ended, series = series.end(), None
            status = ended if status is None else status  # without one, it was killed because the command took too long
        _answer(answers, status)
    if series is not None:
        series.end()


def _fork(request: dict[str, Any], requests: TextIO, answers: int) -> None:
    """Run a command in a fork."""
    held, go = os.pipe()
    prepared, ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go)
        _become(request, held, ready)
    os.close(held)
    os.close(ready)
    os.read(prepared, 1)  # returns when the other end is closed; earlier, a tracer would count too many calls
    os.close(prepared)
    _answer(answers, pid)
    if request["held"]:
        requests.readline()
    os.close(go)
    _answer(answers, os.waitpid(pid, 0)[1])


def _series() -> Callable[[], Series]:
    """Return a function that begins a series."""

    @functools.cache
    def first_state() -> FirstState:
        made = FirstState(_PATCHED)
        gc.freeze()
        return made

    def run(line: str) -> int:
        request = json.loads(line)
        os.environ.update(request["env"])
        _prepare(request)
        return in_series.run(partial(_run, request["words"]), request["output"], first_state(), _CRASHED) << 8

    return lambda: Series(run, first_state(), _OURS)


def _preload() -> None:
    """Import the modules that the commands import, found by a child that runs them: what a series imports later, it
    would import again in each chain.
    """
    with tempfile.TemporaryDirectory() as place:
        names = os.path.join(place, "names")
        pid = os.fork()
        if pid == 0:
            _learn(place, names)
        if os.waitpid(pid, 0)[1]:
            raise AssertionError("a first organize and undo failed")
        with open(names) as file:
            for name in [*file.read().split(), "tests.faults.dying"]:
                importlib.import_module(name)
    with contextlib.suppress(ImportError, AttributeError):  # a different fileorg from this checkout's
        importlib.import_module("fileorg.rules.classify").Rules.default()
    gc.collect()
    gc.freeze()  # a collection in a child would copy all pages


def _learn(place: str, names: str) -> None:
    try:
        os.environ["FILEORG_HOME"] = os.path.join(place, "state")
        root = os.path.join(place, "root")
        os.makedirs(root)
        for name in ("a.jpg", "b.jpg", "film.mkv", "film.srt", "x.qqq", "new\nline.png", "sub/c.txt", "other/d.txt"):
            path = os.path.join(place, name) if name.startswith("other/") else os.path.join(root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write("twice")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        plan, saved, rules = (os.path.join(place, name) for name in ("plan.csv", "saved.jsonl", "rules.toml"))
        with open(plan, "w") as file:
            file.write("path,new_path\nImages/a.jpg,Images/b.jpg\nImages/b.jpg,Images/a.jpg\n")
        with open(rules, "w") as file:
            file.write("version = 1\n[[rule]]\nname = 'all'\nwhen = { name = ['*.x'] }\nto = '{modified.year}/{ext}'\n")
        other = os.path.join(place, "other")
        for words in (
            ["scan", root], ["organize", "-y", root], ["undo", "-y"], ["redo", "-y"], ["recover"],
            ["apply", "-y", plan, "--root", root],
            ["clean", "-y", root], ["dedupe", root], ["dedupe", "-y", "--action", "quarantine", root],
            ["purge", "-y"], ["history"], ["files", "1"],
        ):  # fmt: skip
            if app.run(words):
                raise AssertionError(words)
        os.dup2(1, 2)
        for words in (  # not all of them are known to an older fileorg, and not all end with 0
            ["organize", "-y", root, "-r", "--dest", other, "--config", rules, "--by", "date", "--remove-empty"],
            ["organize", "-y", root, "-r", "--dest", other, "--on-conflict", "keep-newer"],
            ["undo", "-y", "1", "--later", "first", "--", "*.jpg"], ["dedupe", "-y", "--action", "hardlink", other],
            ["organize", "-r", root, "--dest", other, "--save-plan", saved], ["apply", "-n", saved, "--root", other],
            ["compare", root, other], ["compare", root, other, "--dest", root + "/copies", "--action", "copy", "-y"],
            ["import", "-y", other, "--dest", root, "--certificate", os.path.join(place, "certificate.json")],
            ["jobs"], ["jobs", "resume", "1"], ["undo", "-y", "--job", "1"],
        ):  # fmt: skip
            app.run(words)
        with open(names, "w") as file:
            file.write("\n".join(set(sys.modules) - {"__main__"}))
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(_CRASHED)


def _answer(answers: int, number: int) -> None:
    os.write(answers, b"%d\n" % number)


def _become(request: dict[str, Any], held: int, ready: int) -> None:
    """Run the command in this process, then exit."""
    code = _CRASHED
    try:
        output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for fd, standard in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(fd, standard)
        os.environ.update(request["env"])
        os.umask(0o022)
        signal.signal(
            signal.SIGINT, signal.default_int_handler
        )  # a shell lets what it runs in the background ignore it
        if request["max_open"]:
            resource.setrlimit(resource.RLIMIT_NOFILE, (request["max_open"], request["max_open"]))
        if sys.platform == "linux":
            # By default only ancestors may trace a process: allow all.
            ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(_ANY), 0, 0, 0)
        _prepare(request)
        if request["wall"] and wall.can_be_raised():
            wall.raise_wall(request["wall"])
        os.close(ready)
        os.read(held, 1)
        os.closerange(3, _KEPT)
        _arm(request)
        code = _run(request["words"])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(words: list[str]) -> int:
    """Run these words like `python -m fileorg`."""
    return app.run(words)


def _prepare(request: dict[str, Any]) -> None:
    """Lower the limits, so that small trees are treated like large ones, and apply the negative control."""
    if rows := request["rows"]:
        from fileorg.workflows import operations

        for name in ("BATCH_ROWS", "COPIED_ROWS"):
            vars(operations)[name] = rows
    _without_waiting(f"{request['output']}.waits", is_behind_a_wall=bool(request["wall"]))
    if request["on_network"]:
        from fileorg.storage.local import storage

        vars(storage)["is_network"] = lambda _fd: True
    if request["two_processes"]:
        from fileorg.storage.local import worker

        vars(worker)["_FEW_FILES"] = 0
    if request["control"]:
        from tests.faults import controls

        controls.CONTROLS[request["control"]]()


def _without_waiting(path: str, *, is_behind_a_wall: bool) -> None:
    """Let waits before further tries take no time, and write them to a file."""
    try:
        from fileorg.core import retry
    except ImportError:  # a different fileorg from this checkout's
        return
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    # A wall does not let it be opened later. A series must not keep it.
    kept = fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, _KEPT) if is_behind_a_wall else None
    os.close(opened)

    class Clock(retry.Clock):
        def pause(self, seconds: float, is_over: Callable[[], bool]) -> bool:
            fd = os.open(path, os.O_WRONLY | os.O_APPEND) if kept is None else kept
            os.write(fd, b"%f\n" % seconds)
            if kept is None:
                os.close(fd)
            return not is_over()

    vars(retry)["CLOCK"] = Clock(chance=lambda: 0.5)


def _arm(request: dict[str, Any]) -> None:
    """Arm a kill or a halt at one of the following steps."""
    if request["die_at"] or request["halt_at"]:
        from tests.faults import dying

        (dying.arm if request["die_at"] else dying.arm_halt)(request["die_at"] or request["halt_at"])


if __name__ == "__main__":
    main()
