"""What each rule and category matches in a folder, before anything is planned. Nothing is written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fileorg.core.formats import named
from fileorg.core.names import below, join
from fileorg.core.tuples import NamedTuple
from fileorg.rules.config_file import parse_configuration, read_content
from fileorg.rules.extensions import OTHER
from fileorg.rules.filters import Filters
from fileorg.workflows.add_rule import with_new_rule
from fileorg.workflows.organize import OrganizeOptions, organizing

if TYPE_CHECKING:
    from fileorg.core.events import Reporter
    from fileorg.core.state import StateDirectory
    from fileorg.workflows.add_rule import NewRule

MOST_EXAMPLES = 100


class PreviewOptions(NamedTuple):
    """The folder, and how many examples of each rule are wanted. `text` is that of a configuration to be tried instead
    of the file `configuration`; `rule` is added to it.
    """

    root: bytes
    configuration: bytes
    text: str | None = None
    rule: NewRule | None = None
    recursive: bool = False
    examples: int = 5


class _Matched:
    """The files of one rule or category."""

    def __init__(self) -> None:
        self.files = self.moves = self.size_bytes = 0
        self.examples: list[bytes] = []

    def as_json(self) -> dict[str, Any]:
        return {
            "files": self.files,
            "moves": self.moves,
            "size_bytes": self.size_bytes,
            "examples": [named("path", path) for path in self.examples],
        }


def preview_rules(options: PreviewOptions, state: StateDirectory, reporter: Reporter) -> dict[str, Any]:
    """Return what each rule matches, in their order, each category of files without a rule, and the files that neither
    takes. Raises like `organizing`.
    """
    path = options.configuration
    if options.text is not None:
        content = options.text.encode()
    else:
        content = read_content(path)[0] if os.path.lexists(path) else b""
    if options.rule is not None:
        parse_configuration(path, content)
        content = with_new_rule(path, content.decode("utf-8-sig"), options.rule)[1].encode()
    configuration = parse_configuration(path, content) if content.strip() else None
    if configuration is not None and options.text is not None:  # exiftool is a program, and only the file asks for it
        configuration = configuration._replace(dates=configuration.dates._replace(exiftool=False))
    rules = () if configuration is None else configuration.selected(())
    wanted = OrganizeOptions(options.root, filters=Filters(recursive=options.recursive), configuration=configuration)
    by_rule = [_Matched() for _ in rules]
    by_category: dict[str, _Matched] = {}
    unmatched = _Matched()
    with organizing(wanted, state, reporter, changes=False) as run:
        for plan, _ in run.parts:
            for file in plan.placed():
                if file.rule is not None:
                    matched = by_rule[file.rule]
                elif file.category == OTHER and not file.moves:
                    matched = unmatched
                else:
                    matched = by_category.setdefault(file.category, _Matched())
                matched.files += 1
                matched.moves += file.moves
                matched.size_bytes += file.size
                if len(matched.examples) < min(options.examples, MOST_EXAMPLES):
                    matched.examples.append(below(run.root, join(file.folder, file.name)))
    return {
        "rules": [
            {"name": rule.name, "line": rule.line, **each.as_json()} for rule, each in zip(rules, by_rule, strict=True)
        ],
        "categories": [
            {"category": name, **each.as_json()}
            for name, each in sorted(by_category.items(), key=lambda pair: (-pair[1].files, pair[0]))
        ],
        "unmatched": unmatched.as_json(),
    }
