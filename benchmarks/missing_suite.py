"""The command that compares real files with a copy that has planted differences."""

import argparse
import hashlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import machine
from stages import Fileorg
from suite import fileorg_under_test

_ONE_IN = 200
"""One file in so many gets a difference of each kind."""


def plant(root: Path, seed: int) -> dict[str, int]:
    """Make differences of every kind in a copy; return their numbers."""
    chance, counts = random.Random(seed), dict[str, int]()
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    for path in files:
        if not (size := path.stat().st_size) or chance.randrange(_ONE_IN):
            continue
        kind = chance.choice(["missing", "one byte", "renamed", "moved", "truncated", "hard link", "hole", "added"])
        counts[kind] = counts.get(kind, 0) + 1
        match kind:
            case "missing":
                path.unlink()
            case "one byte":
                change(path, chance.randrange(size))
            case "renamed":
                path.rename(path.with_name(f"{path.name} renamed"))
            case "moved":
                path.rename(root / f"moved {counts[kind]}")
            case "truncated":
                content = path.read_bytes()
                path.unlink()
                path.write_bytes(content[: size // 2])
            case "hard link":
                os.link(path, path.with_name(f"{path.name} linked"))
            case "hole":
                content = path.read_bytes()
                path.unlink()
                path.write_bytes(content)
                os.truncate(path, size + (1 << 20))
            case "added":
                path.with_name(f"{path.name} added").write_bytes(chance.randbytes(size % 100_000))
    return counts


def change(path: Path, at: int) -> None:
    """Change one byte, in a new file of the same name: hard links keep the old content."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.unlink()
    path.write_bytes(content)


def digests(root: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield path and SHA-256 of each file with content."""
    for folder, _, names in os.walk(os.fsencode(root)):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path) and os.path.isfile(path) and os.path.getsize(path):
                with open(path, "rb") as file:
                    yield path, hashlib.file_digest(file, "sha256").digest()


def plainly(old: Path, new: Path) -> set[bytes]:
    """Return the files of `old` whose content is nowhere in `new`."""
    there = {digest for _, digest in digests(new)}
    return {path for path, digest in digests(old) if digest not in there}


def compared(fileorg: Fileorg, old: Path, new: Path, state: Path, *options: str) -> tuple[set[bytes], float]:
    """Return the missing files, and the seconds of the command."""
    started = time.perf_counter()
    ran = subprocess.run(
        [*fileorg.command, "compare", str(old), str(new), "-0", *options],
        env={**fileorg.bench.environment, "FILEORG_HOME": str(state)},
        stdout=subprocess.PIPE,
        check=False,
    )
    seconds = time.perf_counter() - started
    if ran.returncode not in {0, 3}:
        raise SystemExit(f"fileorg compare ended with exit code {ran.returncode}")
    return set(ran.stdout.split(b"\0")) - {b""}, seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/usr"), help="folder of real files, which is copied twice")
    parser.add_argument("--work", type=Path, help="folder on a disk with space for two copies")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fileorg", help="command to measure")
    chosen = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="fileorg-missing-", dir=chosen.work))
    try:
        for side in ("old", "new"):
            subprocess.run(["cp", "-a", chosen.folder, work / side], check=True)
        counts = plant(work / "new", chosen.seed)
        show(work, chosen, counts)
    finally:
        shutil.rmtree(work)
    return 0


def show(work: Path, chosen: argparse.Namespace, counts: dict[str, int]) -> None:
    old, new = work / "old", work / "new"
    fileorg = fileorg_under_test(chosen.fileorg, work)
    for name, fact in machine.facts(work).items():
        print(f"{name}: {fact}")
    print("planted:", ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items())))
    for ours, others in ((old, new), (new, old)):
        expected = plainly(ours, others)
        for option in ((), ("--paranoid",)):
            found, _ = compared(fileorg, ours, others, work / "state", *option)
            wrong = len(found ^ expected)
            print(f"missing: {len(expected):,}, wrong: {wrong}", *option)
            if wrong:
                raise SystemExit(f"for example {min(found ^ expected)!r}")
    times: dict[str, list[float]] = {"compare": [], "dedupe": [], "compare again": []}
    for number in range(chosen.repeat):
        state = work / f"state-{number}"
        bench = fileorg.bench.with_environment(FILEORG_HOME=str(state))
        times["compare"].append(compared(fileorg, old, new, state)[1])
        times["compare again"].append(compared(fileorg, old, new, state)[1])
        shutil.rmtree(state)
        times["dedupe"].append(bench.time([*fileorg.command, "dedupe", "--everything", str(old), str(new)]).seconds)
        shutil.rmtree(state)
    middle = {name: statistics.median(seconds) for name, seconds in times.items()}
    for name, seconds in middle.items():
        print(f"{name}: {seconds:.2f} s, {seconds / middle['dedupe']:.2f} of dedupe over both")


if __name__ == "__main__":
    sys.exit(main())
