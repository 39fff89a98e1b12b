"""What is no message is answered with an error, and the server goes on; answers are bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from fileorg.mcp.answers import answer
from fileorg.mcp.boundary import Boundary
from fileorg.mcp.wire import LONGEST_MESSAGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "Evil\u202e\nname" + "x" * 999, "version": "1"},
    },
}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}


class Raw:
    """The server, spoken to line by line."""

    def __init__(self, folder: Path, root: Path) -> None:
        environment = os.environ | {"FILEORG_HOME": str(folder / "state"), "XDG_CONFIG_HOME": str(folder / "settings")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fileorg", "mcp", "--root", str(root), "--allow-changes"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
        )  # fmt: skip

    def send(self, line: bytes) -> Any:
        """Send a line, and return the next answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def call(self, number: int, tool: str, **arguments: Any) -> Any:
        """Call a tool, and return its result."""
        params = {"name": tool, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
        return self.send(json.dumps(message).encode())["result"]

    def greet(self) -> Any:
        """Shake hands."""
        assert self._process.stdin is not None
        found = self.send(json.dumps(HELLO).encode())
        self._process.stdin.write(json.dumps(READY).encode() + b"\n")
        return found

    def end(self) -> tuple[int, bytes]:
        """Close the input, and return the exit code and what was written on standard error."""
        _, said = self._process.communicate(timeout=60)
        return self._process.returncode, said


@pytest.fixture
def raw(tmp_path: Path) -> Iterator[Raw]:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a.jpg").write_text("one")
    server = Raw(tmp_path, tmp_path / "root")
    yield server
    server._process.kill()
    server._process.communicate()


def test_malformed_messages_are_answered_and_nothing_ends(raw: Raw) -> None:
    greeting = raw.greet()["result"]
    assert greeting["serverInfo"]["name"] == "fileorg"
    assert "Only these folders exist here" in greeting["instructions"]
    for line in (
        b"{",
        b"nonsense",
        b"[]",
        b"42",
        b'{"id": 7}',
        b"\xff\xfe",
        b'{"jsonrpc": "2.0", "id": 1, "method": 7}',
    ):
        found = raw.send(line)
        assert (found["id"], found["error"]["code"]) == (None, -32700)
        assert found["error"]["message"] == "The line is no JSON-RPC message: send one JSON object on each line."
    long = raw.send(b'{"jsonrpc": "2.0", "id": 2, "method": "' + b"x" * LONGEST_MESSAGE + b'"}')
    assert long["error"]["message"] == f"The message is longer than {LONGEST_MESSAGE >> 20} MB."
    unknown = raw.send(b'{"jsonrpc": "2.0", "id": 3, "method": "nonsense/method"}')
    assert (unknown["id"], unknown["error"]["code"]) == (3, -32601)
    assert raw.call(4, "list", folder=".")["structuredContent"]["total"] == 1
    plan = raw.call(5, "propose_plan", call={"kind": "organize", "folder": "."})["structuredContent"]["plan"]
    assert raw.call(6, "apply_plan", plan=plan)["structuredContent"]["status"] == "done"
    (operation,) = raw.call(7, "history")["structuredContent"]["from_files"]["operations"]
    assert operation["client"] == (r"Evil\u202e name" + "x" * 999)[:60]
    assert raw.end() == (0, b"")


def test_a_request_that_is_no_text_is_answered_with_its_number(raw: Raw) -> None:
    raw.greet()
    for number, folder in ((2, rb"\udcff"), (3, rb"\ud800"), (4, b"\xff"), (5, rb"\udcff" + b"x" * 70_000)):
        line = b'{"jsonrpc": "2.0", "id": %d, "method": "tools/call", "params": {"name": "scan", "arguments": ' % number
        found = raw.send(line + b'{"folder": "%b"}}}' % folder)
        assert (found["id"], found["error"]["code"]) == (number, -32700)
    assert raw.call(6, "list", folder=".")["structuredContent"]["total"] == 1


def test_arguments_that_would_do_nothing_are_refused(raw: Raw) -> None:
    raw.greet()
    plan = raw.call(2, "propose_plan", call={"kind": "organize", "folder": "."})["structuredContent"]["plan"]
    refused = json.loads(raw.call(3, "apply_plan", plan=plan, dry_run=True)["content"][0]["text"])["error"]
    assert (refused["code"], refused["message"]) == ("bad-value", "apply_plan has no argument dry_run.")
    assert raw.call(4, "show_plan", plan=plan)["structuredContent"]["status"] == "waiting"


def test_values_that_no_command_can_be_given_are_refused(raw: Raw) -> None:
    raw.greet()
    proposals: list[dict[str, Any]] = [{"include": ["a\0b"]}, {"template": "a\0b"}, {"newer_than": "\0"}]
    for number, values in enumerate(proposals, 2):
        found = raw.call(number, "propose_plan", call={"kind": "organize", "folder": ".", **values})
        error = json.loads(found["content"][0]["text"])["error"]
        assert error["code"] == "bad-value"
        assert "contains NUL" in error["message"]


def test_answers_are_bounded() -> None:
    rows = [{"path": "x" * 4000, "reason": "y" * 4000, "number": number} for number in range(200)]
    found = answer({"total": 200}, {"rows": rows, "few": [1, 2]})
    assert len(json.dumps(found)) <= 60_100
    kept = found["from_files"]["rows"]
    assert (found["left_out"] + len(kept), found["from_files"]["few"]) == (200, [1, 2])
    assert kept[0]["path"] == "x" * 4000  # whole, to be sent back
    assert kept[0]["reason"] == "y" * 300 + "…"


def test_a_root_that_is_refused_or_missing(tmp_path: Path) -> None:
    def refusal(*words: str) -> tuple[int, str]:
        environment = os.environ | {"FILEORG_HOME": str(tmp_path / "state")}
        program = [sys.executable, "-m", "fileorg", "mcp", *words]
        ran = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
        assert not ran.stdout
        return ran.returncode, ran.stderr

    code, said = refusal()
    assert (code, "No folder is named" in said, "Hint: fileorg mcp --root" in said) == (2, True, True)
    assert refusal("--root", str(tmp_path / "nowhere"))[0] == 2
    assert refusal("--root", "/usr", "--allow-changes")[0] == 5


def test_a_document_has_no_paths_outside(tmp_path: Path) -> None:
    root = bytes(tmp_path)
    inside, outside = f"{tmp_path}/a", f"{tmp_path}-other/b"
    document = {"files": [{"path": inside, "marker": outside, "reason": "x"}], "root": str(tmp_path), "log": "/var/log"}
    assert Boundary([root]).cleared(document) == {
        "files": [{"path": inside, "marker": None, "reason": "x"}],
        "root": str(tmp_path),
        "log": None,
    }
