"""How often a file gets its category by name and content, on a set of labelled files.

`--set FOLDER` holds a table (`*.tsv` with file, category, ext and name) and a zip beside it of the contents. Three
measures: with the names as they are, with a wrong extension for each tenth file, and without names. The extra
`fileorg[magika]` is asked if it is installed.
"""

from __future__ import annotations

import argparse
import csv
import random
import statistics
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fileorg.content.dates import DateChoice, taken_date
from fileorg.content.decision import decide
from fileorg.content.documents import is_document, read_document
from fileorg.content.head import BytesContent
from fileorg.content.media import read_media
from fileorg.content.sound import is_sound, read_sound
from fileorg.content.text_model import with_model
from fileorg.content.types import kind_of
from fileorg.rules import heads
from fileorg.rules.classify import Rules
from fileorg.rules.moments import now_utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.content.types import FileKind

RULES = Rules.default()
SEEDS = 5
SLOW_SECONDS = 0.1


class Labelled(NamedTuple):
    """A file of the set."""

    content: bytes
    category: str
    extension: bytes
    name: bytes


def read_set(folder: Path) -> list[Labelled]:
    """Return the files of a set."""
    (table,), (contents,) = folder.glob("*.tsv"), folder.glob("*.zip")
    with zipfile.ZipFile(contents) as archive, table.open(encoding="utf-8", newline="") as rows:
        read = csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [
            Labelled(archive.read(row["file"]), row["category"], row["ext"].encode(), row["name"].encode())
            for row in read
        ]


def by_name(name: bytes, content: bytes) -> tuple[bytes, str, bool]:
    """Return extension and category by name, and whether the name was ambiguous and its content agrees."""
    extension = RULES.extension_of(name)
    category = RULES.category_of(name)
    if category is not None:
        return extension, category, False
    head = content[: heads.HEAD_BYTES]
    found = RULES.by_extension(extension) if heads.agrees(extension, head) else heads.second_meaning(extension, head)
    return extension, found or "Other", found is not None


def category_of(file: Labelled, name: bytes, kind: FileKind) -> str:
    """Return the category by name and content."""
    extension, category, is_settled = by_name(name, file.content)
    return category if is_settled else decide(extension, category, kind, RULES).category


