"""The programs that fileorg is compared with, configured to do the same work as fast as they can."""

import json
import os
import shutil
import subprocess
import sys
import venv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from loop import Changes, How
from measure import Bench, CommandFailedError

ORGANIZE_TOOL = "organize-tool==3.3.0"
LOOP = Path(__file__).with_name("loop.py")


def find_command(root: Path) -> list[str]:
    find = shutil.which("find")
    if find is None:
        raise CommandFailedError("`find` is missing: install findutils")
    return [find, str(root), "-printf", r"%s %T@ %i %p\n"]


def run_loop(bench: Bench, changes: Path, *, is_back: bool, how: How = How.RENAME) -> tuple[float, float]:
    """Return the seconds of the bare loop, and of the syncfs after it."""
    command = [sys.executable, str(LOOP), str(changes), "--how", how.value]
    answer = json.loads(bench.output([*command, "--back"] if is_back else command))
    return float(answer["loop_s"]), float(answer["syncfs_s"])


def folder_of_extension(root: Path, changes: Changes) -> dict[str, str]:
    """Return the category folder of each extension, from the renames that fileorg made."""
    base = os.fsencode(root) + b"/"
    folders: dict[str, str] = {}
    for destination in changes.destinations:
        folder, _, name = destination.removeprefix(base).rpartition(b"/")
        folders[os.fsdecode(name.rpartition(b".")[2]).lower()] = os.fsdecode(folder)
    return folders


def install_organize_tool(folder: Path) -> Path:
    """Install organize-tool into a separate virtual environment and return its program."""
    venv.create(folder, with_pip=True)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", ORGANIZE_TOOL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailedError(f"could not install {ORGANIZE_TOOL}: {done.stderr.strip()[-500:]}")
    return folder / "bin" / "organize"


def write_organize_config(path: Path, root: Path, folders: Mapping[str, str]) -> None:
    """Write one rule per category, as in its manual; the rules exclude files that it has already moved."""
    extensions: dict[str, list[str]] = defaultdict(list)
    for extension, folder in sorted(folders.items()):
        extensions[folder].append(extension)
    rules = [
        {
            "name": folder,
            "locations": [{"path": str(root), "exclude_dirs": sorted(extensions)}],
            "subfolders": True,
            "filters": [{"extension": known}],
            "actions": [{"move": {"dest": f"{root}/{folder}/", "on_conflict": "rename_new"}}],
        }
        for folder, known in extensions.items()
    ]
    # JSON is valid YAML, and needs no further library.
    path.write_text(json.dumps({"rules": rules}, indent=1))


def organize_tool_command(program: Path, config: Path) -> list[str]:
    """Return the command with its quietest output, so that printing costs nothing."""
    return [str(program), "run", "--format", "errorsonly", str(config)]
