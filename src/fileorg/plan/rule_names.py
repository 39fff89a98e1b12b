"""The names that files get by rules, and the order in which names that are made of dates are given."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from fileorg.rules.facts import FileFacts
from fileorg.rules.grouping import keeps_its_name, stem_end
from fileorg.rules.path_template import Rendered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fileorg.index.columns import FileBatch, FileRow
    from fileorg.plan.rule_lookups import FileLookups
    from fileorg.rules.matching import CompiledRule, RuleSet
    from fileorg.rules.moments import MediaMoment


class RuleNames:
    """The names that the targets of a set of rules make."""

    def __init__(self, rules: RuleSet, lookups: FileLookups) -> None:
        self._rules = rules
        self._lookups = lookups
        self._by_date = {rule.number for rule in rules.rules if rule.target is not None and rule.target.renames_by_date}
        """The rules that make names of dates."""

    def new_name(self, rule: CompiledRule, folder: bytes, row: FileRow, followers: Sequence[bytes]) -> bytes:
        """Return the name that a rule gives a leader, or a file without a group."""
        name, size, mtime_ns, ctime_ns, _, mode, _ = row
        if rule.target is None or not rule.target.renames:
            return name
        if followers and any(map(keeps_its_name, (name, *followers))):
            return name  # other files refer to it
        file = FileFacts(self._lookups, folder, name, size, mtime_ns, ctime_ns, mode)
        rendered = rule.target.render(file, self._rules.groups(rule, file))
        return rendered.name if isinstance(rendered, Rendered) else name

    def in_order(self, batch: FileBatch, positions: Iterable[int], deciding: Callable[[int], int | None]) -> list[int]:
        """Return positions in the order in which their files get names: those whose names are made of dates last, by
        their moments, so that the pictures of a burst keep their order. `deciding` returns the rule of the file
        at a position.
        """
        found, dated = list[int](), list[tuple[tuple[datetime, int, bytes], int]]()
        if not self._by_date:
            return list(positions)
        names, mtimes_ns = batch.split_names(), batch.mtimes_ns
        for at in positions:
            number = deciding(at)
            target = None if number is None or number not in self._by_date else self._rules.rules[number].target
            if target is None:
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
