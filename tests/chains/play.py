"""Plays a chain from its tree to its end, and shrinks a failing one."""

from __future__ import annotations

import contextlib
import os
import random
import re
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.chains.others import Others
from tests.chains.plans import drawn_rows, write_plan
from tests.chains.rule_files import RULE_FILES
from tests.chains.world import STOPPED, Run, World, Wrong
from tests.faults.world import KILLED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.chains.operations import Job
    from tests.chains.places import Places
    from tests.chains.plans import Row
    from tests.chains.runners import Runner
    from tests.chains.steps import Chain, Step

_MAX_TRIES = 150


class Played(NamedTuple):
    """The violations of a chain, empty if none. `told` describes its steps."""

    wrong: str
    reported: list[str]
    counts: Counter[str]


def play(chain: Chain, runner: Runner, places: Places, control: str = "") -> Played:
    counts = Counter[str]()
    with places.fresh(chain["root"]) as root, places.fresh(chain["dest"]) as dest, _base(places) as base:
        world = World(
            runner, root, dest, base,
            state_inside=chain["state_inside"], max_open=chain["max_open"], control=control,
        )  # fmt: skip
        others = Others(world)
        try:
            _build(chain, world, others)
            world.begin()
            for number, step in enumerate(chain["steps"]):
                _take(step, world, others, counts)
                world.reported.append(f"-- {number + 1}")
            counts["to the end"] += 1
            others.close()
            world.take_all_back(_order(chain["end"]))
        except Wrong as wrong:
            return Played(str(wrong), world.reported, counts)
        finally:
            counts[f"root on {root.kind}"] += 1
            counts[f"dest on {dest.kind}"] += 1
            others.close()
            with contextlib.suppress(OSError, Wrong):
                world.bring_back()
    return Played("", world.reported, counts)


def _order(end: str | int) -> Any:
    if isinstance(end, int):
        return lambda keys: random.Random(end).sample(keys, len(keys))
    return lambda keys: keys


@contextlib.contextmanager
def _base(places: Places) -> Iterator[Path]:
    with places.fresh("tmpfs") as place:
        for name in ("outside/victim/.git", "outside/victim"):
            (place.path / name).mkdir(parents=True, exist_ok=True)
        (place.path / "outside/victim/secret.jpg").write_bytes(b"not yours")
        (place.path / "rules").mkdir()
        (place.path / "plans").mkdir()
        for number, rules in enumerate(RULE_FILES):
            (place.path / f"rules/{number}.toml").write_text(rules)
        yield place.path


def _build(chain: Chain, world: World, others: Others) -> None:
    """Create the first tree, in the lower layer of an overlay. All folders are older than later changes."""
    lower = {name.decode(): os.fsencode(place.lower) for name, place in world.places.items()}
    # Where case does not count, a driver may keep what it knows of one file by two names.
    tree = [file for file in chain["tree"] if _made(file, lower, others)]
    for place in lower.values():
        for folder, _, _ in os.walk(place, topdown=False):
            others.date(folder)
    for file in tree:
        if "seconds" in file:
            with contextlib.suppress(OSError):
                os.utime(_at(file["path"], lower), ns=(0, file["seconds"] * 10**9))
    for each in world.places.values():
        each.ready()


def _at(path: str, lower: dict[str, bytes]) -> bytes:
    base, _, inside = path.partition("/")
    return os.path.join(lower[base], inside.encode("latin-1"))


def _made(file: Step, lower: dict[str, bytes], others: Others) -> bool:
    """Make a file or folder, and return True; False if its name is taken or refused."""
    if os.path.lexists(_at(file["path"], lower)):
        return False
    try:
        _make(file, lower, others)
    except OSError:
        return False
    return True


def _make(file: Step, lower: dict[str, bytes], others: Others) -> None:
    place = _at(file["path"], lower)
    if file.get("folder"):
        os.makedirs(place)
        return
    others.write(place, others.content(12) if file["content"] is None else file["content"].encode())
    if file.get("private"):
        os.chmod(place, 0o400)
    if file.get("flagged"):
        subprocess.run(["chattr", "+dA", place], check=False, capture_output=True)
    with contextlib.suppress(OSError):
        if file.get("tagged"):
            os.setxattr(place, "user.origin", b"camera")
    with contextlib.suppress(OSError):
        if file.get("owned"):
            os.chown(place, 1234, 4321)
    if "linked" in file and not _is_below_an_overlay(file, lower):
        other = _at(file["linked"], lower)
        os.makedirs(os.path.dirname(other), exist_ok=True)
        os.link(place, other)


