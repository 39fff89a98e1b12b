"""How long `fileorg jobs cancel` takes: `python benchmarks/cancel.py --runs 50`.

Each run copies large files to another disk in the background, and cancels while a copy is under way. The time is from
the request to the end of the process that carried out the job; the copy is withdrawn by then.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fileorg.core.state import find_state
from fileorg.jobs.control import cancel
from fileorg.jobs.found import job, look_at

_MEGABYTES = 300


def measure(base: Path, chance: random.Random) -> float | None:
    """Return the seconds of one cancel; None if the job ended before."""
    shutil.rmtree(base / "state", ignore_errors=True)
    shutil.rmtree(base / "dest", ignore_errors=True)
    (base / "dest").mkdir()
    words = ["organize", str(base / "tree"), "--action", "copy", "--dest", str(base / "dest"), "--background", "-q"]
    environment = os.environ | {"FILEORG_HOME": str(base / "state")}
    subprocess.run([sys.executable, "-m", "fileorg", *words], env=environment, check=True, stdout=subprocess.DEVNULL)
    state = find_state(os.fsencode(base / "state"))
    while look_at(state, 1)[1].get("stage") != "copy":
        time.sleep(0.005)
        if not look_at(state, 1)[0]:
            return None
    time.sleep(chance.random() * 0.2)
    began = time.monotonic()
    with contextlib.suppress(Exception):
        cancel(state, 1)
    seconds = time.monotonic() - began
    found = job(state, 1)
    if str(found.state) != "cancelled":
        return None
    left = list((base / "dest").rglob("*.part"))
    if left:
        raise AssertionError(f"a copy was not withdrawn: {left}")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    chance = random.Random(chosen.seed)
    times: list[float] = []
    with tempfile.TemporaryDirectory(prefix="fileorg-cancel-") as folder:
        base = Path(folder)
        (base / "tree").mkdir()
        block = os.urandom(1 << 20)
        for at in range(2):
            with open(base / "tree" / f"{at}.jpg", "wb") as file:
                file.writelines(block for _ in range(_MEGABYTES))
        for _ in range(4 * chosen.runs):
            if len(times) < chosen.runs and (seconds := measure(base, chance)) is not None:
                times.append(seconds)
    times.sort()
    p95 = times[min(len(times) - 1, int(0.95 * len(times)))]
    print(json.dumps({"runs": len(times), "median": times[len(times) // 2], "p95": p95, "max": times[-1]}))


if __name__ == "__main__":
    main()
