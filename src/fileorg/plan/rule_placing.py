"""The target of each file of a batch by rules: a folder of any disk, another name, the trash, or none.

A target folder outside the destination is a path that begins with a NUL and the number of its base; `RuleTargets` looks
it up there, and `real_row` turns it into the base and its path before a row leaves the plan.
"""

from __future__ import annotations

import contextlib
import os
import re
from array import array
from copy import copy
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, cast

from xxhash import xxh3_64_intdigest

from fileorg.core.confinement import check_opened_folder, check_path
from fileorg.core.memo import Memo
from fileorg.core.model import ROOT, Action, Base, OnConflict, PlanRow
from fileorg.core.names import below, collision_key, is_within, join
from fileorg.core.tuples import NamedTuple
from fileorg.plan.base_folders import MARK, base_folder, real
from fileorg.plan.draft import Follower, Places
from fileorg.plan.placing import Placer, Stay
from fileorg.rules.column_matching import ColumnRules
from fileorg.rules.facts import FileColumns, FileFacts, decoded, local_days
from fileorg.rules.field_formats import size_class
from fileorg.rules.grouping import keeps_its_name, stem_end
from fileorg.rules.matching import RuleDecision
from fileorg.rules.path_template import Rendered
from fileorg.storage.base import Kind

if TYPE_CHECKING:
    import time
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from fileorg.core.model import Entry, Listing
    from fileorg.index.columns import FileBatch, FileRow
    from fileorg.plan.placing import Layout
    from fileorg.rules.facts import ContentLookups
    from fileorg.rules.matching import CompiledRule, Failed
    from fileorg.rules.moments import MediaMoment
    from fileorg.rules.path_template import PathTemplate
    from fileorg.scan.classifier import Classifier
    from fileorg.storage.base import Capabilities
    from fileorg.storage.local.storage import LocalStorage

_ORIGIN_ATTRIBUTES = (b"user.xdg.origin.url", b"user.xdg.referrer.url")
_TAG_ATTRIBUTE = b"user.xdg.tags"
_KEPT = -1
_NONE = -2
_KNOWN_RULES = 1024
_KNOWN_TARGETS = 1 << 15
"""How many targets of a rule are known by day or the like: the days of ninety years."""


class Way(NamedTuple):
    """What happens to the files of one target number, and the number of the rule that says so, if one does."""

    action: Action
    on_conflict: OnConflict
    rule: int | None = None
    is_trash: bool = False


class _Placed:
    """What rules decide on the files of a batch, by position. `targets` are numbers, 0 for files that stay."""

    def __init__(self, files: int) -> None:
        self.categories = bytearray(files)
        self.targets = [0] * files
        self.names: dict[int, bytes] = {}
        """The new names of the files that do not keep their own."""


class FileLookups:
    """What rules ask of a file beside its name and times, in the tree of one root."""

    def __init__(
        self,
        source: LocalStorage,
        classifier: Classifier,
        folders: Callable[[bytes], Sequence[str]],
        contents: ContentLookups | None,
    ) -> None:
        """`contents` is needed if some rule asks for what is in files."""
        self._source = source
        self._folders = folders
        self._contents = contents
        self.category_of = classifier.category_of
        self.extension_of = classifier.extension_of

    @property
    def contents(self) -> ContentLookups:
        if self._contents is None:
            raise AssertionError("no rule asks for what is in files")
        return self._contents

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
    """Return a function that returns the names of the folders in a folder, as they were at its first call. It raises
    `Outside` for a folder that may not be used.
    """
    known: dict[bytes, list[str]] = {}

    def folders(path: bytes) -> Sequence[str]:
        if path not in known:
            found = []
            folder = os.path.join(root, path)
            check_path(os.path.realpath(folder), folder)  # a rule must not tell what is elsewhere
            with contextlib.suppress(OSError), _opened(folder) as fd, os.scandir(fd) as entries:
                found = sorted(
                    entry.name
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
                )
            known[path] = found
        return known[path]

    return folders


def folders_in_store(store: LocalStorage, path: bytes) -> Sequence[str]:
    """Return the names of the folders in a folder of a store. Raises `StoreError`."""
    found = (entry.name for listing in store.list_folder(path) for entry in listing.folders)
    return sorted(decoded(name) for name in found if not name.startswith(b"."))


