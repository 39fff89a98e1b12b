"""A rule that a person makes from one file: for its extension, or for the beginning of its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.names import display, is_folder
from fileorg.core.tuples import NamedTuple
from fileorg.rules.config_file import parse_configuration
from fileorg.workflows.categories import ADD_RULE, change_configuration

if TYPE_CHECKING:
    from fileorg.core.state import StateDirectory

_EXTENSION = re.compile(r"[a-z0-9]{1,12}")
_START = re.compile(r"\w[\w -]{1,60}")


class NewRule(NamedTuple):
    """Files with the extension `ext`, or whose names begin with `start` in any case, go to the folder `to`, which is
    below the folder that is organized.
    """

    to: str
    ext: str | None = None
    start: str | None = None


def add_rule(path: bytes, rule: NewRule, state: StateDirectory) -> str:
    """Add a rule to the configuration file `path`; return its name. The change is recorded in the journal.

    Raises `UsageError`, `ConfigError`, `FileorgError`, `Locked`, `JournalError`.
    """
    chosen: list[str] = []

    def edit(text: str) -> str:
        name, text = with_new_rule(path, text, rule)
        chosen.append(name)
        return text

    change_configuration(path, ADD_RULE, f"{rule.ext or rule.start} to {rule.to}", edit, state)
    return chosen[-1]


def with_new_rule(path: bytes, text: str, rule: NewRule) -> tuple[str, str]:
    """Return the name of the rule, and the text of the configuration file `path` with it.

    Raises `UsageError`, `ConfigError`, `FileorgError`.
    """
    from fileorg.rules.config_edit import with_rule

    when = _conditions(rule)
    if not rule.to or not is_folder(rule.to.encode(errors="surrogateescape")):
        raise UsageError(
            f"{display(rule.to) or 'The empty text'} is no folder below the organized one.",
            hint="for example: Papers/Invoices",
            code=ErrorCode.BAD_VALUE,
        )
    wanted = f"{rule.ext or rule.start} to {rule.to}"
    names = {each.name for each in parse_configuration(path, text.encode()).rules} if text.strip() else set()
    numbered = (wanted if number == 1 else f"{wanted} ({number})" for number in range(1, len(names) + 2))
    name = next(each for each in numbered if each not in names)
    return name, with_rule(text, name, when, rule.to)


def _conditions(rule: NewRule) -> dict[str, str]:
    if rule.ext is not None and rule.start is None and _EXTENSION.fullmatch(rule.ext):
        return {"ext": rule.ext}
    if rule.start is not None and rule.ext is None and _START.fullmatch(rule.start):
        return {"name": f"{rule.start}*"}
    raise UsageError(
        "A rule needs an extension, or the beginning of names in letters and digits.",
        hint="write other rules into fileorg.toml",
        code=ErrorCode.BAD_VALUE,
    )
