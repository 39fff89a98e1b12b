"""What a plan knows of the contents of files beside their categories: their dates, and what rules ask. Loaded for a run
that asks for either.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from fileorg.core.model import LookInto
from fileorg.core.tuples import NamedTuple
from fileorg.scan.classifier import LateContents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fileorg.content.dates import RefusedDate
    from fileorg.content.dating import DatedBy, Dating
    from fileorg.content.evidence import IndexedEvidence
    from fileorg.content.exiftool import Exiftool
    from fileorg.index.index import Index
    from fileorg.plan.base_folders import RuleContents
    from fileorg.plan.placing import Layout
    from fileorg.rules.classify import Rules
    from fileorg.rules.config import Configuration
    from fileorg.scan.classifier import GatheredContents
    from fileorg.storage.base import Storage


class DateOptions(NamedTuple):
    """The options of a run for dates. `sorts`: its layout is by the date when files were taken; `asks_exiftool`: it was
    asked for, or the configuration does.
    """

    sorts: bool
    timezone: str
    configuration: Configuration | None
    asks_exiftool: bool = False


def with_contents(layout: Layout, dates: DateOptions, index: Index, source: Storage) -> Layout:
    """Return the layout with what it may ask of the contents of the files in `source`. Raises `UsageError` if exiftool
    is asked for and missing.
    """
    needs = layout.by_rules is not None and layout.by_rules.rules.needs_contents
    if not (dates.sorts or needs or layout.rules.look_into is not LookInto.NONE):
        return layout
    exiftool = asked_exiftool(dates.configuration, is_asked=dates.asks_exiftool) if dates.sorts or needs else None
    contents = LateContents(partial(indexed, layout.rules, index, source.root, exiftool))
    late = LateDates(contents, dates)
    layout = layout._replace(contents=contents, dates=late if dates.sorts else None)
    return layout._replace(rule_contents=_for_rules(contents, late, layout.rules, source)) if needs else layout


def asked_exiftool(configuration: Configuration | None, *, is_asked: bool) -> Exiftool | None:
    """Return the program if a run or its configuration asks for it. Raises `UsageError` if it is missing."""
    if not (is_asked or (configuration is not None and configuration.dates.exiftool)):
        return None
    from fileorg.content.exiftool import find_exiftool

    return find_exiftool()


def indexed(rules: Rules, index: Index, root: bytes, exiftool: Exiftool | None) -> GatheredContents:
    """Return what files of a tree are by their content, from the index."""
    from fileorg.content.evidence import IndexedEvidence

    return IndexedEvidence(rules, index, root, exiftool)


def _for_rules(contents: LateContents, dates: LateDates, rules: Rules, source: Storage) -> RuleContents:
    from fileorg.content.rule_facts import RuleFacts

    return RuleFacts(cast("IndexedEvidence", contents.opened), dates.dating, rules, source)


class LateDates:
    """The dates of files by what they say of themselves; loaded when the first is asked about."""

    def __init__(self, contents: LateContents, options: DateOptions) -> None:
        self._contents = contents
        self._options = options
        self._dating: Dating | None = None

    @property
    def refused(self) -> Mapping[tuple[bytes, bytes], Sequence[RefusedDate]]:
        return {} if self._dating is None else self._dating.refused

    def date_of(self, folder: bytes, name: bytes, mtime_ns: int) -> tuple[int, DatedBy]:
        return self.dating.date_of(folder, name, mtime_ns)

    @property
    def dating(self) -> Dating:
        if self._dating is None:
            from fileorg.content.dating import Dating
            from fileorg.workflows.date_choice import date_choice

            evidence = cast("IndexedEvidence", self._contents.opened)
            self._dating = Dating(evidence, date_choice(self._options.timezone, self._options.configuration))
        return self._dating
