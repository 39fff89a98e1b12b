"""Record the session of docs/assistants.md with the official client: `python docs/assistant_session.py`.

It makes the demo folder in a new home, asks what an assistant would ask, and writes the calls and the answers, without
long lists. What the person and the assistant say to each other is written here; the rest is recorded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import Implementation

from fileorg.cli.demo_files import make_demo

PAGE = Path(__file__).with_name("assistants.md")
FROM, TO = "<!-- recorded by docs/assistant_session.py -->\n", "<!-- end of the session -->\n"
_LONGEST = 3


def _shown(value: Any) -> Any:
    """Return a value without the note of each answer and with the first items of its lists."""
    if isinstance(value, dict):
        return {
            key: _shown(each) for key, each in value.items() if key not in {"note", "left_out"} and each not in ([], {})
        }
    if isinstance(value, list):
        rest = [f"… and {len(value) - _LONGEST} more"] if len(value) > _LONGEST else []
        return [*map(_shown, value[:_LONGEST]), *rest]
    return value


async def _session(home: str) -> list[str]:
    lines: list[str] = []
    folder = f"{home}/Downloads"
    environment = os.environ | {"HOME": home, "FILEORG_HOME": f"{home}/.local/state/fileorg"}
    words = ["-m", "fileorg", "mcp", "--root", folder, "--allow-changes"]
    server = StdioServerParameters(command=sys.executable, args=words, env=environment)

    async with Client(server, client_info=Implementation(name="claude-ai", version="1")) as client:

        async def call(tool: str, *keys: str, **arguments: Any) -> dict[str, Any]:
            result = await client.call_tool(tool, arguments)
            answer: dict[str, Any] = json.loads(result.content[0].text)  # type: ignore[union-attr]
            chosen = {key: answer[key] for key in keys if key in answer}
            inner = {key: answer.get("from_files", {})[key] for key in keys if key in answer.get("from_files", {})}
            shown = _shown(chosen | ({"from_files": inner} if inner else {}))
            written = json.dumps(arguments).replace(home, "/home/you")
            text = json.dumps(shown, indent=1, ensure_ascii=False).replace(home, "/home/you")
            lines.extend(["```json", f"// {tool} {written}", text, "```", ""])
            return answer

        def say(who: str, text: str) -> None:
            lines.extend([f"**{who}**: {text}", ""])

        say("Person", "My Downloads folder is a mess. What is in it?")
        found = await call("scan", "files", "size_bytes", "categories", "empty_files", folder=folder)
        files = found["from_files"]["files"]
        say("Assistant", f"{files} files of many kinds. Shall I see whether some are there twice?")
        say("Person", "Yes, and sort the rest.")
        await call("duplicates", "total", "duplicates", folders=[folder])
        plan = await call(
            "propose_plan", "plan", "kind", "status", "files", "skipped", "actions", "say", "categories", "rows",
            call={"kind": "organize", "folder": folder},
        )  # fmt: skip
        say(
            "Assistant", f"Plan {plan['plan']} would move {plan['files']} files into folders by category. Do you agree?"
        )
        say("Person", "Do it.")
        done = await call("apply_plan", "plan", "status", "files", "files_done", "operations", "say", plan=plan["plan"])
        say("Person", "The pictures should stay where they were.")
        operation = done["operations"][0]
        await call("undo", "status", "files_done", "operations", "say", operation=operation, only=[f"{folder}/Images"])
        await call("undo", "error", operation=99)
        say("Assistant", "The pictures are back. The rest stays sorted, and you can take it back at any time.")
    return lines


def _history(home: str) -> list[str]:
    environment = os.environ | {"HOME": home, "FILEORG_HOME": f"{home}/.local/state/fileorg"}
    ran = subprocess.run(
        [sys.executable, "-m", "fileorg", "history"], env=environment, capture_output=True, text=True, check=True
    )
    lines = ["What the person sees in a terminal afterwards:", "", "```console", "$ fileorg history"]
    return [*lines, ran.stdout.replace(home, "/home/you").rstrip(), "```", ""]


def main() -> None:
    """Write the session into the page."""
    with tempfile.TemporaryDirectory() as home:
        folder = os.path.join(home, "Downloads")
        os.mkdir(folder)
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        make_demo(fd)
        os.close(fd)
        lines = [*anyio.run(_session, home), *_history(home)]
    before, _, rest = PAGE.read_text().partition(FROM)
    PAGE.write_text(before + FROM + "\n" + "\n".join(lines) + "\n" + TO + rest.partition(TO)[2])


if __name__ == "__main__":
    main()