@contextlib.contextmanager
def _opened(folder: bytes) -> Iterator[int]:
    """Open a folder that may be used. Raises `Outside`, `OSError`."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        check_opened_folder(fd, folder)
        yield fd
    finally:
        os.close(fd)


class RulePlacer(Placer):
    """Assigns a number to each target folder and way; 0 means that a file stays."""

    def __init__(self, layout: Layout, source: LocalStorage) -> None:
        super().__init__(layout, source)
        if layout.by_rules is None:
            raise AssertionError("a layout without rules")
        self._by_rules = layout.by_rules
        self._rules = layout.by_rules.rules
        is_local = source.kind is Kind.LOCAL
        folders = folders_of(source.root) if is_local else partial(folders_in_store, source)
        self._lookups = FileLookups(source, self._classifier, folders, layout.rule_contents)
        self._renews_times = not is_local
        """Each move gives an object a new time."""
        self._default = Way(layout.action, layout.on_conflict)
        self.ways: list[Way] = [self._default]
        self._numbered: dict[tuple[bytes, Way], int] = {}
        self._of_rule: dict[int, Way] = {}
        self._columns = ColumnRules(self._rules.rules)
        self._own_folders = [folder for folder in layout.by_rules.own_folders() if folder]
        self._known: Memo[tuple[int, str, bytes | None], Memo[object, int]] = Memo(_KNOWN_RULES)
        self._by_date = {
            number
            for number, rule in enumerate(self._rules.rules)
            if rule.target is not None and rule.target.renames_by_date
        }
        """The rules that make names of dates."""
        self._kept_now = set[int]()
        self._root_prefix = b"" if layout.base == ROOT else base_folder(ROOT)

    def facts(self, folder: bytes, name: bytes, size: int, mtime_ns: int, ctime_ns: int, mode: int) -> FileFacts:
        return FileFacts(self._lookups, folder, name, size, mtime_ns, ctime_ns, mode)

    def place(self, batch: FileBatch) -> Places:
        """Return the places of all files of the batch; see `Places.names` for those with another name."""
        folder = batch.folder
        self._kept_now = set()
        fold, keys, prefixes = self._layout.case_insensitive, self._keys, self._prefixes
        home = collision_key(join(self._root_prefix, folder).rstrip(b"/"), case_insensitive=fold)
        files = self._columns_of(batch)
        placed = _Placed(batch.files)
        leaders = self._leaders_of(batch, files, placed)
        self._decide(files, self._columns.in_folder(folder), leaders, placed)
        if leaders:
            self._decide_groups(files, leaders, placed)
        targets, digests = array("I"), array("Q")
        new_names, stay = placed.names, self.stay
        for position, (name, number) in enumerate(zip(files.names, placed.targets, strict=True)):
            digest = target = 0
            if number == 0:
                stay.other += 1
            elif number == _KEPT:
                stay.kept += 1
                self._kept_now.add(position)
            elif keys[number] == home and position not in new_names:
                stay.in_place += 1
            else:
                target, new_name = number, new_names.get(position, name)
                digest = xxh3_64_intdigest(
                    prefixes[number] + (collision_key(new_name, case_insensitive=True) if fold else new_name)
                )
            targets.append(target)
            digests.append(digest)
        followers: dict[int, Follower] = {}
        if leaders:
            rows = list(batch.rows())
            for position, leader in leaders.items():
                name, size, mtime_ns, _, inode, mode, _ = rows[position]
                if number := targets[position]:
                    followers[position] = Follower(
                        leader, name, placed.categories[position], number, size, mtime_ns, inode, mode,
                        new_names.get(position, name),
                    )  # fmt: skip
        moved = {position: name for position, name in new_names.items() if targets[position]}
        return Places(array("B", placed.categories), targets, digests, followers, moved)

    def renames(self, number: int) -> bool:
        """Return whether files of a target number may get another name."""
        deciding = self.ways[number].rule
        target = None if deciding is None else self._rules.rules[deciding].target
        return target is not None and target.renames

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

    def in_order(self, batch: FileBatch, positions: Iterable[int], targets: Sequence[int]) -> list[int]:
        """Return positions in the order in which their files get names: those whose names are made of dates last, by
        their moments, so that the pictures of a burst keep their order.
        """
        found, dated = list[int](), list[tuple[tuple[datetime, int, bytes], int]]()
        if not self._by_date:
            return list(positions)
        names, mtimes_ns = batch.split_names(), batch.mtimes_ns
        for at in positions:
            deciding = self.ways[targets[at]].rule if targets[at] else None
            target = None if deciding is None else self._rules.rules[deciding].target
            if target is None or deciding not in self._by_date:
                found.append(at)
                continue
            name = names[at]
            moment = self._moment(batch.folder, name) if target.fields & {"taken", "named"} else None
            # Without one of these dates, the name is made of the modification time.
            wall = datetime.fromtimestamp(mtimes_ns[at] / 1e9) if moment is None else moment.wall  # noqa: DTZ006
            dated.append(((wall, _last_number(name), name), at))
        return found + [at for _, at in sorted(dated)]

    def _moment(self, folder: bytes, name: bytes) -> MediaMoment | None:
        contents = self._lookups.contents
        return contents.taken(folder, name) or contents.named(name)

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
        if not self._root_prefix and not any(folder.startswith(MARK) for folder in self.targets):
            return iter(rows)  # all of them are below the root
        roots = [storage.root for storage in self._by_rules.storages]
        return (real_row(row, self._layout.base, roots) for row in rows)

    # Many files at a time -----------------------------------------------------------------------------------------

    def _columns_of(self, batch: FileBatch) -> FileColumns:
        return FileColumns(
            self._lookups,
            batch.folder,
            batch.split_names(),
            batch.sizes,
            batch.mtimes_ns,
            batch.ctimes_ns,
            batch.modes,
        )

    def _decide(
        self, files: FileColumns, of_folders: tuple[bool | None, ...], leaders: Container[int], placed: _Placed
    ) -> None:
        """Decide on all files but those in `leaders`, which go with others."""
        for suffix, positions in _by_suffix(files.names, leaders).items():
            for category, alike in self._by_category(files, suffix, positions).items():
                number = self._categories[category]
                for at in alike:
                    placed.categories[at] = number
                candidates = self._columns.candidates(suffix, category, of_folders)
                left: Sequence[int] = alike
                if not candidates.is_empty:
                    left = self._columns.decide(candidates, files, alike, partial(self._take, files, category, placed))
                if left:
                    self._place_without_rule(files, suffix, category, left, placed)

    def _by_category(self, files: FileColumns, suffix: bytes, positions: list[int]) -> Mapping[str, list[int]]:
        """Return the positions of files with one suffix by their category. Reads files if their suffix is ambiguous."""
        rules, names = self._layout.rules, files.names
        if not suffix and (without := rules.without_extension) is not None:
            return {without: positions}
        category = rules.category_of(names[positions[0]])
        if category is not None and rules.by_suffix(suffix) is not None:
            return {category: positions}
        found = dict[str, list[int]]()
        for at in positions:
            found.setdefault(self._classifier.category_of(files.folder, names[at]), []).append(at)
        return found

    def _take(
        self, files: FileColumns, category: str, placed: _Placed, rule: CompiledRule, positions: Sequence[int]
    ) -> Sequence[int]:
        """Note the targets that a rule gives to files. Return the positions of those to which it gives one."""
        target, numbers = rule.target, placed.targets
        if target is None:
            number, _ = self._number_of(RuleDecision(rule, None), files.folder, b"")
            for at in positions:
                numbers[at] = number
            return positions
        if not target.is_shared:
            return [at for at in positions if self._take_one(files, category, placed, rule, at)]
        known = self._targets_of(rule, category, files.folder)
        keys: Sequence[object] = [None] * len(positions)
        days = None
        if target.date_parts:
            mtimes_ns, parts = files.mtimes_ns, target.date_parts
            days = local_days([mtimes_ns[at] for at in positions])
            keys = [day and day[:parts] for day in days]
        if not target.fields.isdisjoint({"ext", "extension"}):
            keys = [*zip(keys, map(files.extension, positions), strict=True)]
        if "size_class" in target.fields:
            keys = [*zip(keys, [size_class(files.sizes[at]) for at in positions], strict=True)]
        taken = list[int]()
        for place, (at, key) in enumerate(zip(positions, keys, strict=True)):
            number = known.get(key, 0)
            if not number:
                file = files.file(at, category)
                rendered = target.render(file if days is None else _at(file, days[place]), {})
                number = _NONE
                if isinstance(rendered, Rendered):
                    number, _ = self._number_of(RuleDecision(rule, rendered), files.folder, files.names[at])
                known[key] = number
            if number != _NONE:
                numbers[at] = number
                taken.append(at)
        return taken

    def _take_one(self, files: FileColumns, category: str, placed: _Placed, rule: CompiledRule, at: int) -> bool:
        file = files.file(at, category)
        rendered = cast("PathTemplate", rule.target).render(file, self._rules.groups(rule, file))
        if not isinstance(rendered, Rendered):
            return False
        placed.targets[at], new_name = self._number_of(RuleDecision(rule, rendered), files.folder, file.name)
        if new_name != file.name:
            placed.names[at] = new_name
        return True

    def _targets_of(self, rule: CompiledRule, category: str, folder: bytes) -> Memo[object, int]:
        """Return the known targets of a rule, by what files of one category are alike in."""
        is_of_folder = rule.target is not None and (
            self._is_kept_in_place(rule.target) or not rule.target.fields.isdisjoint({"dir", "parent"})
        )
        key = rule.number, category, folder if is_of_folder else None
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Memo(_KNOWN_TARGETS)
        return found

    def _place_without_rule(
        self, files: FileColumns, suffix: bytes, category: str, positions: Sequence[int], placed: _Placed
    ) -> None:
        """Place files by their category; those that are only for rules stay."""
        numbers = placed.targets
        if self._is_of_rules(files.folder):  # an earlier run has put them there
            here = self._number_in(join(self._root_prefix, files.folder), self._default)
            for at in positions:
                numbers[at] = here
            return
        if self._rules.takes_more:
            kept = {at for at in positions if self._rules.leaves(files.file(at, category))}
            for at in kept:
                numbers[at] = _KEPT
            positions = [at for at in positions if at not in kept]
        for at in positions:
            if suffix and (kind := self._kinds.get(suffix)) is not None:
                numbers[at] = kind[1]
            else:
                numbers[at] = self._place_one(files.folder, files.names[at], files.mtimes_ns[at])[1]

    def _is_of_rules(self, folder: bytes) -> bool:
        """Return whether a folder of the root is one that rules move files to, or below one."""
        fold = self._layout.case_insensitive
        key = collision_key(folder, case_insensitive=fold)
        return any(is_within(key, collision_key(own, case_insensitive=fold)) for own in self._own_folders)

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
        home = join(self._root_prefix, folder).rstrip(b"/") if folder else self._root_prefix
        if "dir" in rule.target.fields and _is_there_already(folder, target, above):
            target = home
        literal = join(above, rule.target.literal_folder) if rule.target.literal_folder else above
        is_there = (literal and is_within(home, literal)) or (target == home and "dir" not in rule.target.fields)
        if "parent" in rule.target.fields and is_there:
            return self._number_in(home, way), name  # its parent is the target itself
        if self._is_kept_in_place(rule.target) and is_within(home, literal):
            return self._number_in(home, way), name
        return self._number_in(target, way), decision.rendered.name

    def _is_kept_in_place(self, target: PathTemplate) -> bool:
        """Return whether what is in the folder of a target stays there: a move gave it a new time, and by that a second
        run would move it again.
        """
        return self._renews_times and target.uses_modified and bool(target.literal_folder)

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
            self._prefixes.append(self._layout.place(actual_folder) + b"/")
            self.ways.append(way)
            self._numbered[key, way] = known
        self._numbered[target, way] = known
        return known

    # Groups -----------------------------------------------------------------------------------------------------------

    def _leaders_of(self, batch: FileBatch, files: FileColumns, placed: _Placed) -> Mapping[int, bytes]:
        """Return the leader of each follower. A picture follows its raw file if the same happens to both; the name that
        it would have alone is noted.
        """
        leaders = batch.followers()
        for position, raw in batch.raws().items():
            picture = leaders.get(position, files.names[position])
            one, other = (self._placed_alone(files, position, name) for name in (picture, raw))
            if one.targets == other.targets and one.categories == other.categories:
                leaders[position] = raw
                if picture == files.names[position] and 0 in one.names:
                    placed.names[position] = one.names[0]
        return leaders

    def _placed_alone(self, files: FileColumns, position: int, name: bytes) -> _Placed:
        """Return the decision on a file beside the one at a position; by the facts of that if it is gone."""
        there = self._source.lstat(files.folder, name)
        facts = (there.size, there.mtime_ns, there.ctime_ns, there.mode) if there is not None else (
            files.sizes[position], files.mtimes_ns[position], files.ctimes_ns[position], files.modes[position],
        )  # fmt: skip
        one, alone = FileColumns(self._lookups, files.folder, [name], *([fact] for fact in facts)), _Placed(1)
        self._decide(one, self._columns.in_folder(files.folder), (), alone)
        return alone

    def _decide_groups(self, files: FileColumns, leaders: Mapping[int, bytes], placed: _Placed) -> None:
        """Place followers with their leaders, under the leader's new stem. A name that others refer to stays."""
        names, others = files.names, dict[bytes, list[bytes]]()
        for position, leader in leaders.items():
            others.setdefault(leader, []).append(names[position])
        for position in [at for at, name in enumerate(names) if name in others and at in placed.names]:
            if any(map(keeps_its_name, (names[position], *others[names[position]]))):
                del placed.names[position]
        for position, leader in leaders.items():
            alone = self._placed_alone(files, position, leader)
            new_leader, name = alone.names.get(0, leader), names[position]
            own_name = placed.names.pop(position, name)
            if new_leader != leader and any(map(keeps_its_name, (leader, *others[leader]))):
                new_leader, own_name = leader, name
            placed.categories[position], placed.targets[position] = alone.categories[0], alone.targets[0]
            new_name = follower_name(name, leader, new_leader)
            if own_name != name:  # a picture beside a raw file: the rule may change its extension
                new_name = new_name[: stem_end(new_name)] + own_name[stem_end(own_name) :]
            if new_name != name:
                placed.names[position] = new_name


