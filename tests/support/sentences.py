"""Sentences picked at random from what people read, for a strict reader: `python -m tests.support.sentences --seed 7`.

They come from the help, the messages in the code, README, CHANGELOG and docs, each source as often as the others.
"""

from __future__ import annotations

import argparse
import ast
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING

from fileorg.cli.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOP = Path(__file__).parents[2]
_END = re.compile(r"(?<=[.?!:])\s+(?=[A-Z`*(-])")
_MARKUP = re.compile(r"```[^`]*```|^\s*\|?[-|: ]+\|?$|^#+ [^\n]*$|!\[[^]]*\]\([^)]*\)|^\[[^]]+\]:[^\n]*$", re.MULTILINE)
_LINK = re.compile(r"\[([^]]+)\]\([^)]*\)")
_PROSE = re.compile(r"\b(?:the|an?|is|are|was|were|no|not|to|of|in|for|with|and|has|cannot)\b \w")
_SQL = re.compile(r"\b(?:SELECT|CREATE|INSERT|UPDATE|DELETE|PRAGMA|WHERE|AND|FROM)\b")
_FEWEST_WORDS = 4
_MAX_NAMES = 8  # more backticks are a list, not a sentence


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.sentences", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=60)
    options = parser.parse_args()
    sources = [
        sorted({sentence: source for source, sentence in each}.items()) for each in (helps(), messages(), documents())
    ]
    for sentences in sources:
        random.Random(options.seed).shuffle(sentences)
    for number in range(options.count):
        sentence, source = sources[number % len(sources)][number // len(sources)]
        print(f"{number + 1:3}. {source}: {sentence}")


def helps() -> Iterator[tuple[str, str]]:
    for command in COMMANDS:
        text = (_TOP / f"tests/cli/snapshots/help-{command}.txt").read_text()
        for block in re.split(r"\n\s*\n|\n    (?=-|\d)|\n\[|\nEXIT STATUS", text):
            words = " ".join(re.sub(r"^\s*-[-\w, ]+(?:<[^>]+>|[A-Z]+)?\s{2,}", "", block).split())
            yield from ((f"{command} --help", sentence) for sentence in _sentences(words))


def messages() -> Iterator[tuple[str, str]]:
    """Sentences in strings of the code that are no docstrings; what is put into them shows as `…`."""
    for path in sorted((_TOP / "src/fileorg").rglob("*.py")):
        if path.name == "sentences_v2.py":  # the words of old journals
            continue
        tree = ast.parse(path.read_text())
        documented = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if id(node) in documented | inside:
                continue
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            elif isinstance(node, ast.JoinedStr):
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            else:
                continue
            if _PROSE.search(text) and not _SQL.search(text) and not text.startswith("\n#"):
                yield from ((str(path.relative_to(_TOP)), sentence) for sentence in _sentences(" ".join(text.split())))


def documents() -> Iterator[tuple[str, str]]:
    for path in sorted([*_TOP.glob("*.md"), *(_TOP / "docs").glob("*.md")]):
        for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-|]|\d+\.) )", _MARKUP.sub("\n\n", path.read_text())):
            words = " ".join(_LINK.sub(r"\1", block).split()).lstrip("-| ").rstrip("| ")
            yield from ((str(path.relative_to(_TOP)), sentence) for sentence in _sentences(words))


def _sentences(text: str) -> list[str]:
    return [
        sentence
        for sentence in _END.split(text)
        if len(sentence.split()) >= _FEWEST_WORDS and sentence.count("`") <= _MAX_NAMES and " $ " not in sentence
    ]


if __name__ == "__main__":
    main()
