"""Kills jobs at random moments, resumes them, and undoes them: `python -m tests.jobs.kills --kills 300`.

Each round begins a job, in the background or in the foreground, and kills its process, one of its helpers, its process
group, or all processes with SIGKILL; half of the interrupted jobs are killed again while they recover or resume. Then
`fileorg jobs resume` sees the job through. The tree must equal that of an undisturbed run, no process and no lock may
be left, no attempt may be uncounted, and `fileorg undo --job` must give back the first tree exactly.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.snapshot import take

import fileorg
from fileorg.core.state import find_state
from fileorg.jobs.found import all_jobs, look_at, progress_of
from fileorg.jobs.job_json import job_as_json

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROGRAM = [sys.executable, "-P", "-m", "fileorg"]
_PATIENCE_SECONDS = 600
_OTHER_DISK = Path("/dev/shm")


class Scenario(NamedTuple):
    """A job: its words, where `TREE` and `DEST` stand for folders and `PLAN` for a plan, and the number of files of its
    tree.
    """

    words: tuple[str, ...]
    files: int


SCENARIOS = {
    "organize": Scenario(("organize", "TREE", "-r"), 1200),
    "with a helper": Scenario(("organize", "TREE", "-r"), 5500),
    "to another disk": Scenario(("organize", "TREE", "-r", "--dest", "DEST"), 150),
    "copies": Scenario(("organize", "TREE", "-r", "--dest", "DEST", "--action", "copy"), 150),
    "quarantine": Scenario(("dedupe", "TREE", "--action", "quarantine"), 900),
    "hard links": Scenario(("dedupe", "TREE", "--action", "hardlink"), 900),
    "clean": Scenario(("clean", "TREE"), 900),
    "apply": Scenario(("apply", "PLAN", "--root", "TREE"), 1200),
}


class World:
    """A tree, a destination and a state directory, and the commands that work on them."""

    def __init__(self, base: Path, scenario: Scenario, state: Path | None = None) -> None:
        self.tree, self.state = base / "tree", state or base / "state"
        on_other = _OTHER_DISK if os.access(_OTHER_DISK, os.W_OK) else base
        self.dest = Path(tempfile.mkdtemp(dir=on_other, prefix="fileorg-kills-"))
        plan = base / "plan.jsonl"
        paths = {"TREE": str(self.tree), "DEST": str(self.dest), "PLAN": str(plan)}
        self.words = [paths.get(word, word) for word in scenario.words]
        _fill(self.tree, scenario.files)
        if "PLAN" in scenario.words:
            plan.write_text("".join(f"{json.dumps(row)}\n" for row in _plan(self.tree)))
        self.environment = os.environ | {
            "FILEORG_HOME": str(self.state), "PYTHONPATH": str(Path(fileorg.__file__).parents[1]),
        }  # fmt: skip

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*_PROGRAM, *words], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*_PROGRAM, *words], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=_PATIENCE_SECONDS, check=False,
        )  # fmt: skip

    def job(self) -> Any:
        """Return the newest job in the tree, None without one."""
        state = find_state(os.fsencode(self.state))
        found = [each for each in all_jobs(state) if each.row.root == os.fsencode(self.tree)]
        return job_as_json(found[0], state) if found else None

    def now(self) -> dict[str, object]:
        """Return what is in the tree and the destination, without the trash."""
        found: dict[str, object] = {}
        for name, root in (("tree", self.tree), ("dest", self.dest)):
            for path, node in take(os.fsencode(root)).items():
                if not path.startswith(b".fileorg"):
                    at = f"{name}/{os.fsdecode(path)}"
                    found[at] = (node.kind, node.content, sorted(node.links)) if node.kind != "folder" else node.kind
        return found

    def processes(self) -> list[int]:
        """Return the processes of fileorg that use the state directory."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{entry}/cmdline").read_bytes()
                held = Path(f"/proc/{entry}/environ").read_bytes()
                ours = b"fileorg" in words or b"multiprocessing" in words
                if ours and f"FILEORG_HOME={self.state}\0".encode() in held:
                    found.append(int(entry))
        return found

    def is_locked(self) -> bool:
        """Return whether a lock of the state directory is held."""
        for path in [*self.state.glob("*.lock"), *self.state.glob("job-*.status")]:
            with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    return True
        return False

    def close(self) -> None:
        shutil.rmtree(self.dest, ignore_errors=True)
        shutil.rmtree(self.tree.parent, ignore_errors=True)


