"""Rules in a store: what they may ask of objects, which are not read, and what they may do with them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from fileorg.content.dating import MODIFIED, NAMED, named_date, noon_ns
from fileorg.core.errors import UsageError
from fileorg.core.model import Action
from fileorg.core.names import display
from fileorg.rules.condition_values import Price
from fileorg.rules.conditions import KEYS
from fileorg.rules.path_template import CONTENT_FIELDS
from fileorg.workflows.date_choice import date_choice
from fileorg.workflows.rule_check import NoContents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fileorg.content.dates import RefusedDate
    from fileorg.content.dating import DatedBy
    from fileorg.rules.config import Configuration
    from fileorg.rules.matching import CompiledRule, RuleSet
    from fileorg.rules.moments import MediaMoment
    from fileorg.rules.path_template import PathTemplate
    from fileorg.rules.toml_lines import Keys
    from fileorg.workflows.contents import DateOptions

_NOT_KEPT = frozenset({"read_only", "owner", "from", "tag"})
_READ_FIELDS = frozenset({"taken", "meta", *CONTENT_FIELDS})
_HINT = "docs/storage.md says what rules can ask there; a profile can choose the rules of a run by their tags"


class ContentsOfNames(NoContents):
    """The contents of objects, which are not read: only the dates in their names are known."""

    refused: Mapping[tuple[bytes, bytes], Sequence[RefusedDate]] = MappingProxyType({})

    def __init__(self, dates: DateOptions) -> None:
        self._choice = date_choice(dates.timezone, dates.configuration)

    def named(self, name: bytes) -> MediaMoment | None:
        return named_date(name, self._choice)

    def date_of(self, _: bytes, name: bytes, mtime_ns: int) -> tuple[int, DatedBy]:
        named = self.named(name)
        return (mtime_ns, MODIFIED) if named is None else (noon_ns(named.wall), NAMED)


def refuse_in_store(rules: RuleSet, configuration: Configuration, *, from_store: bool) -> None:
    """Raise `UsageError` for the first rule that does not work in a store, by its file and line. Without `from_store`,
    files go from a folder into a store: all can be asked of them.
    """
    for rule in rules.rules:
        at: Keys = ("rule", rule.rule.position)
        if rule.action in {Action.HARDLINK, Action.SYMLINK}:
            raise configuration.error((*at, "action"), f"a store has no links, and action is {rule.action}", _HINT)
        if not from_store:
            continue
        for place, table in _tables(rule):
            for key in table:
                if (why := _why_not(key)) is not None:
                    raise configuration.error((*at, *place, key), f"a store cannot answer the key {key}: {why}", _HINT)
        if rule.target is not None and (why := _why_no_target(rule.target)) is not None:
            shown = display(rule.target.text)
            if not rule.rule.line:
                raise UsageError(f"the template {shown} cannot be used in a store: {why}", hint=_HINT)
            raise configuration.error((*at, "to"), f"the target {shown} cannot be used in a store: {why}", _HINT)


def _tables(rule: CompiledRule) -> Iterator[tuple[Keys, Mapping[str, object]]]:
    yield ("when",), rule.rule.when
    yield ("not",), rule.rule.not_
    for number, table in enumerate(rule.rule.any_of):
        yield ("any", number), table


def _why_not(key: str) -> str | None:
    if key in _NOT_KEPT:
        return "it does not keep that of an object"
    return "each object would have to be read" if KEYS[key].price >= Price.CONTENT else None


def _why_no_target(target: PathTemplate) -> str | None:
    if target.absolute:
        return "it is a folder of this computer"
    fields = sorted(target.fields & _READ_FIELDS)
    return f"for {{{fields[0]}}}, each object would have to be read" if fields else None
