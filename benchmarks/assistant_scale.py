"""Measures `fileorg mcp`: how long it takes to start, and the memory of the server while large plans are made.

    python benchmarks/assistant_scale.py --files 1000000 --rows 63000 --work /mnt/disk

The memory is that of the server, at most, as the kernel counts it (VmHWM), in MB of 1,048,576 bytes. The commands that
plan have processes of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters

if TYPE_CHECKING:
    from collections.abc import Callable

_SUFFIXES = ("jpg", "pdf", "txt", "mp3", "zip", "csv")


def _most_memory(pid: int) -> float:
    """Return the most memory that a process has used, in MB."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))


class _Server:
    """The parameters of a server, and where its process id is written."""

    def __init__(self, work: Path, root: Path) -> None:
        self._pid_file = work / "pid"
        program = [sys.executable, "-m", "fileorg", "mcp", "--root", str(root), "--allow-changes"]
        self.parameters = StdioServerParameters(
            command="sh",
            args=["-c", f'echo $$ > "{self._pid_file}"; exec "$@"', "sh", *program],
            env=os.environ | {"FILEORG_HOME": str(work / "state"), "XDG_CONFIG_HOME": str(work / "settings")},
        )

    @property
    def memory(self) -> float:
        """The most memory that the server has used."""
        return _most_memory(int(self._pid_file.read_text()))


async def _start(server: _Server) -> tuple[float, float, float]:
    """Return the seconds until a client is greeted, those of the processor, and the memory then."""
    before, began = os.times(), time.monotonic()
    async with Client(server.parameters, mode="legacy"):
        seconds, memory = time.monotonic() - began, server.memory
    after = os.times()
    return seconds, after.children_user + after.children_system - before.children_user - before.children_system, memory


async def _ask(server: _Server, tool: str, **arguments: Any) -> None:
    """Call one tool of a new server, and print what it took."""
    async with Client(server.parameters, mode="legacy") as client:
        began = time.monotonic()
        result = await client.call_tool(tool, arguments)
        seconds = time.monotonic() - began
        text = result.content[0].text  # type: ignore[union-attr]
        answer = json.loads(text)
        facts = {key: answer[key] for key in ("files", "rows", "total", "error") if key in answer}
        shown = "rows of its own" if "rows" in str(arguments)[:40] else ""
        print(
            f"{tool} {shown}: {seconds:.1f} s, {server.memory:.0f} MB at most, {len(text):,} characters, {facts}",
            flush=True,
        )


def _fill(folder: Path, files: int) -> None:
    """Make a folder with so many empty files."""
    folder.mkdir()
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    for number in range(files):
        name = f"{number:07}.{_SUFFIXES[number % len(_SUFFIXES)]}"
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=at))
    os.close(at)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=63_000)
    parser.add_argument("--work", default=None, help="an empty folder for the files")
    given = parser.parse_args()
    run: Callable[..., Any] = anyio.run
    with tempfile.TemporaryDirectory(dir=given.work) as name:
        work = Path(name)
        few, many = work / "few", work / "many"
        _fill(few, given.rows)
        starts = [run(_start, _Server(work, few)) for _ in range(5)]
        middle = [statistics.median(each[part] for each in starts) for part in range(3)]
        print(f"start: {middle[0]:.2f} s (processor {middle[1]:.2f} s), {middle[2]:.0f} MB", flush=True)
        rows = [{"path": each, "new_path": f"new/{each}"} for each in sorted(os.listdir(few))]
        run(_with, _Server(work, few), "propose_plan", {"call": {"kind": "rows", "rows": rows}})
        _fill(many, given.files)
        for tool, arguments in (
            ("list", {"folder": "."}),
            ("scan", {"folder": "."}),
            ("duplicates", {"folders": ["."]}),
            ("propose_plan", {"call": {"kind": "organize", "folder": "."}}),
        ):
            run(_with, _Server(work, many), tool, arguments)


async def _with(server: _Server, tool: str, arguments: dict[str, Any]) -> None:
    await _ask(server, tool, **arguments)


if __name__ == "__main__":
    main()
