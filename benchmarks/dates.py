"""How long it takes to look into many files: `python -m benchmarks.dates [--files 100000] [--in DIR]`.

Makes a tree of photos of a few hundred bytes with EXIF, a thousand to a folder, and measures what looks into all of
them: when they were taken, and what they are, with and without what an earlier run has kept. All files are in the page
cache. The figures are wall time, and the processor time of all processes.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.content.media_samples import MAKE, MODEL, ORIGINAL, jpeg, tiff

_IN_A_FOLDER = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--in", dest="where", default=None, help="a folder on the disk to measure")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.where, prefix="fileorg-dates-") as folder:
        root = Path(folder) / "photos"
        make(root, chosen.files)
        state = Path(folder) / "state"
        print(f"{chosen.files:,} photos, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")
        print("| run | wall s | processor s | µs a file (processor) |\n|---|---|---|---|")
        by_date = ["organize", str(root), "-r", "-n", "-q", "--by", "date"]
        measured("scan, names alone", ["scan", str(root), "-q", "--by-name"], state, chosen.files)
        shutil.rmtree(state)
        measured("organize -n --by date, nothing known", by_date, state, chosen.files)
        measured("scan --dates, nothing known", ["scan", str(root), "-q", "--dates"], state, chosen.files)
        measured("scan --dates, again", ["scan", str(root), "-q", "--dates"], state, chosen.files)
        shutil.rmtree(state)
        measured("scan --mismatch, nothing known", ["scan", str(root), "-q", "--mismatch"], state, chosen.files)
        measured("scan --mismatch, again", ["scan", str(root), "-q", "--mismatch"], state, chosen.files)


def make(root: Path, files: int) -> None:
    """Write photos of different days, in folders of a thousand."""
    for number in range(files):
        folder = root / f"{number // _IN_A_FOLDER:04}"
        if number % _IN_A_FOLDER == 0:
            folder.mkdir(parents=True)
        date = f"{2000 + number % 24}:{number % 12 + 1:02}:{number % 28 + 1:02} 10:{number % 60:02}:00"
        content = jpeg(tiff({MAKE: "Nikon", MODEL: "Z 6"}, {ORIGINAL: date})) + b"%d" % number
        (folder / f"DSC_{number:06}.JPG").write_bytes(content)


def measured(what: str, words: list[str], state: Path, files: int) -> None:
    """Run a command and print its times."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "fileorg", *words, "--state-dir", str(state)], check=True, stdout=subprocess.DEVNULL
    )
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"| {what} | {wall:.1f} | {used:.1f} | {used / files * 1e6:.0f} |", flush=True)


if __name__ == "__main__":
    main()
