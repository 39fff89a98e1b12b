"""The rules of an organize run: compiled for its root, with a directory of the operation for each absolute target."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from fileorg.core.errors import UsageError
from fileorg.core.model import ROOT, Action
from fileorg.core.names import display, is_within, join
from fileorg.core.tuples import NamedTuple
from fileorg.plan.base_folders import RuleLayout, base_folder
from fileorg.rules.config import Configuration, Rule
from fileorg.rules.matching import RuleSet, asks
from fileorg.rules.path_template import TemplateError, parse_target
from fileorg.workflows.guards import Allowed, destination

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.core.model import Base
    from fileorg.core.state import StateDirectory
    from fileorg.rules.classify import Rules
    from fileorg.rules.filters import Filters
    from fileorg.storage.local.storage import LocalStorage


class RulesOfRun(NamedTuple):
    """The rules of a run, and the folders outside its root that they move files to."""

    rules: RuleSet
    filters: Filters
    """The filters of the run, with what some rule asks for."""
    only_reads: bool
    """True if no rule moves a file."""


def template_rule(text: str) -> Rule:
    """Return the rule of `--template`, for all files. Raises `UsageError`."""
    try:
        target = parse_target(text, groups=())
    except TemplateError as error:
        message = f"the template {display(text)} cannot be used: {error}"
        raise UsageError(message, hint=error.hint or None) from error
    if target.absolute:
        raise UsageError(
            f"the template {display(text)} cannot be used: its folders are created below the root or --dest",
            hint="leave out / and ~, or use --dest",
        )
    return Rule("--template", 0, to=text)


def extension_rules(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return the rules of `--fix-extensions`: those of `rules` that keep files, and one for wrong extensions. All other
    files stay.
    """
    name = "--fix-extensions"
    keep = [rule for rule in rules if rule.keep]
    return (*keep, Rule(name, 0, when={"mismatch": True}, to="{dir}/{stem}.{type}"), Rule(name, 0, to="{dir}"))


def with_rules(filters: Filters, rules: Sequence[Rule]) -> Filters:
    """Return the filters with the files that a scan leaves alone unless some rule asks for them."""
    if filters.all_files:
        return filters
    return filters._replace(
        hidden=filters.hidden or asks(rules, "hidden"), unready=filters.unready or asks(rules, "unready")
    )


def rules_of_run(
    rules: Sequence[Rule],
    configuration: Configuration | None,
    categories: Rules,
    root: bytes,
    filters: Filters,
    action: Action,
) -> RulesOfRun:
    """Return the rules compiled for a root. Raises `UsageError`, which names the file and the line."""
    taken = with_rules(filters, rules)
    only_if_asked = frozenset(key for key in ("hidden", "unready") if getattr(taken, key) != getattr(filters, key))
    compiled = RuleSet(rules, configuration or Configuration(), categories, root, time.time_ns(), only_if_asked)
    moves = any(rule.is_trash or (rule.action or action) is Action.MOVE for rule in compiled.rules)
    return RulesOfRun(compiled, taken, only_reads=action is not Action.MOVE and not moves)


def layout_of(
    rules: RuleSet,
    storages: Sequence[LocalStorage],
    base: Base,
    state: StateDirectory,
    allowed: Allowed,
    open_storage: Callable[[bytes, bytes], LocalStorage],
) -> RuleLayout:
    """Return the layout of the rules, with the directories of absolute targets opened after `storages`.

    `base` is the destination of relative targets. Raises like `destination`.
    """
    opened = list(storages)
    folders: dict[bytes, bytes] = {}
    absolute = {rule.target.absolute for rule in rules.rules if rule.target is not None and rule.target.absolute}
    wanted = {path: destination(path, state, allowed) for path in sorted(absolute)}
    # The uppermost directories first: an operation knows a folder by only one of its bases.
    for path, (directory, inside) in sorted(wanted.items(), key=lambda item: len(item[1][0])):
        device = os.stat(directory).st_dev
        number = next(
            (
                number
                for number in (ROOT, base, *range(2, len(opened)))
                if is_within(directory, opened[number].root) and os.stat(opened[number].root).st_dev == device
            ),
            None,
        )
        if number is None:
            number = len(opened)
            opened.append(open_storage(directory, inside))
        below_root = directory[len(opened[number].root.rstrip(b"/")) + 1 :]
        place = join(below_root, inside) if inside else below_root
        mark = b"" if number == base else base_folder(number)
        folders[path] = join(mark, place) if place else mark
    return RuleLayout(rules, folders, b"" if base == ROOT else base_folder(ROOT), opened)


def folders_of_rules(
    configuration: Configuration | None, own: Sequence[bytes], state: StateDirectory, allowed: Allowed
) -> list[bytes]:
    """Return the folders outside the `own` ones that rules move files to. Raises `UsageError` for one that is missing:
    a service cannot be given the right to make it.
    """
    found: set[bytes] = set()
    for rule in () if configuration is None else configuration.rules:
        target = None if rule.to is None or not rule.enabled else parse_target(rule.to, groups=None)
        if target is None or not target.absolute or any(is_within(target.absolute, each) for each in own):
            continue
        folder, missing = destination(target.absolute, state, allowed)
        if missing:
            raise UsageError(
                f"The folder {display(os.path.join(folder, missing))} of the rule {display(rule.name)} does not"
                " exist, and a service may write only to folders that do.",
                hint="make it, then install the service",
            )
        found.add(folder)
    return sorted(found)
