"""The same 200 renames by `fileorg rename`, `vidir` (moreutils) and `nomino`: `python benchmarks/renames.py`.

Each case has 200 files and the name that each one is to have. `fileorg rename` and `vidir` open the names in an editor,
here a script that writes the new ones; `nomino` reads them as a map. Afterwards each content is looked for: it is right
under its new name, lost if no file has it any more, and otherwise elsewhere. Then `fileorg undo` must give all back.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_FILES = 200
_EDITOR = """\
import json, os, sys
names = json.load(open(os.environ["NEW_NAMES"]))
path = sys.argv[-1]
with open(path, encoding="utf-8") as file:
    lines = file.read().split("\\n")
for at, line in enumerate(lines):
    number, tab, old = line.partition("\\t")
    if tab and number.strip().isdigit():
        folder, name = os.path.split(old)
        lines[at] = number + tab + os.path.join(folder, names.get(name, name))
with open(path, "w", encoding="utf-8") as file:
    file.write("\\n".join(lines))
"""


def _names() -> list[str]:
    return [f"{number:03}.txt" for number in range(_FILES)]


def cases() -> dict[str, dict[str, str]]:
    """Return the new name of each file, by case."""
    names = _names()
    pairs = {name: names[number ^ 1] for number, name in enumerate(names)}
    return {
        "new names": {name: f"new {name}" for name in names},
        "100 exchanges": pairs,
        "a chain": dict(zip(names, [*names[1:], "200.txt"], strict=True)),
        "a cycle": dict(zip(names, [*names[1:], names[0]], strict=True)),
        "a name in capitals": {name: name.upper() for name in names},
        "one name that a file has which stays": {name: f"new {name}" for name in names} | {names[7]: "stays.txt"},
        "one name for two files": {name: f"new {name}" for name in names} | {names[7]: f"new {names[8]}"},
    }


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def fileorg(folder: Path, base: Path, environment: dict[str, str]) -> int:
    command = [sys.executable, "-m", "fileorg", "rename", str(folder), "-y", "-q"]
    return _run(command, base, environment)


def vidir(folder: Path, base: Path, environment: dict[str, str]) -> int:
    return _run(["vidir", str(folder)], base, environment)


def nomino(folder: Path, _base: Path, environment: dict[str, str]) -> int:
    return _run(["nomino", "--quiet", "--map", environment["NEW_NAMES"]], folder, environment)


def _run(command: list[str], place: Path, environment: dict[str, str]) -> int:
    done = subprocess.run(
        command, cwd=place, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return done.returncode


PROGRAMS = {"fileorg rename": fileorg, "vidir": vidir, "nomino": nomino}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    wrong = False
    print("| case | " + " | ".join(f"{name}: right, elsewhere, lost" for name in PROGRAMS) + " |")
    print("|---|" + "--:|" * len(PROGRAMS))
    for case, new_names in cases().items():
        cells = []
        for name, program in PROGRAMS.items():
            if name != "fileorg rename" and shutil.which(name) is None:
                cells.append("not installed")
                continue
            with tempfile.TemporaryDirectory(prefix="fileorg-") as made:
                base = Path(made)
                folder = base / "tree"
                folder.mkdir()
                for each in [*_names(), "stays.txt"]:
                    (folder / each).write_text(f"content of {each}")
                before = contents(folder)
                (base / "names.json").write_text(json.dumps(new_names))
                (base / "editor.py").write_text(_EDITOR)
                environment = os.environ | {
                    "NEW_NAMES": str(base / "names.json"),
                    "EDITOR": f"{sys.executable} {base / 'editor.py'}",
                    "FILEORG_HOME": str(base / "state"),
                }
                environment.pop("VISUAL", None)
                code = program(folder, base, environment)
                after = contents(folder)
                right = sum(after.get(new_names[old]) == f"content of {old}" for old in new_names)
                lost = len(set(before.values()) - set(after.values()))
                is_possible = len({*new_names.values(), "stays.txt"}) == len(new_names) + 1
                if name == "fileorg rename":
                    if is_possible:
                        _run([sys.executable, "-m", "fileorg", "undo", "-y", "-q"], base, environment)
                    is_right = right == _FILES if is_possible else (code != 0 and after == before)
                    wrong = wrong or lost > 0 or not is_right or contents(folder) != before
                cells.append(f"{right}, {len(new_names) - right - min(lost, len(new_names) - right)}, {lost}")
        print(f"| {case} | " + " | ".join(cells) + " |", flush=True)
    sys.exit(wrong)


if __name__ == "__main__":
    main()
