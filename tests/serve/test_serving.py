"""How the server starts and how it refuses to; and that no other command loads it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.serve.conftest import Server

if TYPE_CHECKING:
    from pathlib import Path


STOPPED = "Stopped. Jobs that run go on: fileorg jobs lists them.\n"


def run(folder: Path, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "FILEORG_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        **changes,
    }
    return subprocess.run(
        [sys.executable, "-m", "fileorg", "serve", "--no-open", *words],
        capture_output=True, text=True, env=environment, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = run(tmp_path, str(tmp_path), "--port", str(taken.getsockname()[1]))
    assert ran.returncode == 2
    assert "cannot be used: Address already in use." in ran.stderr
    assert "drop --port" in ran.stderr


def test_a_socket_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "sock").write_text("mine")
    ran = run(tmp_path, str(tmp_path), "--socket", str(tmp_path / "sock"))
    assert (ran.returncode, (tmp_path / "sock").read_text()) == (2, "mine")
    assert "could not be made" in ran.stderr


def test_a_socket_that_a_killed_server_has_left_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    server = Server(tmp_path, "--socket", str(path))
    assert "Address already in use" in run(tmp_path, str(tmp_path / "root"), "--socket", str(path)).stderr
    server.kill()
    assert path.exists()
    server.start()
    server.process.terminate()
    out, _ = server.process.communicate(timeout=60)
    server.errors.close()
    assert (server.process.returncode, out, path.exists()) == (0, STOPPED, False)


def test_a_socket_whose_program_stands_still_is_not_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent, contextlib.ExitStack() as waiting:
        silent.bind(str(tmp_path / "sock"))
        silent.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                asking = waiting.enter_context(socket.socket(socket.AF_UNIX))
                asking.setblocking(False)
                asking.connect(str(tmp_path / "sock"))
        ran = run(tmp_path, str(tmp_path), "--socket", str(tmp_path / "sock"))
    assert (ran.returncode, "Address already in use" in ran.stderr) == (2, True)


def test_folders_are_needed_and_must_be_there(tmp_path: Path) -> None:
    assert "No folder is named." in run(tmp_path).stderr
    assert "There is no folder" in run(tmp_path, str(tmp_path / "none")).stderr


def test_an_extra_that_is_not_installed_is_said(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as util\nfind = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'starlette' else find(name, *more)\n"
    )
    ran = run(tmp_path, str(tmp_path), PYTHONPATH=str(hidden))
    assert ran.returncode == 2
    assert "pip install 'fileorg[serve]'" in ran.stderr


def test_no_browser_is_said(tmp_path: Path) -> None:
    server = Server(tmp_path, opens=True, BROWSER="/no/such/browser", PATH="/nowhere", DISPLAY="")
    try:
        assert server.get("")["version"]
    finally:
        server.close()
    assert "No browser could be opened" in (tmp_path / "errors").read_text()


def test_the_folders_of_profiles_are_served(tmp_path: Path) -> None:
    (tmp_path / "config/fileorg").mkdir(parents=True)
    (tmp_path / "config/fileorg/fileorg.toml").write_text('version = 1\n[profile.here]\nroot = "/nowhere/at/all"\n')
    assert "There is no folder /nowhere/at/all." in run(tmp_path).stderr


def test_ctrl_c_ends_it_without_a_traceback(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.process.send_signal(signal.SIGINT)
    out, _ = server.process.communicate(timeout=60)
    server.errors.close()
    assert (server.process.returncode, out) == (0, STOPPED)
    assert (tmp_path / "errors").read_text() == ""


def test_no_other_command_loads_the_server() -> None:
    script = "import sys, fileorg.cli.commands as c\nfor n in c.COMMANDS: c.module_of(n)\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    roots = {name.partition(".")[0] for name in loaded}
    assert not roots & {"starlette", "uvicorn", "websockets", "anyio", "h11"}
    assert not [name for name in loaded if name.startswith("fileorg.serve")]
    assert "fileorg.cli.commands.serve" in loaded
