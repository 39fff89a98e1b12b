"""The target of each file of a batch by rules: a folder of any disk, another name, the trash, or none.

Most files are decided by their suffix and folder, as without rules: see `_Kind`. Only the others are asked about.
"""

from __future__ import annotations

from copy import copy
from functools import partial
from itertools import compress
from typing import TYPE_CHECKING, cast

from fileorg.core.memo import Memo
from fileorg.core.model import ROOT, Action, OnConflict
from fileorg.core.names import collision_key, is_within, join
from fileorg.core.tuples import NamedTuple
from fileorg.plan.base_folders import MARK, base_folder, real
from fileorg.plan.placing import KEPT, KINDS_KNOWN, Decisions, Placer, Stay, kinds_of, suffix_of
from fileorg.plan.rule_lookups import FileLookups, folders_in_store, folders_of
from fileorg.plan.rule_names import RuleNames, follower_name
from fileorg.plan.rule_targets import real_row
from fileorg.rules.column_matching import ColumnRules
from fileorg.rules.facts import FileColumns, FileFacts, FileNumbers, local_days, local_midnight
from fileorg.rules.field_formats import size_class
from fileorg.rules.grouping import keeps_its_name, stem_end
from fileorg.rules.matching import RuleDecision
from fileorg.rules.path_template import Rendered
from fileorg.storage.base import Kind

if TYPE_CHECKING:
    from array import array
    from collections.abc import Container, Iterable, Iterator, Mapping, MutableMapping, Sequence

    from fileorg.core.model import PlanRow
    from fileorg.index.columns import FileBatch, FileRow
    from fileorg.plan.placing import Layout
    from fileorg.rules.column_matching import OpenRules
    from fileorg.rules.matching import CompiledRule, Failed
    from fileorg.rules.path_template import PathTemplate
    from fileorg.storage.local.storage import LocalStorage

_NONE = -2
_KNOWN_RULES = 1024
_KNOWN_TARGETS = 1 << 15
"""How many targets of a rule are known by day or the like: the days of ninety years."""
_KNOWN_FOLDERS = 64
"""How many kinds of folders the files are known in, by what rules say of a folder."""


class Way(NamedTuple):
    """What happens to the files of one target number, and the number of the rule that says so, if one does."""

    action: Action
    on_conflict: OnConflict
    rule: int | None = None
    is_trash: bool = False


class _Kind(NamedTuple):
    """What the suffix and the folder of a file decide: its category, and its target number or the rules to ask."""

    category: int
    number: int
    open_rules: OpenRules | None = None
    """None if the number is the target of all such files."""


_FOLLOWS = _Kind(0, 0)
"""Stands for files that go with another one."""


class _InFolder(NamedTuple):
    """What the rules say of a folder: the answers of their conditions on it, and what is known by that of its files.

    `own` is the target number of a folder that rules move files to, in which files without a rule stay.
    """

    answers: tuple[bool | None, ...]
    own: int | None
    kinds: MutableMapping[bytes, _Kind]


class _SharedFields(NamedTuple):
    """The fields that files must be alike in to share the target of a rule."""

    date_parts: int
    extension: bool
    size_class: bool
    folder: bool

    @property
    def are_none(self) -> bool:
        """True if all files of one category have the same target."""
        return not any(self)


