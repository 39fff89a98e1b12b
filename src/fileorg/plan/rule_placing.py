"""The target of each file of a batch by rules: a folder of any disk, another name, the trash, or none.

A target folder outside the destination is a path that begins with a NUL and the number of its base; `RuleTargets` looks
it up there, and `real_row` turns it into the base and its path before a row leaves the plan.
"""

from __future__ import annotations

import contextlib
import os
from array import array
from typing import TYPE_CHECKING, NamedTuple

from xxhash import xxh3_64_intdigest

from fileorg.core.model import ROOT, Action, Base, OnConflict, PlanRow
from fileorg.core.names import below, collision_key, join
from fileorg.plan.base_folders import MARK, base_folder, real
from fileorg.plan.draft import Follower, Places
from fileorg.plan.placing import Placer, Stay
from fileorg.rules.facts import FileFacts
from fileorg.rules.grouping import keeps_its_name, stem_end
from fileorg.rules.path_template import Rendered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fileorg.core.model import Entry, Listing
    from fileorg.index.columns import FileBatch, FileRow
    from fileorg.plan.placing import Layout
    from fileorg.rules.matching import Failed, FolderRules, RuleDecision
    from fileorg.scan.classifier import Classifier
    from fileorg.storage.base import Capabilities
    from fileorg.storage.local.storage import LocalStorage

_ORIGIN_ATTRIBUTES = (b"user.xdg.origin.url", b"user.xdg.referrer.url")
_TAG_ATTRIBUTE = b"user.xdg.tags"
_KEPT = -1


class Way(NamedTuple):
    """What happens to the files of one target number, and the number of the rule that says so, if one does."""

    action: Action
    on_conflict: OnConflict
    rule: int | None = None
    is_trash: bool = False


class FileLookups:
    """What rules ask of a file beside its name and times, in the tree of one root."""

    def __init__(self, source: LocalStorage, classifier: Classifier, folders: Callable[[bytes], Sequence[str]]) -> None:
        self._source = source
        self._folders = folders
        self.category_of = classifier.category_of
        self.extension_of = classifier.extension_of

    def origins(self, folder: bytes, name: bytes) -> Sequence[str]:
        return [value for value in self._attributes(folder, name, _ORIGIN_ATTRIBUTES) if value]

    def tags(self, folder: bytes, name: bytes) -> Sequence[str]:
        values = self._attributes(folder, name, (_TAG_ATTRIBUTE,))
        return [tag.strip() for value in values for tag in value.split(",") if tag.strip()]

    def owner(self, folder: bytes, name: bytes) -> int | None:
        try:
            return os.stat(name, dir_fd=self._source.fd(folder), follow_symlinks=False).st_uid
        except OSError:
            return None

    def folders_in(self, path: bytes) -> Sequence[str]:
        return self._folders(path)

    def _attributes(self, folder: bytes, name: bytes, keys: Sequence[bytes]) -> Iterator[str]:
        try:
            with self._source.open_read(folder, name) as file:
                for key in keys:
                    with contextlib.suppress(OSError):
                        yield os.getxattr(file.fileno(), key).decode("utf-8", "replace")
        except OSError:
            return


def folders_of(root: bytes) -> Callable[[bytes], Sequence[str]]:
    """Return a function that returns the names of the folders in a folder, as they were at its first call."""
    known: dict[bytes, list[str]] = {}

    def folders(path: bytes) -> Sequence[str]:
        if path not in known:
            found = []
            with contextlib.suppress(OSError), os.scandir(os.path.join(root, path)) as entries:
                found = sorted(
                    os.fsdecode(entry.name)
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(b".")
                )
            known[path] = found
        return known[path]

    return folders