def _fill(tree: Path, files: int) -> None:
    for at in range(files):
        folder = tree / f"folder {at % 7}"
        if at < 7:
            folder.mkdir(parents=True)
        name = f"{at // 3} \udcff.jpg" if at % 50 == 0 else f"{at // 3}.{('jpg', 'txt', 'mp3')[at % 3]}"
        # A third of the contents are there twice, and a third of the files are empty.
        (folder / name).write_text("" if at % 3 == 2 else f"content {at // 6}")


def _plan(tree: Path) -> list[dict[str, str]]:
    """Return a plan: two folders exchange their names, one moves away, files form a ring, a chain, or go elsewhere."""
    rows = [("folder 0", "folder 1"), ("folder 1", "folder 0"), ("folder 2", "elsewhere/folder 2")]
    names = {
        at: sorted(path.name for path in (tree / f"folder {at}").glob("*.*") if path.name.isascii()) for at in (3, 4, 5)
    }
    ring = [f"folder 3/{name}" for name in names[3]]
    rows += zip(ring, [*ring[1:], ring[0]], strict=True)
    chain = [f"folder 4/{name}" for name in names[4]]
    rows += zip(chain, [*chain[1:], "folder 4/the last"], strict=True)
    rows += [(f"folder 5/{name}", f"new/{at % 9}/{name}") for at, name in enumerate(names[5])]
    return [{"path": path, "new_path": new_path} for path, new_path in rows]


class Kill(NamedTuple):
    """Who is killed."""

    whom: str
    in_background: bool


def _victims(world: World, whom: str) -> list[int]:
    there = world.processes()
    if whom == "helper":
        parents = {pid: _parent(pid) for pid in there}
        helpers = [pid for pid, parent in parents.items() if parent in there]
        return helpers[:1] or there[:1]
    return there[-1:] if whom == "process" else there


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return 0


def kill(world: World, whom: str, started: subprocess.Popen[bytes], *, group: bool) -> None:
    """Kill now: one process, a helper, the process group of the terminal, or all."""
    if group and whom == "group":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        return
    for pid in _victims(world, whom):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def wait_for_a_moment(world: World, job: int, chance: random.Random, seconds: float) -> None:
    """Wait for a random time: in three of four cases, from the moment at which the job has a stage."""
    if chance.random() < 0.25:
        time.sleep(chance.random() * seconds)
        return
    state, until = find_state(os.fsencode(world.state)), time.monotonic() + 2 * seconds
    while time.monotonic() < until and progress_of(look_at(state, job)[1]) is None:
        time.sleep(0.001)
    time.sleep(chance.random() ** 2 * seconds / 4)


def settle(world: World, started: subprocess.Popen[bytes]) -> None:
    """Wait until no process works on the job. A process whose helper was killed ends by itself.

    A killed process gives back its memory, and with it what `/proc` tells of it, before its files and their locks.
    """
    with contextlib.suppress(subprocess.TimeoutExpired):
        started.communicate(timeout=_PATIENCE_SECONDS)
    until = time.monotonic() + _PATIENCE_SECONDS
    while world.processes() or world.is_locked():
        if time.monotonic() > until:
            raise AssertionError(f"an orphan is left: {world.processes() or 'its lock'}")
        time.sleep(0.02)