class _Placed(NamedTuple):
    """What rules decide on the files of a batch, by position. `names` has the new names of those that get one."""

    categories: list[int]
    targets: list[int]
    names: dict[int, bytes]


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
        self._names = RuleNames(self._rules, self._lookups)
        self._default = Way(layout.action, layout.on_conflict)
        self.ways: list[Way] = [self._default]
        self._numbered: dict[tuple[bytes, Way], int] = {}
        self._columns = ColumnRules(self._rules.rules)
        self._own_folders = [
            collision_key(folder, case_insensitive=layout.case_insensitive)
            for folder in layout.by_rules.own_folders()
            if folder
        ]
        self._known: Memo[tuple[int, str, bytes | None], Memo[object, int]] = Memo(_KNOWN_RULES)
        self._known_kinds: Memo[tuple[bool | None, ...], Memo[bytes, _Kind]] = Memo(_KNOWN_FOLDERS)
        self._way_of = [_way(rule, layout) for rule in self._rules.rules]
        self._shared = [self._shared_fields(rule.target) for rule in self._rules.rules]
        self._root_prefix = b"" if layout.base == ROOT else base_folder(ROOT)
        self._has_other_bases = bool(self._root_prefix)
        """True if some target folder is outside the destination."""

    def _decisions(self, batch: FileBatch, *, gives_up: bool) -> Decisions | None:
        files, there = (
            FileColumns(self._lookups, batch.folder, batch.split_names(), batch),
            self._in_folder(batch.folder),
        )
        picture_names = dict[int, bytes]()
        leaders = self._leaders_of(batch, files, there, picture_names)
        kinds = self._kinds_of(files, leaders, there)
        if gives_up and self._is_missing and not self._rules.needs_contents:
            return None  # what else the rules ask needs no contents
        placed = self._decide(files, kinds, there)
        if leaders:
            placed.names.update(picture_names)
            self._decide_groups(files, leaders, there, placed)
        if gives_up and self._is_missing:
            return None
        return Decisions(files.names, placed.categories, placed.targets, leaders, placed.names)

    def _home(self, folder: bytes) -> bytes:
        home = join(self._root_prefix, folder).rstrip(b"/")
        return collision_key(home, case_insensitive=self._layout.case_insensitive)

    # What the plan asks -----------------------------------------------------------------------------------------------

    def renames(self, number: int) -> bool:
        """Return whether files of a target number may get another name."""
        rule = self._deciding(number)
        return rule is not None and rule.target is not None and rule.target.renames

    def new_name(self, number: int, folder: bytes, row: FileRow, followers: Sequence[bytes]) -> bytes:
        """Return the name of a leader, or of a file without a group, at its target."""
        rule = self._deciding(number)
        return row[0] if rule is None else self._names.new_name(rule, folder, row, followers)

    def in_order(self, batch: FileBatch, positions: Iterable[int], targets: Sequence[int]) -> list[int]:
        """Return positions in the order in which their files get names: see `RuleNames.in_order`."""
        return self._names.in_order(batch, positions, lambda at: self.ways[targets[at]].rule)

    def _deciding(self, number: int) -> CompiledRule | None:
        rule = self.ways[number].rule
        return None if rule is None else self._rules.rules[rule]

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
        return self._rules.explain(
            FileFacts(self._lookups, folder, name, there.size, there.mtime_ns, there.ctime_ns, there.mode)
        )

    def placed_again(self, batch: FileBatch) -> array[int]:
        """Return the targets of a batch without counting its files again."""
        stay, self.stay = self.stay, Stay()
        try:
            return self.place(batch).targets
        finally:
            self.stay = stay

    def kept_positions(self, batch: FileBatch) -> set[int]:
        """Return the positions of the files of a batch that rules keep where they are."""
        decisions = self._decisions(batch, gives_up=False)
        return {position for position, number in enumerate(decisions.numbers if decisions else ()) if number == KEPT}

    def real_rows(self, rows: Iterable[PlanRow]) -> Iterator[PlanRow]:
        """Yield rows with the bases of their target folders."""
        if not self._has_other_bases:
            return iter(rows)  # all of them are below the root
        roots = [storage.root for storage in self._by_rules.storages]
        return (real_row(row, self._layout.base, roots) for row in rows)

    # Files that their suffix and folder decide on -----------------------------------------------------------------

    def _in_folder(self, folder: bytes) -> _InFolder:
        answers = self._columns.in_folder(folder)
        if self._is_of_rules(folder):  # an earlier run has put its files there
            return _InFolder(answers, self._number_in(join(self._root_prefix, folder), self._default), {})
        kinds = self._known_kinds.get(answers)
        if kinds is None:
            kinds = self._known_kinds[answers] = Memo(KINDS_KNOWN)
        return _InFolder(answers, None, kinds)

    def _kinds_of(self, files: FileColumns, leaders: Container[int], there: _InFolder) -> list[_Kind]:
        """Return what is decided on each file by its suffix and folder, and `_FOLLOWS` for those in `leaders`. Reads
        files if their suffix is ambiguous.
        """
        found = kinds_of(files.names, there.kinds)
        for position in [position for position, kind in enumerate(found) if kind is None or position in leaders]:
            found[position] = _FOLLOWS if position in leaders else self._kind_of(files, position, there)
        return cast("list[_Kind]", found)

    def _kind_of(self, files: FileColumns, position: int, there: _InFolder) -> _Kind:
        rules, name = self._layout.rules, files.names[position]
        suffix = suffix_of(name)
        found = there.kinds.get(suffix)
        if found is not None:
            return found
        category = rules.category_of(name)
        is_certain = category is not None and (not suffix or rules.by_suffix(suffix) is not None)
        if category is None:
            category = self._classifier.evidence(files.folder, name).category
        kind = self._new_kind(
            files, position, category, self._columns.candidates(suffix, category, there.answers), there
        )
        if is_certain:
            there.kinds[suffix] = kind
        return kind

    def _new_kind(
        self, files: FileColumns, position: int, category: str, open_rules: OpenRules, there: _InFolder
    ) -> _Kind:
        """Return what is decided on all files like the one at a position, by their suffix and folder."""
        number, rule = self._categories[category], open_rules.certain
        if open_rules.is_empty:
            if there.own is not None:
                return _Kind(number, there.own)
            if self._layout.template.is_by_category_alone and not self._rules.takes_more:
                return _Kind(number, self._by_category(category, files.folder, files.names[position], 0))
        elif rule is not None and rule.keeps:
            return _Kind(number, KEPT)
        elif rule is not None and rule.target is not None:
            shared = self._shared[rule.number]
            if shared is not None and shared.are_none:
                rendered = rule.target.render(files.file(position, category), {})
                if isinstance(rendered, Rendered):
                    decision = RuleDecision(rule, rendered)
                    return _Kind(number, self._number_of(decision, files.folder, files.names[position])[0])
        return _Kind(number, 0, open_rules)

    # Files that rules are asked about, many at a time -------------------------------------------------------------

    def _decide(self, files: FileColumns, kinds: Sequence[_Kind], there: _InFolder) -> _Placed:
        """Return the decisions on files of these kinds. Those with the same rules to ask are asked together."""
        categories, numbers, to_ask = zip(*kinds, strict=True) if kinds else ((), (), ())
        placed = _Placed(list(categories), list(numbers), {})
        alike = dict[int, list[int]]()
        for at in compress(range(len(to_ask)), to_ask):
            key = id(to_ask[at])
            if key in alike:
                alike[key].append(at)
            else:
                alike[key] = [at]
        for positions in alike.values():
            open_rules = to_ask[positions[0]]
            take = partial(self._take, files, open_rules.category, placed)
            left = self._columns.decide(open_rules, files, positions, take)
            if left:
                self._place_without_rule(files, open_rules.category, left, there, placed)
        return placed

    def _take(
        self, files: FileColumns, category: str, placed: _Placed, rule: CompiledRule, positions: Sequence[int]
    ) -> Sequence[int]:
        """Note the targets that a rule gives to files. Return the positions of those to which it gives one."""
        target, numbers, shared = rule.target, placed.targets, self._shared[rule.number]
        if target is None:
            number, _ = self._number_of(RuleDecision(rule, None), files.folder, b"")
            for at in positions:
                numbers[at] = number
            return positions
        if shared is None:
            return [at for at in positions if self._take_one(files, category, placed, rule, at)]
        key = rule.number, category, files.folder if shared.folder else None
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = Memo(_KNOWN_TARGETS)
        keys = _keys_of(files, positions, shared)
        found = list(map(known.get, keys))
        if None in found:
            for place, (at, each) in enumerate(zip(positions, keys, strict=True)):
                if found[place] is None:
                    found[place] = known.get(each) or self._new_target(files, category, rule, at, shared)
                    known[each] = cast("int", found[place])
        for at, number in zip(positions, cast("list[int]", found), strict=True):
            numbers[at] = number
        if _NONE not in found:
            return positions
        for at in positions:
            if numbers[at] == _NONE:
                numbers[at] = 0
        return [at for at, number in zip(positions, found, strict=True) if number != _NONE]

    def _new_target(self, files: FileColumns, category: str, rule: CompiledRule, at: int, shared: _SharedFields) -> int:
        """Return the target number of a file, and of all that share it."""
        file = files.file(at, category)
        rendered = cast("PathTemplate", rule.target).render(_at_midnight(file) if shared.date_parts else file, {})
        if not isinstance(rendered, Rendered):
            return _NONE
        return self._number_of(RuleDecision(rule, rendered), files.folder, file.name)[0]

    def _take_one(self, files: FileColumns, category: str, placed: _Placed, rule: CompiledRule, at: int) -> bool:
        file = files.file(at, category)
        rendered = cast("PathTemplate", rule.target).render(file, self._rules.groups(rule, file))
        if not isinstance(rendered, Rendered):
            return False
        placed.targets[at], new_name = self._number_of(RuleDecision(rule, rendered), files.folder, file.name)
        if new_name != file.name:
            placed.names[at] = new_name
        return True

    def _place_without_rule(
        self, files: FileColumns, category: str, positions: Sequence[int], there: _InFolder, placed: _Placed
    ) -> None:
        """Place files by their category; those that are only for rules stay."""
        numbers = placed.targets
        if there.own is not None:
            for at in positions:
                numbers[at] = there.own
            return
        if self._rules.takes_more:
            kept = {at for at in positions if self._rules.leaves(files.file(at, category))}
            for at in kept:
                numbers[at] = KEPT
            positions = [at for at in positions if at not in kept]
        is_alike = self._layout.template.is_by_category_alone
        number = None
        for at in positions:
            if number is None or not is_alike:
                number = self._by_category(category, files.folder, files.names[at], files.mtimes_ns[at])
            numbers[at] = number

    # Target numbers -----------------------------------------------------------------------------------------------

    def _shared_fields(self, target: PathTemplate | None) -> _SharedFields | None:
        """Return what files must be alike in to share a target; None if each has its own."""
        if target is None or not target.is_shared:
            return None
        fields = target.fields
        return _SharedFields(
            target.date_parts,
            not fields.isdisjoint({"ext", "extension"}),
            "size_class" in fields,
            self._is_kept_in_place(target) or not fields.isdisjoint({"dir", "parent"}),
        )

    def _is_of_rules(self, folder: bytes) -> bool:
        """Return whether a folder of the root is one that rules move files to, or below one."""
        key = collision_key(folder, case_insensitive=self._layout.case_insensitive)
        return any(is_within(key, own) for own in self._own_folders)

    def _number_of(self, decision: RuleDecision, folder: bytes, name: bytes) -> tuple[int, bytes]:
        rule = decision.rule
        if rule.keeps:
            return KEPT, name
        way = self._way_of[rule.number]
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
            self._has_other_bases |= actual_folder.startswith(MARK)
            self._keys.append(key)
            self._prefixes.append(self._layout.place(actual_folder) + b"/")
            self.ways.append(way)
            self._numbered[key, way] = known
        self._numbered[target, way] = known
        return known

    # Groups -----------------------------------------------------------------------------------------------------------

    def _leaders_of(
        self, batch: FileBatch, files: FileColumns, there: _InFolder, picture_names: dict[int, bytes]
    ) -> Mapping[int, bytes]:
        """Return the leader of each follower. A picture follows its raw file if the same happens to both; the name that
        it would have alone is noted in `picture_names`.
        """
        leaders = batch.followers()
        for position, raw in batch.raws().items():
            picture = leaders.get(position, files.names[position])
            one, other = (self._placed_alone(files, position, name, there) for name in (picture, raw))
            if one.targets == other.targets and one.categories == other.categories:
                leaders[position] = raw
                if picture == files.names[position] and 0 in one.names:
                    picture_names[position] = one.names[0]
        return leaders

    def _placed_alone(self, files: FileColumns, position: int, name: bytes, there: _InFolder) -> _Placed:
        """Return the decision on a file beside the one at a position; by the facts of that if it is gone."""
        entry = self._source.lstat(files.folder, name)
        facts = (entry.size, entry.mtime_ns, entry.ctime_ns, entry.mode) if entry is not None else (
            files.sizes[position], files.mtimes_ns[position], files.ctimes_ns[position], files.modes[position],
        )  # fmt: skip
        one = FileColumns(self._lookups, files.folder, [name], FileNumbers(*([fact] for fact in facts)))
        return self._decide(one, self._kinds_of(one, (), there), there)

    def _decide_groups(
        self, files: FileColumns, leaders: Mapping[int, bytes], there: _InFolder, placed: _Placed
    ) -> None:
        """Place followers with their leaders, under the leader's new stem. A name that others refer to stays."""
        names, others = files.names, dict[bytes, list[bytes]]()
        for position, leader in leaders.items():
            others.setdefault(leader, []).append(names[position])
        for position in [at for at, name in enumerate(names) if name in others and at in placed.names]:
            if any(map(keeps_its_name, (names[position], *others[names[position]]))):
                del placed.names[position]
        for position, leader in leaders.items():
            alone = self._placed_alone(files, position, leader, there)
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


def _way(rule: CompiledRule, layout: Layout) -> Way:
    if rule.is_trash:
        return Way(Action.MOVE, OnConflict.RENAME, rule.number, is_trash=True)
    return Way(rule.action or layout.action, rule.on_conflict or layout.on_conflict, rule.number)


def _keys_of(files: FileColumns, positions: Sequence[int], shared: _SharedFields) -> Sequence[object]:
    """Return for each file what it must be alike in with others to share their target."""
    keys: Sequence[object] = [None] * len(positions)
    if shared.date_parts:
        mtimes_ns = files.mtimes_ns
        keys = local_days([mtimes_ns[at] for at in positions], shared.date_parts)
    if shared.extension:
        keys = [*zip(keys, map(files.extension, positions), strict=True)]
    if shared.size_class:
        keys = [*zip(keys, [size_class(files.sizes[at]) for at in positions], strict=True)]
    return keys


def _at_midnight(file: FileFacts) -> FileFacts:
    """Return a file as it would be at midnight of its day, so that all files of the day get the same target."""
    same = copy(file)
    same.__dict__["modified"] = local_midnight(file.mtime_ns)
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
