"""A tree with a destination, in which fileorg and others work in turn, with checks after each step.

The checks use only the outside view: all files before and after, and the printed output. From the journal they read
only the list of operations.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
from typing import TYPE_CHECKING, NamedTuple

from tests.chains import promises, runners
from tests.chains import view as views
from tests.chains.names import COARSE_NS, TRASH, Followed, Name, Names, above, is_inside, is_temporary
from tests.chains.operations import Command, Operations
from tests.faults.laws import says_time_is_lost
from tests.faults.process import Request
from tests.faults.world import KILLED, is_halted
from tests.support.snapshot import compared

from fileorg.core.names import display

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.chains.operations import Key
    from tests.chains.places import Place
    from tests.chains.plans import Row
    from tests.chains.runners import Runner
    from tests.chains.view import View
    from tests.faults.process import Finished
    from tests.support.snapshot import Node

_PATIENCE_SECONDS = 60.0
_GRACE_SECONDS = 2.0
_MAX_TURNS = 6
_STATE = re.compile(
    r"((journal|index|listings|stays)\.db(-wal|-shm|-journal)?|(run(-\d+)?|index|journal|recovery)\.lock|(idle-runs|stores)\.json(\.part)?|journal\.db\.v\d+"
    r"|serve\.token|job-\d+\.(status|plan(\.columns)?|log|cancel|certificate))\Z"
)
_NOT_KEPT = re.compile(r"Could not preserve.*: see fileorg files (\d+)")
_JOB = re.compile(r"Job (\d+) runs in the background")
_REDO_FIRST = re.compile(r"fileorg redo (\d+)")
_NUMBER = re.compile(rb" \(\d+\)(?=(\.[^/]*)?\Z)")
"""The number in a name that `--rename` gave to a file."""
STOPPED = 130
_LAST_VIEW = re.compile(r"\[halted (before unlink|after lstat)\]")
"""Between the last check of a file and its removal, writers cannot be noticed without leases."""


_SENTENCES = (
    "fileorg: ", "could not be processed", "left in the trash", "changed after the crash", "missing in",
    "Not everything is there", "waits for your approval", "Job ", "Stopped after", "Interrupted", "are left out",
)  # fmt: skip


class Wrong(Exception):
    """Raised for violations, in words."""


class Run(NamedTuple):
    """A command, its disturbance, and the acts of others while it is halted, or the signal that it gets then."""

    words: list[str]
    state: int = 0
    die_at: int = 0
    halt_at: int = 0
    job_dies_at: int = 0
    """The step at which the job in the background that the command starts is killed."""
    signal: int = 0
    rows: int = 0
    meanwhile: Callable[[], object] = lambda: None
    kind: str = ""
    """What a job does that goes on."""
    planned: Sequence[Row] = ()
    """The rows of a plan to apply, if they were drawn for this step."""

    @property
    def what(self) -> str:
        """The command that is carried out: this one, or that of the job."""
        return self.kind or self.words[0]

    @property
    def goes_on(self) -> bool:
        """True for a job that is taken up again."""
        return self.words[:2] in (["jobs", "resume"], ["jobs", "approve"])

    @property
    def changes(self) -> bool:
        """True if the command may change files."""
        return "-y" in self.words or self.words == ["recover"] or self.goes_on

    @property
    def starts_job(self) -> bool:
        """True if another process goes on with it when the command has ended."""
        return "--background" in self.words or self.words[:2] == ["jobs", "approve"]

    def __str__(self) -> str:
        facts = [f"{name}={value}" for name, value in zip(self._fields[1:7], self[1:7], strict=True) if value]
        return " ".join([*self.words, *facts])


class World:
    """The world of a chain. `state_inside`: the state directory is in the root. `max_open`: the limit of open
    descriptors, 0 for the default.
    """

    def __init__(
        self, runner: Runner, root: Place, dest: Place, base: Path, *, state_inside: bool, max_open: int, control: str
    ) -> None:
        self.places = {b"root": root, b"dest": dest}
        self.bases = {name: os.fsencode(place.path) for name, place in self.places.items()}
        self.bases[b"outside"] = os.fsencode(base / "outside")
        self._words = [(name, os.fsdecode(self.bases[name.lower().encode()])) for name in ("ROOT", "DEST")]
        self.plans = base / "plans"
        self._words += [("RULES", str(base / "rules")), ("PLANS", str(self.plans))]
        self.state_inside = state_inside
        self.states = [root.path / "state" if state_inside else base / "state", base / "second state"]
        self.away = dict[bytes, bytes]()
        """Bases that were moved away, and their current paths."""
        self.interventions = 0
        """The number of changes by others."""
        self.known = set[bytes]()
        """All paths that ever had a file."""
        self.touched = set[bytes]()
        """Paths changed by others."""
        self.fresh = set[bytes]()
        """Paths of files created since the last command."""
        self.reported = list[str]()
        self._runner, self._max_open, self._control = runner, max_open, control
        self._said = self._not_kept = ""
        self._renames = self._takes_changed = self._is_refused = self._is_halted = False
        self._touched_folders = set[bytes]()
        self._removed = set[bytes]()
        """Folders removed by commands that left an operation open."""
        self._taken_from_trash = set[bytes]()
        """Homes of files that others moved or removed from the trash."""
        self.operations = Operations(self.states, self._is_elsewhere, self._is_made, self._is_named, self._differences)

    def begin(self) -> None:
        """Start to observe the tree, after it was created."""
        if self.state_inside:
            root = self.places[b"root"].path
            seen = root.stat()
            self.states[0].mkdir(mode=0o700)
            os.utime(root, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        self.view = self._take()
        self._folders = {path: node for path, node in self.view.nodes.items() if node.kind == "folder"}
        self._outside = {path: node for path, node in self.view.nodes.items() if not is_inside(path)}
        wandering = frozenset(name for name, place in self.places.items() if not place.keeps_inodes)
        coarse = frozenset(name for name, place in self.places.items() if not place.keeps_attributes)
        self.names = Names(self.view, wandering, coarse)

    def _take(self) -> View:
        places = {name: self.away.get(name, place) for name, place in self.bases.items()}
        states = frozenset(os.fsencode(state) for state in self.states)
        found = views.take(places, states, tuple(places[name] for name in self.places if self._is_overlay(name)))
        self.known |= set(found.files)
        return found

    def _is_overlay(self, path: bytes) -> bool:
        """Return whether a path is on an overlay, which separates hard links on a change, and drops flags."""
        place = self.places.get(path.partition(b"/")[0])
        return place is not None and place.kind == "overlay"

    def _is_coarse(self, path: bytes) -> bool:
        place = self.places.get(path.partition(b"/")[0])
        return place is not None and not place.keeps_attributes

    def place(self, path: bytes) -> bytes:
        base, _, inside = path.partition(b"/")
        return os.path.join(self.away.get(base, self.bases[base]), inside)

    # Other programs -----------------------------------------------------------------------------------------------

    def others(self, intervene: Callable[[], object], *, is_edit: bool) -> None:
        """Let another program change files: the same files if `is_edit`, else it may replace them by others."""
        before = self.view
        with contextlib.suppress(OSError):
            intervene()
        after = self.view = self._take()
        changed = {path for path in before.nodes.keys() | after.nodes.keys() if _is_changed(path, before, after)}
        if not changed:
            return
        theirs = set() if is_edit else set(changed)
        inodes = {before.inodes[path] for path in changed if path in before.inodes}
        changed |= {path for path in before.files if before.inodes[path] in inodes}
        self.touch(changed)
        for path in changed:
            self._touched_folders.add(path.rpartition(b"/")[0])
            if is_inside(path):
                self._take_over(path, before.nodes.get(path), after.nodes.get(path), is_another=path in theirs)

    def touch(self, paths: set[bytes]) -> None:
        """Note paths changed by others, whose files fileorg may not be able to move."""
        self.interventions += 1
        names = [name for path, name in self.names.at.items() if path in paths]
        self.touched |= paths | {name.home for name in names if name.home}
        for name in names:  # each undo finds the folder without it, so not as its operation left it
            self._touched_folders |= self.operations.folders_passed(name) | self.names.folders_in_doubt(name)

    def _take_over(self, path: bytes, old: Node | None, new: Node | None, *, is_another: bool) -> None:
        if any(node is not None and node.kind == "folder" for node in (old, new)):
            self._touched_folders.add(path)
            if new is None or new.kind != "folder":
                self._folders.pop(path, None)
            else:
                self._folders[path] = new
            return
        name = self.names.at.get(path)
        if name is not None and name.home not in {None, path} and self._is_under_way() and self.names.comes_home(name):
            name.home = path if is_another else None
        if new is None:
            self.names.at.pop(path, None)
            if name is not None and TRASH in path:
                self._taken_from_trash.add(name.home or name.trashed_from)
        elif name is None:
            self.names.at[path] = Name(path, new, path, new, touched_at=path)
        else:
            # No longer a copy by fileorg, but a file of others; so is an empty one that they changed, which may only
            # reserve a name. If they only removed another name of it, it is unchanged; and a change of an empty file
            # with several names is not lost with one of them.
            is_changed = old is None or old.alone != new.alone
            if name.home is None and (is_another or (is_changed and not name.node.content and not new.links)):
                name.home = path
            name.node = name.first = new
            name.touched_at, name.is_in_doubt = path, self._is_under_way()

    def _is_under_way(self) -> bool:
        """Return whether an operation has not ended, or is not recovered yet."""
        return self._is_halted or any(map(self.operations.has_open, range(len(self.states))))

    def send_away(self, base: bytes) -> None:
        """Unplug the disk of a base, or rename its folder."""
        place = self.bases[base]
        os.rename(place, place + b" away")
        self.away[base] = place + b" away"
        self.interventions += 1

    def bring_back(self) -> None:
        """Bring moved bases back. Raises `Wrong` if fileorg has put files in their place."""
        for base, place in list(self.away.items()):
            if os.path.islink(self.bases[base]):
                os.unlink(self.bases[base])
            elif os.path.isdir(self.bases[base]):
                if any(files for _, _, files in os.walk(self.bases[base])):
                    raise Wrong(f"files where {display(base)} is away: {os.listdir(self.bases[base])}")
                shutil.rmtree(self.bases[base])
            os.rename(place, self.bases[base])
            del self.away[base]

    # fileorg ------------------------------------------------------------------------------------------------------

    def run(self, run: Run) -> Finished:
        """Run a command and check everything that must hold afterwards. Raises `Wrong`."""
        what, before, was_open = run.what, self.view, self.operations.has_open(run.state)
        makes_state = self.state_inside and not self.states[0].exists()
        if makes_state:  # with the other state directory, a clean has removed it as an empty folder
            self._touched_folders.add(b"root")
        self._renames |= "--rename" in run.words
        finished, halfway, is_late = self._carry_out(run)
        is_diverted = any(os.path.islink(self.bases[base]) for base in self.away)
        if is_diverted:
            self.bring_back()
        after = self._take()
        self.fresh = set(after.files) - before.nodes.keys()
        self.reported.append(f"{run} -> {finished.code}: {finished.output.strip()}")
        if is_late:
            raise Wrong(f"{what}: it has not ended after {_PATIENCE_SECONDS:.0f} s")
        # As dedupe does, purge keeps the last copy of a file whose row in a plan names a duplicate.
        moved_by = "dedupe" if any(row.duplicate_of for row in run.planned) else what
        followed = self.names.follow(self.view, after, command=moved_by)
        self.view = after
        if halfway is not None:
            if _LAST_VIEW.search(finished.output) and not all(place.keeps_inodes for place in self.places.values()):
                followed = followed._replace(wrong=[line for line in followed.wrong if not line.startswith("lost")])
            followed = Followed(
                halfway.wrong + followed.wrong, followed.moves | halfway.moves, halfway.made | followed.made
            )
        self._hear(run, finished.output)
        if what == "purge":  # undo takes a file that is gone from the trash for one that was purged
            self.names.purged |= self._taken_from_trash
        is_killed = finished.code < 0
        is_touched = is_killed or was_open or halfway is not None or finished.code == STOPPED
        takes_changed = "--include-changed" in run.words
        self._takes_changed |= takes_changed
        command = Command(
            what,
            run.state,
            finished,
            before,
            followed,
            self.interventions,
            is_touched,
            takes_changed,
            "--" in run.words or "--job" in run.words,
            run.goes_on,
        )
        wrong = followed.wrong + self._always() + self.operations.account(command)
        if self.operations.has_open(run.state):
            self._removed |= self._folders.keys() & before.nodes.keys() - after.nodes.keys()
        if not is_killed:
            may_refuse = (
                bool(self.away) or is_diverted or bool({"fail", "jobs", "--hold", "--background"} & set(run.words))
            )
            wrong += _honest(run, finished, may_refuse=may_refuse)
            has_begun = run.words[0] != "jobs" or finished.code != 2  # else the job cannot go on
            wrong += self._ended(run.state) if run.changes and has_begun and finished.code != STOPPED else []
        if not is_touched:
            wrong += self._kept_promises(run, finished, before)
        if not run.changes and halfway is None and before != after and not makes_state:
            wrong.append(f"{what}: it was to change nothing")
        if wrong:
            raise Wrong("\n".join(wrong))
        return finished

    def _kept_promises(self, run: Run, finished: Finished, before: View) -> list[str]:
        """Return which promises of `apply`, `import` and `compare` an undisturbed command has broken."""
        if run.goes_on or self.away or self.state_inside or {"--hold", "--background"} & set(run.words):
            return []
        code, (_, _, skipped) = finished.code, finished.output.partition("\nSkipped ")
        if run.words[0] == "apply" and (run.planned or code in {2, 5}):
            rows = [row for row in run.planned if display(os.path.basename(row.path)) not in skipped]
            return promises.of_apply(rows, code, before, self.view)
        if run.words[0] not in {"import", "compare"} or promises.is_doubtful(before):
            return []
        if run.words[0] == "compare" and skipped and code == 0:
            return []  # files that are in use are named, and copied by the next run
        if ".fuse_hidden" in finished.output:  # the driver's name for a removed file that is open; views do not have it
            return []
        card, *places = (word.lower().encode() for word in run.words if word.startswith(("ROOT", "DEST")))
        wrong = promises.of_copies(run.words[0], code, card, places, self.view)
        if "--certificate" in run.words and code == 0:
            file = self._word(run.words[run.words.index("--certificate") + 1])
            wrong += promises.of_certificate(file, self._base_of, self.view)
        return wrong

    def _base_of(self, path: bytes) -> bytes | None:
        """Return the path in a view of an absolute path."""
        for name, place in self.bases.items():
            if path.startswith(place + b"/"):
                return name + path.removeprefix(place)
        return None

    def _carry_out(self, run: Run) -> tuple[Finished, Followed | None, bool]:
        """Return its end, its changes before the halt if it was halted, and True if it took too long. The end of a job
        in the background is that of the command.
        """
        finished, halfway, is_late = self._carried_out(run)
        if not run.starts_job or is_late or not (found := _JOB.search(finished.output)):
            return finished, halfway, is_late
        ended, _, is_late = self._carried_out(Run(["jobs", "attach", found[1]], run.state))
        code = KILLED if ended.code == STOPPED and run.job_dies_at else ended.code
        return ended._replace(code=code, output=finished.output + ended.output), halfway, is_late

    def _carried_out(self, run: Run) -> tuple[Finished, Followed | None, bool]:
        request = Request(
            [self._word(word) for word in run.words],
            {"FILEORG_HOME": str(self.states[run.state])} | (runners.of_job(run.job_dies_at) if run.starts_job else {}),
            rows=run.rows if self._runner.is_ours else 0,
            die_at=run.die_at,
            halt_at=run.halt_at,
            max_open=self._max_open,
            control=self._control,
            starts_job=run.starts_job,
        )
        pid = self._runner.start(request)
        halfway = None
        try:
            if run.halt_at and is_halted(pid):
                halted = self._take()
                halfway = self.names.follow(self.view, halted, command=run.words[0])
                self.view = halted
                self._is_halted = True
                run.meanwhile()
                if run.signal:
                    os.kill(pid, run.signal)
        finally:
            self._is_halted = False
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            is_late = not self._has_ended(pid)
            finished = self._runner.end()
        return finished, halfway, is_late

    def _has_ended(self, pid: int) -> bool:
        """Wait until a command has ended and return True, or kill it after a timeout: its output shows where it was."""
        if self._runner.has_ended(_PATIENCE_SECONDS):
            return True
        for number in (signal.SIGABRT, signal.SIGKILL):  # on the first, Python writes its stack
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            if self._runner.has_ended(_GRACE_SECONDS):
                break
        return False

    def _word(self, word: str) -> str:
        for name, path in self._words:
            word = word.replace(name, path)
        return word

    def _hear(self, run: Run, output: str) -> None:
        """Collect the output about files that were not restored, or lost attributes."""
        if run.what in {"undo", "redo", "recover"} or run.goes_on:
            self._said += output
        for number in _NOT_KEPT.findall(output):
            self._runner.start(Request(["files", number], {"FILEORG_HOME": str(self.states[run.state])}))
            named = self._runner.end().output
            self._not_kept += named
            for name in self.names.at.values():
                name.has_lost |= display(os.path.basename(name.path)) in named

    def _always(self) -> list[str]:
        """Return violations of what must hold at every moment, also after a kill."""
        was, now = self._outside, {path: node for path, node in self.view.nodes.items() if not is_inside(path)}
        wrong = [f"outside: {display(path)}" for path in was.keys() | now.keys() if was.get(path) != now.get(path)]
        for state, lines in zip(self.states, self.operations.lines, strict=True):
            names = set(os.listdir(state)) if state.exists() else set()
            wrong += [f"in the state directory: {name}" for name in names if not _STATE.match(name)]
            if lines and "journal.db" not in names:
                wrong.append("the journal is gone from the state directory")
        return wrong

    def _ended(self, state: int) -> list[str]:
        """Return what a command that ended by itself has left unfinished, unless others interfered."""
        if self.away or any(self.operations.has_open(one) for one in (0, 1)):
            # Where inode numbers do not last, files that another journal has moved on do not show whose disk it is.
            is_settled = self.interventions or self.operations.is_confused or not self.operations.has_open(state)
            return [] if is_settled else ["an operation is open although the command has ended by itself"]
        litter = (path for path in self.view.nodes if is_temporary(path) and not self._has_to_stay(path))
        return [f"litter: {display(path)}" for path in litter]

    def _has_to_stay(self, temporary: bytes) -> bool:
        """Return whether others have used a temporary file, or the name to which an original that is aside returns."""
        name = self.names.at.get(temporary)
        return temporary in self.touched or (name is not None and name.home in self.touched)

    # Questions about names and views ------------------------------------------------------------------------------

    def _is_elsewhere(self, name: Name, path: bytes) -> bool:
        """Return whether a name still has to be moved back to a path."""
        if name.purged or self.names.at.get(name.path) is not name or name.path == path or name.path in name.hard_links:
            return False
        if self.names.is_one_of_duplicates(name):
            return False
        if self._is_beside(name, path):
            return False
        there = self.view.nodes.get(path)
        return there is None or there.alone != name.node.alone

    def _is_kept_out(self, name: Name) -> bool:
        return not self._is_beside(name, name.home or b"") and self.names.is_kept_out(name)

    def _is_made(self, name: Name, path: bytes) -> bool:
        """Return whether the name that fileorg made at a path still exists."""
        there = self.names.at.get(path)
        if there is None or there.home is not None or path in self.names.purged:
            return False
        return self.names.at.get(name.path) is name

    def _is_beside(self, name: Name, path: bytes) -> bool:
        return self._renames and os.path.dirname(path) == os.path.dirname(name.path)

    def _is_named(self, name: Name, said: str, *places: bytes) -> bool:
        """Return whether the output mentions a name: its path, its home, one of the further places where it was, an
        identical file, another name that the file had, or the file that stays and that a symlink by fileorg leads to,
        which stays with it.
        """
        paths = {name.path, name.home or name.path, *places} | name.alike | name.hard_links
        if any(display(os.path.basename(path)) in said for path in paths):
            return True
        return any(self._is_named(file, said) for file in self._files_that_stay(name))

    def _files_that_stay(self, link: Name) -> list[Name]:
        """Return the files that a symlink by fileorg leads to, also from where it was, and that are not back."""
        if link.home is not None or link.node.kind != "symlink":
            return []
        ends = {self._end_of(path, link.node.content) for path in (link.path, link.trashed_from) if path}
        files = (name for name in self.names.at.values() if name.node.kind == "file" and name.home)
        return [name for name in files if ends & {name.path, name.home} and self._is_elsewhere(name, name.home or b"")]

    def _end_of(self, link: bytes, content: bytes) -> bytes | None:
        """Return the path in a view of what a symlink at a path leads to."""
        base, _, inside = link.partition(b"/")
        return self._base_of(os.path.normpath(os.path.join(self.bases[base], os.path.dirname(inside), content)))

    def _differences(self, before: View, when: str) -> list[str]:
        """Return unreported differences to an earlier tree."""
        wrong = []
        for path in sorted(filter(is_inside, before.nodes.keys() | self.view.nodes.keys())):
            old, new = before.nodes.get(path), self.view.nodes.get(path)
            if old is None or new is None:
                wrong.append(f"{when}: {display(path)} {'was not there before' if old is None else 'is gone'}")
            elif self._with_what_was_said(path, old, new) != old:
                wrong.append(f"{when}: {display(path)}: {compared(old, new)}")
        return wrong

    def _with_what_was_said(self, path: bytes, old: Node, new: Node) -> Node:
        """Return `new` with the values of `old` that may differ, or that were reported as different."""
        if old.kind == new.kind == "symlink":  # a recreated symlink has a new time
            new = new._replace(mtime_ns=old.mtime_ns)
        if self._is_overlay(path):
            new = new._replace(links=old.links)
        if new.kind == "folder" and self._is_coarse(path) and abs(old.mtime_ns - new.mtime_ns) < COARSE_NS:
            new = new._replace(mtime_ns=old.mtime_ns)  # the driver may write it a second late
        if new.kind == "folder" and says_time_is_lost(path, self._said):
            new = new._replace(mtime_ns=old.mtime_ns)
        if display(os.path.basename(path)) in self._not_kept:
            new = new._replace(mode=old.mode, owner=old.owner, xattrs=old.xattrs, mtime_ns=old.mtime_ns)
        return new

    # The end ------------------------------------------------------------------------------------------------------

    def take_all_back(self, order: Callable[[list[Key]], list[Key]]) -> None:
        """Undo all operations, in this order, then the newest first. Raises `Wrong` if the result is not the first
        tree, except for acts of others and reported files.
        """
        self.bring_back()
        for state, lines in enumerate(self.operations.lines):
            if lines:
                self.run(Run(["recover"], state))
        codes = self._undo_all(order, [])
        # A link that a run put in place of a purged file stays; what it leads to then comes back only if asked for.
        if codes & ({1, 5} if self.interventions else {5} if self.names.purged else set()):
            self._renames = True
            codes = self._undo_all(order, ["--include-changed", "--rename"])
        self._is_refused = 5 in codes or any(self.operations.has_open(state) for state in (0, 1))
        wrong = [] if self.operations.is_confused else [*self._names_at_the_end(), *self._folders_at_the_end()]
        if wrong:
            raise Wrong("\n".join(wrong))

    def _undo_all(self, order: Callable[[list[Key]], list[Key]], more: list[str]) -> set[int]:
        """Undo until nothing changes any more, and return the exit codes of the last round."""
        empty, made_way, codes = set["Key"](), set["Key"](), set[int]()
        for turn in range(_MAX_TURNS):
            before, keys = self.view, self.operations.newest_first()
            keys = keys if turn else order(keys)
            codes = set()
            for state, number in keys:
                if (state, number) in empty:
                    continue
                finished = self.run(Run(["undo", "-y", *more, str(number)], state))
                if (
                    finished.code == 5
                    and (state, number) not in made_way
                    and (found := _REDO_FIRST.findall(finished.output))
                ):
                    made_way.add((state, number))  # once: what is in its way is undone again later
                    for redone in found:
                        self.run(Run(["redo", "-y", redone], state))
                    empty.clear()  # what is redone can be undone again
                    finished = self.run(Run(["undo", "-y", *more, str(number)], state))
                if "has nothing left to undo" in finished.output:
                    empty.add((state, number))
                    continue
                codes.add(finished.code)
                if finished.code == 0:  # a folder that had to stay may be empty now
                    empty.clear()
            if codes <= {2} or (turn and before.nodes == self.view.nodes):
                break
        return codes

    def _names_at_the_end(self) -> list[str]:
        wrong, purged = list[str](), self.names.purged
        for name in self.names.at.values():
            if name.purged or is_temporary(name.path):
                if not name.purged and name.home and not self._is_named(name, self._said):
                    wrong.append(f"at the end: {name} was never named")
                continue
            if name.home is None and name.path in purged:
                continue  # a link that replaced a purged file
            if name.home is None:
                is_excused = (self.interventions or purged) and (self._is_refused or self._is_named(name, self._said))
                wrong += [] if is_excused else [f"at the end: left is {name}"]
            elif self._is_elsewhere(name, name.home) or self._is_kept_out(name):
                # With --rename, it may be beside a file of others, which has then gone to its home in its place.
                places = {name.path, _NUMBER.sub(b"", name.path) if self._renames else name.path, *above(name.home)}
                is_barred = self.interventions and not places.isdisjoint(self.touched)
                if name.home in purged and self._is_named(name, self._said):
                    continue  # the link that a run put in place of the one that was purged has its name
                if not is_barred and not (self.interventions and self._is_refused):
                    wrong.append(f"at the end: {name} is not back, though nobody touched it")
                elif is_barred and not (self._is_refused or self._takes_changed or self._is_named(name, self._said)):
                    wrong.append(f"at the end: {name} is not back, and was never named")
            elif not (self._takes_changed and self._is_beside(name, name.home)):
                is_there = self._is_beside(name, name.home) or name.path in name.hard_links
                path = name.path if is_there else name.home
                if (there := self.view.nodes.get(path)) is None:  # one of two identical files
                    continue
                first = name.first._replace(links=there.links) if self.interventions or purged else name.first
                if name.has_lost:
                    there = there._replace(mode=first.mode, owner=first.owner, xattrs=first.xattrs)
                if name.touched_at:  # that file system may not show all attributes
                    first = there._replace(content=first.content, mtime_ns=first.mtime_ns)
                if self._with_what_was_said(path, first, there) != first:
                    wrong.append(f"at the end: {name}: {compared(first, there)}")
        return wrong

    def _folders_at_the_end(self) -> list[str]:
        wrong = []
        strayed = [name for name in self.names.at.values() if name.path != name.home]
        stays = {name.path for name in strayed} | {name.home or b"" for name in strayed}
        stays |= self.touched | self.names.purged
        busy = {folder for path in stays for folder in above(path)} | self._touched_folders
        # Others may have changed all files of an interrupted operation, so that nothing shows whether it is their disk.
        is_open = bool(self.interventions) and any(self.operations.has_open(state) for state in (0, 1))
        for path, first in self._folders.items():
            there = self.view.nodes.get(path)
            if there is None:
                is_theirs = any(one in self.touched for one in above(path))
                is_theirs |= is_open and path in self._removed  # recovery brings it back
                wrong += [] if is_theirs else [f"at the end: the folder {display(path)} is gone"]
            elif path not in busy and not is_open and self._with_what_was_said(path, first, there) != first:
                wrong.append(f"at the end: the folder {display(path)}: {compared(first, there)}")
        for path, node in self.view.nodes.items():
            is_new = node.kind == "folder" and is_inside(path) and path not in self._folders and path not in busy
            if is_new and not self._is_refused and not self._takes_changed:
                wrong.append(f"at the end: the folder {display(path)} is left")
        return wrong


def _is_changed(path: bytes, before: View, after: View) -> bool:
    old, new = before.nodes.get(path), after.nodes.get(path)
    if old is None or new is None or old.alone != new.alone:
        return True
    return new.kind != "folder" and before.inodes[path] != after.inodes[path]


def _honest(run: Run, finished: Finished, *, may_refuse: bool) -> list[str]:
    """Check for a true exit code and readable output; nothing in a tree may stop a whole command."""
    what, code, output = run.what, finished.code, finished.output
    # For a person; or something is missing.
    waits = code == 3 and (what in {"recover", "import", "compare"} or "--hold" in run.words or run.words[0] == "jobs")
    is_stopped = code == STOPPED and bool(run.signal)
    if (
        (code not in {0, 1, 2, 4, 5} and not waits and not is_stopped)
        or "Traceback" in output
        or "Unexpected error" in output
    ):
        return [f"{what} ends with {code}, not in a sentence for people: {output[-600:]}"]
    if code and not any(words in output for words in _SENTENCES):
        return [f"{what} ends with {code}, without a sentence: {output[-300:]}"]
    if code in {2, 5} and not may_refuse and what not in {"undo", "redo", "purge", "apply"}:
        return [f"{what} as a whole is refused with {code}: {output[-300:]}"]
    return []