class RulePlacer(Placer):
    """Assigns a number to each target folder and way; 0 means that a file stays."""

    def __init__(self, layout: Layout, source: LocalStorage) -> None:
        super().__init__(layout, source)
        if layout.by_rules is None:
            raise AssertionError("a layout without rules")
        self._by_rules = layout.by_rules
        self._rules = layout.by_rules.rules
        self._lookups = FileLookups(source, self._classifier, folders_of(source.root))
        self._default = Way(layout.action, layout.on_conflict)
        self.ways: list[Way] = [self._default]
        self._numbered: dict[tuple[bytes, Way], int] = {}
        self._of_rule: dict[int, Way] = {}
        self._kept_now = set[int]()
        self._root_prefix = b"" if layout.base == ROOT else base_folder(ROOT)

    def facts(self, folder: bytes, name: bytes, size: int, mtime_ns: int, ctime_ns: int, mode: int) -> FileFacts:
        return FileFacts(self._lookups, folder, name, size, mtime_ns, ctime_ns, mode)

    def place(self, batch: FileBatch) -> Places:
        """Return the places of all files of the batch; see `Places.names` for those with another name."""
        folder = batch.folder
        self._kept_now = set()
        rules = self._rules.of_folder(folder)
        fold, keys, prefixes = self._layout.case_insensitive, self._keys, self._prefixes
        home = collision_key(join(self._root_prefix, folder).rstrip(b"/"), case_insensitive=fold)
        categories, targets, digests = bytearray(), array("I"), array("Q")
        followers: dict[int, Follower] = {}
        names: dict[int, bytes] = {}
        leaders = batch.followers()
        group_names = self._group_names(batch, leaders)
        kinds = rules.kinds
        for position, row in enumerate(batch.rows()):
            name = row[0]
            dot, digest, leader = name.rfind(b"."), 0, leaders.get(position)
            kind = kinds.get(name[dot:] if dot > 0 else b"") if leader is None else None
            new_name = name
            if kind is not None:
                category, number = kind
            elif leader is None:
                category, number, new_name = self._place_by_rules(rules, folder, row)
                if new_name != name and (others := group_names.get(name)):
                    new_name = self.new_name(number, folder, row, others)
            else:
                category, number, new_name = self._place_group_file(rules, folder, leader, row, group_names)
            if number == 0:
                self.stay.other += 1
            elif number == _KEPT:
                self.stay.kept += 1
                self._kept_now.add(position)
                number = 0
            elif keys[number] == home and new_name == name:
                self.stay.in_place += 1
                number = 0
            else:
                key = collision_key(new_name, case_insensitive=True) if fold else new_name
                digest = xxh3_64_intdigest(prefixes[number] + key)
                if new_name != name:
                    names[position] = new_name
                if leader is not None:
                    followers[position] = Follower(
                        leader, name, category, number, row[1], row[2], row[4], row[5], new_name
                    )
            categories.append(category)
            targets.append(number)
            digests.append(digest)
        return Places(array("B", categories), targets, digests, followers, names)

    def new_name(self, number: int, folder: bytes, row: FileRow, followers: Sequence[bytes]) -> bytes:
        """Return the name of a leader, or of a file without a group, at its target."""
        name, size, mtime_ns, ctime_ns, _, mode, _ = row
        deciding = self.ways[number].rule
        rule = None if deciding is None else self._rules.rules[deciding]
        if rule is None or rule.target is None or not rule.target.renames:
            return name
        if followers and any(map(keeps_its_name, (name, *followers))):
            return name  # other files refer to it
        file = self.facts(folder, name, size, mtime_ns, ctime_ns, mode)
        rendered = rule.target.render(file, self._rules.groups(rule, file))
        return rendered.name if isinstance(rendered, Rendered) else name

    # What the plan asks -----------------------------------------------------------------------------------------------

    def source_folder(self, target: bytes) -> bytes | None:
        """Return the folder below the root that a target folder is, None if it is elsewhere."""
        if not self._root_prefix:
            return None if target.startswith(MARK) else target
        base, folder = real(target, self._layout.base)
        return folder if base == ROOT else None

    def trash_beside(self, target: bytes) -> bytes:
        """Return the place in the trash for files of a target folder: in the same directory of the operation."""
        mark, _, rest = target.partition(b"/") if target.startswith(MARK) else (b"", b"", target)
        trash = self._layout.link_trash if mark else self._layout.trash
        return join(join(mark, trash), rest) if rest else join(mark, trash)

    def explained(self, folder: bytes, name: bytes) -> tuple[list[Failed], RuleDecision | None]:
        """Return why each rule before the first that matches does not match a leader, and that rule."""
        there = self._source.lstat(folder, name)
        if there is None:
            return [], None
        return self._rules.explain(self.facts(folder, name, there.size, there.mtime_ns, there.ctime_ns, there.mode))

    def placed_again(self, batch: FileBatch) -> array[int]:
        """Return the targets of a batch without counting its files again."""
        stay, self.stay = self.stay, Stay()
        try:
            return self.place(batch).targets
        finally:
            self.stay = stay

    def kept_positions(self, batch: FileBatch) -> set[int]:
        """Return the positions of the files of a batch that rules keep where they are."""
        self._kept_now = set()
        self.placed_again(batch)
        return self._kept_now

    def real_rows(self, rows: Iterable[PlanRow]) -> Iterator[PlanRow]:
        """Yield rows with the bases of their target folders."""
        roots = [storage.root for storage in self._by_rules.storages]
        return (real_row(row, self._layout.base, roots) for row in rows)

    def _place_by_rules(self, rules: FolderRules, folder: bytes, row: FileRow) -> tuple[int, int, bytes]:
        """Return the category, the target and the new name of a file."""
        name, size, mtime_ns, ctime_ns, _, mode, _ = row
        dot = name.rfind(b".")
        suffix = name[dot:] if dot > 0 else b""
        known = self._layout.rules.category_of(name)  # so that the category of the suffix is known, if it has one
        candidates = rules.of_suffix(suffix)
        if not (candidates.always or candidates.has_named or self._rules.takes_more):
            category, number = self._place_one(folder, name, mtime_ns)
            if suffix in self._kinds:
                rules.kinds[suffix] = category, number
            return category, number, name
        file = self.facts(folder, name, size, mtime_ns, ctime_ns, mode)
        if known is not None:
            file.__dict__["category"] = known
        decision = self._rules.decide(file, candidates)
        if decision is None:
            if self._rules.leaves(file):
                return self._categories[file.category], _KEPT, name
            category, number = self._place_one(folder, name, mtime_ns)
            return category, number, name
        category = self._categories[file.category]
        number, new_name = self._number_of(decision, folder, name)
        first = candidates.always[0] if candidates.always else None
        by_suffix = self._layout.rules.by_suffix(suffix) is not None or not suffix
        if (
            by_suffix
            and first is not None
            and not candidates.has_named
            and first.is_certain
            and first.rule is decision.rule
            and (decision.rule.target is None or decision.rule.target.is_by_suffix)
            and not decision.rule.is_trash
        ):
            rules.kinds[suffix] = category, number
        return category, number, new_name

    def _number_of(self, decision: RuleDecision, folder: bytes, name: bytes) -> tuple[int, bytes]:
        rule = decision.rule
        if rule.keeps:
            return _KEPT, name
        way = self._of_rule.get(rule.number)
        if way is None:
            action = Action.MOVE if rule.is_trash else rule.action or self._layout.action
            on_conflict = OnConflict.RENAME if rule.is_trash else rule.on_conflict or self._layout.on_conflict
            way = self._of_rule[rule.number] = Way(action, on_conflict, rule.number, rule.is_trash)
        if rule.target is None or decision.rendered is None:
            return self._number_in(join(self._by_rules.trash, folder) if folder else self._by_rules.trash, way), name
        target = decision.rendered.folder
        above = self._by_rules.folders.get(rule.target.absolute, self._by_rules.to_be_made)
        if above:
            target = join(above, target) if target else above
        if "dir" in rule.target.fields and _is_there_already(folder, target, above):
            target = join(self._root_prefix, folder).rstrip(b"/") if folder else self._root_prefix
        return self._number_in(target, way), decision.rendered.name

    def _number_in(self, target: bytes, way: Way) -> int:
        number = self._numbered.get((target, way))
        return self._new_number(target, way) if number is None else number

    def _number(self, target: bytes) -> int:
        """Return the number of a target folder by category."""
        number = self._numbers[target] = self._number_in(target, self._default)
        return number

    def _new_number(self, target: bytes, way: Way) -> int:
        actual_folder = self._layout.actual_folder(target)
        key = collision_key(actual_folder, case_insensitive=self._layout.case_insensitive)
        known = self._numbered.get((key, way))
        if known is None:
            known = len(self.targets)
            self.targets.append(actual_folder)
            self._keys.append(key)
            self._prefixes.append(actual_folder + b"/")
            self.ways.append(way)
            self._numbered[key, way] = known
        self._numbered[target, way] = known
        return known

    # Groups -----------------------------------------------------------------------------------------------------------

    @staticmethod
    def _group_names(batch: FileBatch, leaders: Mapping[int, bytes]) -> dict[bytes, list[bytes]]:
        """Return the names of the followers of each leader in a batch."""
        if not leaders:
            return {}
        names, found = batch.split_names(), dict[bytes, list[bytes]]()
        for position, leader in leaders.items():
            found.setdefault(leader, []).append(names[position])
        return found

    def _place_group_file(
        self,
        rules: FolderRules,
        folder: bytes,
        leader: bytes,
        row: FileRow,
        group_names: Mapping[bytes, Sequence[bytes]],
    ) -> tuple[int, int, bytes]:
        """Return the place of a follower: that of its leader, with the leader's new stem."""
        name = row[0]
        there = self._source.lstat(folder, leader)
        of_leader = row if there is None else (
            leader, there.size, there.mtime_ns, there.ctime_ns, there.inode, there.mode, there.nlink,
        )  # fmt: skip
        category, number, new_leader = self._place_by_rules(rules, folder, (leader, *of_leader[1:]))
        others = group_names.get(leader, ())
        if new_leader != leader and any(map(keeps_its_name, (leader, *others))):
            new_leader = leader
        return category, number, follower_name(name, leader, new_leader)