def play(world: World, expected: dict[str, object], first: Any, chance: random.Random, seconds: float) -> Counter[str]:
    """Play one round; return what was met. Raises `AssertionError`."""
    met: Counter[str] = Counter()
    before = world.job()
    number = 0 if before is None else before["job"]
    in_background = chance.random() < 0.6
    whom = chance.choice(["process", "helper", "all"] if in_background else ["process", "helper", "group", "all"])
    started = world.start(*world.words, *(["--background"] if in_background else ["--yes"]))
    if in_background:
        started.communicate(timeout=_PATIENCE_SECONDS)
    wait_for_a_moment(world, number + 1, chance, seconds)
    kill(world, whom, started, group=not in_background)
    settle(world, started)
    met[f"{'background' if in_background else 'foreground'}: {whom}"] += 1
    met["kills"] += 1
    starts, job = 1, world.job()
    if job is None or job["job"] == number:  # it was killed before it began
        for root, was in zip((world.tree, world.dest), first, strict=True):
            assert take(os.fsencode(root)) == was, "a run that had not begun changed files"
        met["before it began"] += 1
        return met
    assert job["status"] != "running", f"job {job['job']} looks alive and is not"
    mine = job["job"]
    if job["status"] == "interrupted" and chance.random() < 0.5:
        again = world.start("jobs", "resume", str(mine), *(["--background"] if chance.random() < 0.5 else []))
        starts += 1
        wait_for_a_moment(world, mine, chance, seconds)
        kill(world, chance.choice(["process", "helper", "all"]), again, group=False)
        settle(world, again)
        met["kills"] += 1
        met["again while resuming"] += 1
        job = world.job()
        assert job["status"] != "running", f"job {mine} looks alive and is not"
    met[f"was {job['status']}"] += 1
    if job["status"] != "done":
        ended = world.run("jobs", "resume", str(mine))
        starts += 1
        assert ended.returncode == 0, (ended.returncode, ended.stdout, ended.stderr)
        job = world.job()
    assert job["status"] == "done", job
    assert len(job["operations"]) <= job["attempts"] <= starts, (job, starts)
    assert not world.processes(), "a process is left"
    assert not world.is_locked(), "a lock is left"
    now = world.now()
    assert now == expected, _difference(expected, now)
    undone = world.run("undo", "--job", str(mine), "--yes")
    assert undone.returncode == 0, (undone.stdout, undone.stderr)
    for root, was in zip((world.tree, world.dest), first, strict=True):
        found = take(os.fsencode(root))
        assert found == was, _difference(was, found)
    return met


def _difference(one: Any, two: Any) -> str:
    wrong = [key for key in {**one, **two} if one.get(key) != two.get(key)]
    return f"{len(wrong)} differ: " + "; ".join(f"{key}: {one.get(key)} -> {two.get(key)}" for key in wrong[:5])


def sweep(
    base: Path, kills: int, seed: int, names: Sequence[str], *, files: int = 0, shows: bool = False
) -> Counter[str]:
    """Kill so many times, over the scenarios in turn; return the counts. Raises `AssertionError` with the seed.

    `files` replaces the number of files of each tree.
    """
    chance = random.Random(seed)
    total: Counter[str] = Counter()
    for at, name in enumerate(names):
        world = World(base / f"world {at}", Scenario(SCENARIOS[name].words, files or SCENARIOS[name].files))
        try:
            first = (take(os.fsencode(world.tree)), take(os.fsencode(world.dest)))
            began = time.monotonic()
            ran = world.run(*world.words, "--yes")
            seconds = time.monotonic() - began
            assert ran.returncode == 0, ran.stderr
            expected = world.now()
            assert world.run("undo", "1", "--yes").returncode == 0
            share = 0
            while share < kills // len(names) + (at < kills % len(names)):
                began = time.monotonic()
                try:
                    met = play(world, expected, first, chance, seconds * 1.2)
                except AssertionError as error:
                    raise AssertionError(f"{name}, seed {seed}: {error}") from error
                share += met["kills"]
                total += met
                if shows:
                    print(f"{name}: {share} in {time.monotonic() - began:.1f} s, {dict(met)}", flush=True)
        finally:
            for pid in world.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            world.close()
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", action="append", choices=SCENARIOS)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fileorg-kills-") as base:
        found = sweep(Path(base), chosen.kills, chosen.seed, chosen.only or list(SCENARIOS), shows=True)
    print(json.dumps({"seed": chosen.seed, **found}, indent=2))


if __name__ == "__main__":
    main()
