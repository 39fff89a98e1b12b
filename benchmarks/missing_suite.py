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


def beside(fileorg: Fileorg, old: Path, new: Path, expected: set[bytes], repeat: int) -> None:
    """Show what other programs name as missing, and their times; those that are not in PATH are left out."""
    listed = new.parent / "listed"
    commands = {
        "rsync": ["rsync", "-nrc", "--out-format=%n", f"{old}/", f"{new}/"],
        "rclone": ["rclone", "check", f"{old}", f"{new}", "--one-way", "--download", f"--combined={listed}"],
        "jdupes": ["jdupes", "-rqHA", f"{old}", f"{new}"],
    }
    for name, command in commands.items():
        if shutil.which(name) is None:
            continue
        runs = [fileorg.bench.time(command, listed if name != "rclone" else None, {0, 1, 23}) for _ in range(repeat)]
        named = {*by_program(name, listed.read_bytes(), old)}
        shown = f"{len(named - expected):,} that are there, {len(expected - named):,} that are missing left out"
        print(f"{name}: {statistics.median(run.seconds for run in runs):.2f} s; names {shown}")


def by_program(name: str, text: bytes, old: Path) -> Iterator[bytes]:
    """Yield the files of `old` with content that a program does not find."""
    root = os.fsencode(old)
    if name == "jdupes":  # sets of equal files, with an empty line between them
        sets = (lines.split(b"\n") for lines in text.split(b"\n\n"))
        there = {path for paths in sets if any(not path.startswith(root) for path in paths if path) for path in paths}
        yield from (path for path in with_content(old) if path not in there)
        return
    lines = text.split(b"\n")
    if name == "rclone":
        lines = [line[2:] for line in lines if line[:1] in {b"+", b"*", b"!"}]
    yield from filter(has_content, (os.path.join(root, line) for line in lines if line))


def make_small_files(work: Path, files: int) -> int:
    """Make two trees of small files: in the second, every hundredth content is another one, and all names differ.

    Return how many contents of the first are missing in the second.
    """
    for number in range(files):
        if number % 1000 == 0:
            for side in ("old", "new"):
                (work / side / str(number // 1000)).mkdir(parents=True)
        content = b"%d of many small files\n" % number
        folder = str(number // 1000)
        (work / "old" / folder / f"{number}.txt").write_bytes(content)
        (work / "new" / folder / f"n{number}.txt").write_bytes(content if number % 100 else content + b"else")
    return len(range(0, files, 100))


def small(work: Path, chosen: argparse.Namespace) -> None:
    """Compare two trees of small files: the answer, the time beside dedupe by turns, the memory, what is read again."""
    expected = make_small_files(work, chosen.files)
    old, new = str(work / "old"), str(work / "new")
    fileorg = fileorg_under_test(chosen.fileorg, work)
    for name, fact in machine.facts(work).items():
        print(f"{name}: {fact}")
    commands = {
        "compare": [*fileorg.command, "compare", old, new, "--both", "--quiet"],
        "dedupe": [*fileorg.command, "dedupe", "--everything", "--quiet", old, new],
    }
    times: dict[str, list[float]] = {"compare": [], "dedupe": [], "compare again": []}
    peaks = dict[str, int]()
    for number in range(chosen.repeat):
        for name in sorted(commands, reverse=bool(number % 2)):
            state = work / f"state-{name}-{number}"
            bench = fileorg.bench.with_environment(FILEORG_HOME=str(state))
            times[name].append(bench.time(commands[name], may_end_with={0, 3}).seconds)
            if name == "compare":
                times["compare again"].append(bench.time(commands[name], may_end_with={0, 3}).seconds)
            shutil.rmtree(state)
            print(f"{name}: {times[name][-1]:.1f} s", flush=True)
    for name, command in commands.items():
        state = work / f"state-{name}"
        bench = fileorg.bench.with_environment(FILEORG_HOME=str(state))
        peaks[name] = bench.sample_memory(command, may_end_with={0, 3}).peak_bytes or 0
        if name == "compare":
            read = opened(fileorg, command, state)
            missing, _ = compared(fileorg, Path(old), Path(new), state)
        shutil.rmtree(state)
    middle = {name: statistics.median(seconds) for name, seconds in times.items()}
    print(f"missing: {len(missing):,}, wrong: {len(missing) - expected}")
    for name, seconds in middle.items():
        memory = f", {peaks[name] / 1e6:.0f} MB" if name in peaks else ""
        print(f"{name}: {seconds:.1f} s, {seconds / middle['dedupe']:.2f} of dedupe{memory}")
    print(f"files opened by the second run: {read}")


def opened(fileorg: Fileorg, command: list[str], state: Path) -> int:
    """Return how many of the compared files a run opens, by strace."""
    with tempfile.NamedTemporaryFile("r") as trace:
        subprocess.run(
            ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=open,openat,openat2", "-o", trace.name, *command],
            env={**fileorg.bench.environment, "FILEORG_HOME": str(state)},
            check=False,
        )
        return sum('.txt"' in line for line in trace)


def with_content(root: Path) -> Iterator[bytes]:
    """Yield the path of each file with content."""
    for folder, _, names in os.walk(os.fsencode(root)):
        yield from filter(has_content, (os.path.join(folder, name) for name in names))


def has_content(path: bytes) -> bool:
    return os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) > 0


def digests(root: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield path and SHA-256 of each file with content."""
    for path in with_content(root):
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
    parser.add_argument("--files", type=int, help="compare two trees of so many small files, by time and memory")
    parser.add_argument("--work", type=Path, help="folder on a disk with space for two copies")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fileorg", help="command to measure")
    chosen = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="fileorg-missing-", dir=chosen.work))
    try:
        if chosen.files:
            small(work, chosen)
            return 0
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
    missing = plainly(old, new)
    for ours, others, expected in ((old, new, missing), (new, old, plainly(new, old))):
        for option in ((), ("--paranoid",)):
            found, _ = compared(fileorg, ours, others, work / "state", *option)
            wrong = len(found ^ expected)
            print(f"missing: {len(expected):,}, wrong: {wrong}", *option)
            if wrong:
                raise SystemExit(f"for example {min(found ^ expected)!r}")
    beside(fileorg, old, new, missing, chosen.repeat)
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