def _is_below_an_overlay(file: Step, lower: dict[str, bytes]) -> bool:
    """Return whether a hard link would lead out of the lower layer of an overlay, which nothing else may change."""
    bases = {path.partition("/")[0] for path in (file["path"], file["linked"])}
    return len(bases) > 1 and any(os.path.basename(lower[base]) == b"lower" for base in bases)


def _take(step: Step, world: World, others: Others, counts: Counter[str]) -> None:
    counts["steps"] += 1
    if step["do"] == "act":
        counts[f"others: {step['act']}"] += 1
        world.reported.append(f"others: {step}")
        others.intervene(step)
        return
    words, state = list(step["words"]), step.get("state", 0)
    if any(base.decode().upper() in word for base in world.away for word in words):
        return
    if (number := step.get("number")) is not None and (lines := world.operations.lines[state]):
        words.append(str(sorted(lines)[number % len(lines)]))
    if "part" in step:
        words += ["--", *step["part"]] if words[-1].isdigit() else []
    planned = _plan(step, world, words)
    if planned is None:
        return
    job = _job(step, world.operations.jobs[state])
    if job is not None:
        words.append(str(job.number))
    elif "job" in step:
        return
    kind = job.kind if job is not None and words[0] == "jobs" else ""
    faults = {name: step.get(name, 0) for name in ("die_at", "halt_at", "job_dies_at", "signal", "rows")}
    run = Run(words, state, **faults, kind=kind, planned=planned)
    if meanwhile := step.get("meanwhile"):
        world.reported.append(f"at a halt of the next one, others: {meanwhile}")
        run = run._replace(meanwhile=lambda: others.intervene(meanwhile))
    finished = world.run(run)
    counts[f"command: {_command(words)}"] += 1
    counts["kills"] += finished.code == KILLED
    counts["halts"] += bool(meanwhile)
    counts["interrupted"] += finished.code == STOPPED
    counts["plans carried out"] += words[0] == "apply" and finished.code == 0


def _command(words: list[str]) -> str:
    action = f" {words[1]}" if words[0] == "jobs" and words[1:] else " --save-plan" if "--save-plan" in words else ""
    later = next((f" {word}" for word in words if word in {"--background", "--hold"}), "")
    part = " of a part" if "--" in words else " of a job" if "--job" in words else ""
    return words[0] + action + later + part


def _plan(step: Step, world: World, words: list[str]) -> list[Row] | None:
    """Write the plan of an `apply`, or find a saved one, and add it to the words. Return the rows that were drawn, None
    if there is nothing to apply.
    """
    if plan := step.get("plan"):
        rows = drawn_rows(plan, world.view)
        file = world.plans / f"drawn-{len(world.reported)}.jsonl"  # a job that goes on reads it again
        with contextlib.suppress(OSError):
            write_plan(file, rows, world.place, has_sizes=plan["has_sizes"])
            words += [f"PLANS/{file.name}"]
            return rows or None
        return None
    if (which := step.get("saved")) is not None:
        saved = sorted(path.name for path in world.plans.glob("saved-*"))
        if not saved:
            return None
        words += [f"PLANS/{saved[which % len(saved)]}"]
    return []


def _job(step: Step, jobs: dict[int, Job]) -> Job | None:
    """Return the job that a step is about, if possible one that has not come to its end."""
    if (which := step.get("job")) is None or not jobs:
        return None
    found = [job for job in jobs.values() if job.state in step["job_states"]] or list(jobs.values())
    chosen: Job = found[which % len(found)]
    return chosen


def shrunk(
    chain: Chain, played: Played, runner: Runner, places: Places, control: str = "",
    goes_on: Callable[[], bool] = lambda: True,
) -> tuple[Chain, Played]:  # fmt: skip
    """Return the shortest chain with the same violation that is found while `goes_on`."""
    left = _MAX_TRIES
    for part in ("steps", "tree", "steps"):
        position = 0
        while position < len(chain[part]) and left > 0 and goes_on():
            left -= 1
            shorter = {**chain, part: chain[part][:position] + chain[part][position + 1 :]}
            again = play(shorter, runner, places, control)
            if again.wrong and kind_of(again.wrong) == kind_of(played.wrong):
                chain, played = shorter, again
            else:
                position += 1
    return chain, played


def kind_of(wrong: str) -> str:
    """Return the kind of a violation, without names."""
    words = wrong.partition("\n")[0].split()
    return re.sub(r"\d+", "N", " ".join(word for word in words if "/" not in word))[:60]