def with_wrong_names(files: Sequence[Labelled], seed: int) -> list[bytes]:
    """Return the names, each tenth of them with the extension of another file."""
    chance, names = random.Random(seed), [file.name for file in files]
    extensions = [file.extension for file in files]
    for at in chance.sample(range(len(files)), len(files) // 10):
        wrong = chance.choice(extensions)
        while wrong == extensions[at]:
            wrong = chance.choice(extensions)
        names[at] = names[at].removesuffix(b"." + extensions[at]) + b"." + wrong
    return names


def measure(files: Sequence[Labelled]) -> None:
    """Print the shares of files that get their category, and a table by category."""
    started = time.process_time()
    kinds = [with_model(kind_of(content), content.head) for content in map(BytesContent, (f.content for f in files))]
    used = (time.process_time() - started) / len(files)
    names = [file.name for file in files]
    results = {
        "name alone": [by_name(file.name, file.content)[1] for file in files],
        "names as they are": [category_of(*each) for each in zip(files, names, kinds, strict=True)],
        "no names": [category_of(*each) for each in zip(files, [b"file"] * len(files), kinds, strict=True)],
    }
    wrong = [with_wrong_names(files, seed) for seed in range(SEEDS)]
    of_wrong = [[category_of(*each) for each in zip(files, some, kinds, strict=True)] for some in wrong]
    results["10 % wrong"] = of_wrong[0]
    print(f"{len(files):,} files, {used * 1e6:,.0f} µs each\n")
    for title in ("name alone", "names as they are", "no names"):
        print(f"- {title}: {_share(files, results[title]):.1f} %")
    shares = [_share(files, some) for some in of_wrong]
    lowest, middle, highest = min(shares), statistics.median(shares), max(shares)
    print(f"- 10 % wrong: {middle:.1f} % ({lowest:.1f} to {highest:.1f}, {SEEDS} draws)")
    spoiled = [
        file.name.decode()
        for file, alone, now in zip(files, results["name alone"], results["names as they are"], strict=True)
        if alone == file.category != now
    ]
    print(f"- right by name and wrong by content: {len(spoiled)} {' '.join(spoiled)}\n")
    _by_category(files, results)


def _share(files: Sequence[Labelled], found: Sequence[str]) -> float:
    return 100 * sum(file.category == each for file, each in zip(files, found, strict=True)) / len(files)


def _by_category(files: Sequence[Labelled], results: dict[str, list[str]]) -> None:
    total = Counter(file.category for file in files)
    print(f"| category | files | {' | '.join(results)} |")
    print(f"|---|--:|{'--:|' * len(results)}")
    for category, count in total.most_common():
        right = [
            sum(file.category == category == each for file, each in zip(files, found, strict=True))
            for found in results.values()
        ]
        print(f"| {category} | {count} | {' | '.join(f'{100 * each / count:.1f}' for each in right)} |")


def damaged(contents: Sequence[bytes], chance: random.Random) -> bytes:
    """Return a file with flipped bits, cut off, or joined with another one."""
    content = bytearray(chance.choice(contents))
    for _ in range(chance.randrange(8)):
        if content:
            content[min(int(chance.expovariate(1 / 500)), len(content) - 1)] ^= 1 << chance.randrange(8)
    kind = chance.randrange(3)
    if kind == 1:
        del content[chance.randrange(len(content) + 1) :]
    elif kind == 2:
        other = chance.choice(contents)
        content[chance.randrange(len(content) + 1) :] = other[chance.randrange(len(other) + 1) :]
    return bytes(content)


def fuzz(contents: Sequence[bytes], times: int) -> None:
    """Look into damaged files for type, date and fields; print the slowest look, and the growth of memory."""
    chance, slowest, memory = random.Random(20), 0.0, 0
    choice = DateChoice(now_utc())
    for content in contents:  # whole: patterns are compiled at their first use
        kind_of(BytesContent(content))
    for number in range(times):
        content = damaged(contents, chance)
        started = time.process_time()
        looked_into = BytesContent(content)
        kind_of(looked_into)
        facts = read_media(looked_into)
        taken_date(facts, choice)
        if is_sound(looked_into.head):
            read_sound(looked_into, facts)
        if is_document(looked_into.head):
            read_document(looked_into, facts)
        slowest = max(slowest, time.process_time() - started)
        if number == times // 2:
            memory = resident_bytes()
    print(f"{times:,} damaged files: no error; the slowest took {slowest * 1000:.0f} ms of processor time")
    print(f"memory: {(resident_bytes() - memory) / 2**20:+.1f} MiB over the second half")
    if slowest > SLOW_SECONDS:
        raise SystemExit("a file took more than 100 ms")


def resident_bytes() -> int:
    """Return the resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", type=Path, metavar="FOLDER", help="labelled files to measure with")
    parser.add_argument("--fuzz", type=int, metavar="N", help="look into N damaged files of the tests")
    options = parser.parse_args()
    if options.set:
        measure(read_set(options.set))
    if options.fuzz:
        from tests.content import test_dates, test_documents
        from tests.content.recordings import RECORDINGS
        from tests.content.samples import BINARY, GUESSED, TEXTS

        dated = [truth.content for truth in test_dates.TRUTHS.values()]
        refused = [content for content, _ in test_dates.REFUSED.values()]
        documents = [content for content, _ in test_documents.TRUTHS.values()]
        recordings = [recording.content for recording in RECORDINGS.values()]
        samples = [*BINARY.values(), *TEXTS.values(), *GUESSED.values()]
        fuzz([*samples, *dated, *refused, *documents, *recordings], options.fuzz)
    if not options.set and not options.fuzz:
        parser.error("give --set FOLDER or --fuzz N")


if __name__ == "__main__":
    main()
