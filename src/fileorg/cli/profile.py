"""Profiles: the options of `[profile.NAME]` as words of a command line, which the words of the user follow."""

import os
from collections.abc import Iterator, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

from fileorg.cli import values
from fileorg.cli.parameters import given_words, option_names
from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.names import display

if TYPE_CHECKING:
    from fileorg.rules.config import Configuration, Profile

_PATHS = frozenset({"dest", "reference"})
_INSTEAD = {
    "by": {"template"},
    "template": {"by"},
    "by_content": {"by_name"},
    "by_name": {"by_content"},
    "timezone": {"by", "template"},
    "exiftool": {"by", "template"},
}
"""By option of a profile, the options that take its place if they are given."""


def with_profile(command: FunctionType, words: Sequence[str]) -> list[str]:
    """Return the words of a command with the options of its profile before them; options that are given win.

    Raises `UsageError` for an unknown profile, `ConfigError`.
    """
    names = option_names(command)
    if "profile" not in names:
        return list(words)
    takes_schedule = "install_timer" in names and "--install-timer" in words
    given, paths = given_words(command, _with_schedule(words, "daily") if takes_schedule else words)
    name = given.get("profile")
    if not name:
        return list(words)
    config = given.get("config") or os.environ.get("FILEORG_CONFIG") or None
    profile = chosen_profile(values.configuration(config, with_rules=False), name)
    if takes_schedule:
        if profile.schedule is None and _with_schedule(words, "daily") != list(words):
            raise UsageError(f"The profile {display(name)} has no schedule.", hint="for example: --install-timer daily")
        words = _with_schedule(words, profile.schedule or "")
    takes_many = "paths" in command.__annotations__
    if not paths and len(profile.roots) > 1 and not takes_many:
        raise UsageError(
            f"The profile {display(name)} has {len(profile.roots)} roots, and {command.__name__} takes one.",
            hint="name a PATH on the command line",
        )
    roots = [] if paths else [os.path.expanduser(root) for root in profile.roots]
    before = [word for key, value in _wanted(profile.options, names, given) for word in _words(key, value)]
    # Paths last: after a `--`, all words are paths.
    return [*before, *words, *roots]


def _with_schedule(words: Sequence[str], schedule: str) -> list[str]:
    from fileorg.cli.service_view import with_schedule

    return with_schedule(words, schedule)


def chosen_profile(configuration: "Configuration | None", name: str) -> "Profile":
    """Return a profile. Raises `UsageError` for an unknown name."""
    from fileorg.rules.config_values import nearest

    profiles = configuration.profiles if configuration is not None else {}
    if name not in profiles:
        hint = nearest(name, list(profiles)) if profiles else "write [profile.NAME] in fileorg.toml, or give --config"
        raise UsageError(f"There is no profile {display(name)}.", hint=hint, code=ErrorCode.BAD_VALUE)
    return profiles[name]


def _wanted(
    options: Mapping[str, object], names: Mapping[str, str], given: Mapping[str, Any]
) -> Iterator[tuple[str, object]]:
    """Yield the options that the command has and that were not given."""
    for key, value in options.items():
        if key in names and not given.keys() & {key, *_INSTEAD.get(key, ())}:
            yield key, value


def _words(key: str, value: object) -> list[str]:
    option = f"--{key.replace('_', '-')}"
    if isinstance(value, bool):
        return [option] if value else []
    values = [str(each) for each in value] if isinstance(value, list) else [str(value)]
    return [f"{option}={os.path.expanduser(each) if key in _PATHS else each}" for each in values]