def follower_name(name: bytes, leader: bytes, new_leader: bytes) -> bytes:
    """Return the name of a follower whose leader gets another name: it gets the leader's new stem."""
    stem = leader[: stem_end(leader)]
    if new_leader == leader or not name.startswith(stem):
        return name
    return new_leader[: stem_end(new_leader)] + name[len(stem) :]


def _is_there_already(folder: bytes, target: bytes, above: bytes) -> bool:
    """Return whether an earlier run has put the files of a folder there: `{dir}` must not grow with each run."""
    if above or not folder:
        return False
    if target.startswith(folder + b"/"):
        added = target[len(folder) + 1 :]
        return folder == added or folder.endswith(b"/" + added)
    prefix = target.removesuffix(folder).rstrip(b"/")
    return prefix != target and (folder == prefix or folder.startswith(prefix + b"/"))


class RuleTargets:
    """The directories of an operation as one tree for the plan: the destination, and the others by `base_folder`."""

    def __init__(self, storages: Sequence[LocalStorage], default: Base) -> None:
        self._storages = storages
        self._default = default
        self._main = storages[default]

    def _at(self, folder: bytes) -> tuple[LocalStorage, bytes]:
        if not folder.startswith(MARK):
            return self._main, folder
        base, rest = real(folder, self._default)
        return self._storages[base], rest

    @property
    def root(self) -> bytes:
        return self._main.root

    @property
    def capabilities(self) -> Capabilities:
        limit = min(storage.capabilities.name_limit for storage in self._storages)
        return self._main.capabilities._replace(name_limit=limit)

    def lstat(self, folder: bytes, name: bytes) -> Entry | None:
        if not folder and name.startswith(MARK):
            return None
        storage, rest = self._at(folder)
        return storage.lstat(rest, name)

    def stat_folder(self, folder: bytes) -> Entry | None:
        storage, rest = self._at(folder)
        return storage.stat_folder(rest)

    def list_folder(self, folder: bytes) -> Iterator[Listing]:
        storage, rest = self._at(folder)
        return storage.list_folder(rest)

    def name_parts(self, folder: bytes) -> Iterator[list[bytes]]:
        storage, rest = self._at(folder)
        return storage.name_parts(rest)

    def open_read(self, folder: bytes, name: bytes) -> object:
        storage, rest = self._at(folder)
        return storage.open_read(rest, name)

    def readlink(self, folder: bytes, name: bytes) -> bytes:
        storage, rest = self._at(folder)
        return storage.readlink(rest, name)

    def actual_folder(self, folder: bytes, known: dict[bytes, bytes]) -> bytes:
        if not folder.startswith(MARK):
            return self._main.actual_folder(folder, known)
        storage, rest = self._at(folder)
        mark = folder.partition(b"/")[0]
        return join(mark, storage.actual_folder(rest, {})) if rest else mark

    def shown(self, folder: bytes) -> bytes:
        """Return a target folder for people: relative to the destination, or absolute."""
        if not folder.startswith(MARK):
            return folder
        storage, rest = self._at(folder)
        return below(storage.root, rest)


def real_row(row: PlanRow, default: Base, roots: Sequence[bytes]) -> PlanRow:
    """Return a row with the base of its target folder, and the path below it."""
    folder = row.target_folder
    if folder.startswith(MARK):
        base, folder = real(folder, default)
        row = row._replace(target_base=base, target_folder=folder)
    if row.action is Action.MOVE and not row.category and row.source_folder.startswith(MARK):
        base, folder = real(row.source_folder, default)
        row = row._replace(source_base=base, source_folder=folder)
    about = row.reason.about if row.reason is not None else None
    if about and about.startswith(MARK):
        base, path = real(about, default)
        row = row._replace(reason=row.reason._replace(about=below(roots[base], path)))  # type: ignore[union-attr]
    return row