def follower_name(name: bytes, leader: bytes, new_leader: bytes) -> bytes:
    """Return the name of a follower whose leader gets another name: it gets the leader's new stem."""
    stem = leader[: stem_end(leader)]
    if new_leader == leader or not name.lower().startswith(stem.lower()):
        return name
    if name.lower().startswith(leader.lower() + b"."):  # `a.jpg.xmp` of `a.jpg`
        return new_leader + name[len(leader) :]
    return new_leader[: stem_end(new_leader)] + name[len(stem) :]


def _last_number(name: bytes) -> int:
    """Return the last number of a name, -1 for none: `IMG_0042.jpg` is 42."""
    found = re.findall(rb"\d{1,18}", name[: stem_end(name)])
    return int(found[-1]) if found else -1


def _by_suffix(names: Sequence[bytes], excluded: Container[int]) -> dict[bytes, list[int]]:
    """Return the positions of names by what begins with their last dot; b"" for names without one."""
    found = dict[bytes, list[int]]()
    for position, name in enumerate(names):
        if excluded and position in excluded:
            continue
        dot = name.rfind(b".")
        suffix = name[dot:] if dot > 0 else b""
        there = found.get(suffix)
        if there is None:
            found[suffix] = [position]
        else:
            there.append(position)
    return found


def _at(file: FileFacts, day: time.struct_time | None) -> FileFacts:
    """Return a file as it would be at midnight of its day, so that all files of the day get the same target."""
    same = copy(file)
    same.__dict__["modified"] = day
    return same


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

    def base_of(self, folder: bytes) -> Base:
        return real(folder, self._default)[0]

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

    def names(self, folder: bytes) -> Iterator[tuple[bytes, int]]:
        storage, rest = self._at(folder)
        return storage.names(rest)

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
