"""One fault: a tree, a disturbed command, and the checks before recovery, after it, and after undo."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults import laws
from tests.faults.process import Request
from tests.faults.trees import write
from tests.support import snapshot

from fileorg.core.names import display

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.process import Call, Driver, Finished
    from tests.faults.trees import Scenario
    from tests.support.snapshot import Snapshot

_MAX_UNDOS = 6


@dataclass(frozen=True)
class Place:
    """The folders of one worker, for one case at a time: always the same paths, so that all runs are alike."""

    base: Path
    other: Path | None
    """A folder on another device, if available."""
    blank: Path
    """A state directory with an empty journal."""
    disk: Path | None = None
    """A disk of another kind for the root, or None."""

    @property
    def root(self) -> Path:
        return (self.disk or self.base) / "root"

    @property
    def state(self) -> Path:
        return self.base / "state"


def _folders(now: Snapshot, contents: frozenset[bytes]) -> set[bytes]:
    """Return the folders of the files with these contents."""
    return {os.path.dirname(path) for path, node in now.items() if node.kind == "file" and node.content in contents}


class Case:
    """A tree of a scenario, and a driver to run commands on it."""

    def __init__(self, scenario: Scenario, driver: Driver, place: Place, control: str = "") -> None:
        control = control or scenario.control
        self.scenario = scenario
        self.place = place
        self._driver = driver
        self._control = control
        self._said = ""
        self.dest = (place.other if scenario.other_device and place.other else place.base) / "dest"
        for old in (place.root, place.state, self.dest, place.base / "outside"):
            shutil.rmtree(old, ignore_errors=True)
        for new in (place.root, self.dest, place.base / "outside"):
            new.mkdir(parents=True)
        write(place.base / "outside/a.jpg", b"not yours")
        if not scenario.first_run:
            shutil.copytree(place.blank, place.state)
        scenario.build(place.root, self.dest)
        self.first = self.snapshot()
        self._leading = [path for path in self._symlinks() if os.path.exists(path)]

    def _symlinks(self) -> list[bytes]:
        """Return the paths of the symlinks that are not hidden."""
        roots = (os.fsencode(self.place.root), os.fsencode(self.dest))
        walked = [each for root in roots for each in os.walk(root)]
        found = [os.path.join(above, name) for above, folders, files in walked for name in (*folders, *files)]
        return [path for path in found if os.path.islink(path) and b"/." not in path.removeprefix(roots[0])]

    def snapshot(self) -> Snapshot:
        """Return a snapshot of everything except the state directory: `root/…`, `dest/…`, and files outside of both."""
        found = {}
        for name, place in (("root", self.place.root), ("dest", self.dest), ("outside", self.place.base / "outside")):
            prefix = os.fsencode(name)
            for path, node in snapshot.take(os.fsencode(place)).items():
                links = tuple(prefix + b"/" + link for link in node.links)
                content = node.content
                if node.kind == "symlink":  # each worker has its own root and destination
                    content = content.replace(os.fsencode(self.place.root), b"ROOT")
                    content = content.replace(os.fsencode(self.dest)[1:], b"DEST")
                if path == b"plan.jsonl":
                    content = b"a plan, with the paths of this worker"
                found[prefix + b"/" + path if path else prefix] = node._replace(content=content, links=links)
        return found

    def request(self, *words: str) -> Request:
        return Request(
            list(words),
            {"FILEORG_HOME": str(self.place.state)},
            rows=self.scenario.rows,
            two_processes=self.scenario.two_processes,
            control=self._control,
            wall=self._may_change,
        )

    @property
    def _may_change(self) -> list[str]:
        """Return the writable folders: root, destination and state directory, or its parent if it is still missing."""
        state = self.place.state if self.place.state.exists() else self.place.state.parent
        return [str(place) for place in (self.place.root, self.dest, state)]

    @property
    def organize(self) -> list[str]:
        """Return the first command of the scenario, nearly always `organize`."""
        if self.scenario.first == ("dedupe",):
            more = [str(self.dest)] if self.scenario.other_device else []
            return ["dedupe", "-y", *self.scenario.options, str(self.place.root), *more]
        if self.scenario.first == ("apply",):
            more = ["--root", str(self.dest)] if self.scenario.other_device else []
            return [
                "apply",
                "-y",
                str(self.dest / "plan.jsonl"),
                "--root",
                str(self.place.root),
                *more,
                *self.scenario.options,
            ]
        dest = ["--dest", str(self.dest)] if self.scenario.other_device else []
        if self.scenario.two_roots:
            dest = [str(self.dest), *(["--dest", str(self.dest)] if self.scenario.first[0] == "organize" else [])]
        return [*self.scenario.first, "-y", str(self.place.root), *dest, *self.scenario.options]

    def run(self, *words: str) -> Finished:
        """Run a command without faults, except those of the file system itself."""
        if self.scenario.others:
            return self._heard(self._driver.traced(self.request(*words), list(self.scenario.others)))
        return self._heard(self._driver.run(self.request(*words)))

    def with_faults(self, words: list[str], faults: list[str]) -> Finished:
        return self._heard(self._driver.traced(self.request(*words), [*self.scenario.others, *faults]))

    def _heard(self, finished: Finished) -> Finished:
        self._said += finished.output
        return finished

    def counted(self, words: list[str]) -> tuple[Finished, list[Call]]:
        """Run a command without faults, and return its system calls."""
        finished = self._driver.traced(self.request(*words), list(self.scenario.others))
        return finished, finished.calls

    def ledger(self) -> laws.Ledger:
        return laws.read_journal(self.place.state)

    # Checks -------------------------------------------------------------------------------------------------------

    def check_wreck(self, before: Snapshot, after: Snapshot, operations: int = 1) -> list[str]:
        """Return violations at any moment of a command that leads from `before` to `after` in so many operations."""
        now, ledger = self.snapshot(), self.ledger()
        as_said = laws.but_for_what_was_said(now, {**before, **after}, self._said, ledger)
        absent = laws.never_absent(before, after, now) if self.scenario.first == ("dedupe",) else []
        return [
            *self._conserved(now),
            *absent,
            *laws.on_the_way(before, after, as_said, placeholders=self.scenario.placeholders),
            *laws.announced(ledger, before, now, operations),
        ]

    def _conserved(self, now: Snapshot) -> list[str]:
        survived = laws.survived(self.first, now) if self.scenario.first == ("dedupe",) else []
        return laws.conserved(self.first, now) + survived

    def check_settled(self) -> list[str]:
        """Return violations after recovery."""
        now = self.snapshot()
        broken = [path for path in self._leading if os.path.lexists(path) and not os.path.exists(path)]
        if self.scenario.others:  # without an exchange, symlinks are not rewritten, but reported
            broken = []
        broken = [path for path in broken if not self._is_named(path)]
        is_split = "so groups are split" in self._said
        return [
            *self._conserved(now),
            *laws.settled(self.ledger(), now),
            *laws.tidy_state(self.place.state),
            *[
                f"I12 a group is torn: {sorted(group)}"
                for group in self.scenario.groups
                if len(_folders(now, group)) > 1 and not is_split
            ],
            *[f"I11 a symlink leads nowhere: {display(path)}" for path in broken],
        ]

    def _is_named(self, path: bytes) -> bool:
        """Return whether a command has named this symlink, or one that it leads to, as not updated."""
        while os.path.islink(path):
            shown = display(os.path.relpath(path, os.fsencode(self.place.root)))
            if f"Could not update the symlink {shown}: " in self._said:
                return True
            path = os.path.join(os.path.dirname(path), os.readlink(path))
        return False

    def recover(self) -> list[str]:
        finished = self.run("recover")
        found = laws.honest(finished.code, finished.output)
        if finished.code:
            found.append(f"recover ends with {finished.code}: {finished.output}")
        return found + self.check_settled()

    def undo_all(self) -> list[str]:
        """Undo until nothing is left to undo: the first tree, exactly."""
        for _ in range(_MAX_UNDOS):
            finished = self.run("undo", "-y")
            if found := re.search(r"changed nothing.*fileorg undo (\d+)", finished.output, re.DOTALL):
                finished = self.run("undo", "-y", found[1])
            if "Nothing to undo (journal: " in finished.output:
                break
            if finished.code:
                return [f"undo ends with {finished.code}: {finished.output}"]
        else:
            return ["there is no end of undo"]
        now = laws.but_for_what_was_said(self.snapshot(), self.first, self._said, self.ledger())
        return self.check_settled() + [f"I4 {line}" for line in snapshot.differences(self.first, now)]

    def excused(self, known: Snapshot) -> Snapshot:
        """Return the tree with the nodes of `known` wherever a command reported a difference."""
        return laws.but_for_what_was_said(self.snapshot(), known, self._said, self.ledger())

    def organize_again(self, after: Snapshot) -> list[str]:
        """Repeat an interrupted run, which must do the rest."""
        finished = self.run(*self.organize)
        found = [] if finished.code in {0, 1} else [f"organize again ends with {finished.code}: {finished.output}"]
        found += self.check_settled()
        now = self.snapshot()
        lost = snapshot.contents(after).keys() - snapshot.contents(now).keys()
        return found + [f"I1 lost by organizing again: {content[:40]!r}" for content in lost]
