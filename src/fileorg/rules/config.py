"""The configuration of fileorg as data: all tables of one `fileorg.toml`.

`config_file` reads and checks it. Nothing here knows the meaning of a condition or a template: see `conditions` and
`template`.
"""

from __future__ import annotations

from os import fsdecode
from types import MappingProxyType
from typing import TYPE_CHECKING

from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.names import display
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fileorg.core.store_settings import StoreSettings
    from fileorg.rules.toml_lines import Keys

VERSION = 1
"""The only version of the format."""

_NOTHING: Mapping[str, object] = MappingProxyType({})


class ConfigError(UsageError):
    """A configuration that cannot be used. `line` counts from 1, and is 0 if the error is about the whole file."""

    code = ErrorCode.BAD_CONFIGURATION

    def __init__(self, path: bytes, line: int, message: str, *, hint: str | None = None) -> None:
        """`message` is a sentence without a capital and a period; the file and the line precede it."""
        place = f"{display(path)}, line {line}" if line else display(path)
        super().__init__(f"{place}: {message}.", hint=hint, path=path)
        self.line = line
        self.message = message


class Settings(NamedTuple):
    """The table `[settings]`. `names` is `portable` or empty; `trash_size` is in bytes."""

    names: str = ""
    locale: str = ""
    keep_days: int | None = None
    trash_size: int | None = None


class Jobs(NamedTuple):
    """The table `[jobs]`. `notify` is a program and its arguments, empty for none; `helper_memory` is in bytes. The
    others are None if they are not there. `webhook` is a URL, and `webhook_key` a file with the key of its signature.
    """

    notify: tuple[str, ...] = ()
    webhook: str = ""
    webhook_key: str = ""
    attempts: int | None = None
    helper_memory: int | None = None
    parallel: int | None = None

    @property
    def tells(self) -> bool:
        """True if somebody is told of jobs that end or wait."""
        return bool(self.notify or self.webhook)


class Serve(NamedTuple):
    """The table `[serve]`: how much a session of `fileorg serve` may ask for."""

    requests_per_minute: int = 100
    operations_per_hour: int = 10


class DateSettings(NamedTuple):
    """The table `[dates]`. `local_video`: patterns of cameras that write local time into the header of a film;
    `exiftool`: it is asked, too.
    """

    local_video: tuple[str, ...] = ()
    exiftool: bool = False


class Category(NamedTuple):
    """A table `[categories.NAME]`: an own category, or a change of the built-in one of this name.

    Extensions are in lower case without their first dot. For a built-in category, `extensions` and `taken` are added
    to its own, and `dropped` are removed. `taken` are the extensions that belonged to another category: `+x` in the
    file; `dropped` are `-x`.
    """

    name: str
    line: int
    extensions: tuple[bytes, ...] = ()
    taken: tuple[bytes, ...] = ()
    dropped: tuple[bytes, ...] = ()
    enabled: bool = True


class Rule(NamedTuple):
    """A table `[[rule]]`, in the words of the file; the names of sets are replaced by their members.

    `position` counts the rules of the file from 0: with it, `Configuration.error` finds the line of a key. Relative
    paths and `~` are not resolved.
    """

    name: str
    line: int
    position: int = 0
    enabled: bool = True
    tags: tuple[str, ...] = ()
    when: Mapping[str, object] = _NOTHING
    not_: Mapping[str, object] = _NOTHING
    any_of: tuple[Mapping[str, object], ...] = ()
    to: str | None = None
    keep: bool = False
    action: str | None = None
    on_conflict: str | None = None
    matches: tuple[str, ...] = ()
    not_matches: tuple[str, ...] = ()


class Profile(NamedTuple):
    """A table `[profile.NAME]`. `rules` holds names and, with an @, tags of rules; empty for all rules.

    `options` are the other keys with their values: the options of the command line, with _ for -. `schedule` is for
    `--install-timer` only.
    """

    name: str
    line: int
    roots: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    schedule: str | None = None
    options: Mapping[str, object] = _NOTHING


class Configuration(NamedTuple):
    """A checked `fileorg.toml`. `path` is empty if there is none; `text` is its content as it was read, and `stamp`
    what `config_file.has_changed` compares. `profile` is the one whose rules these are, if not all.
    """

    path: bytes = b""
    version: int = VERSION
    settings: Settings = Settings()
    jobs: Jobs = Jobs()
    serve: Serve = Serve()
    dates: DateSettings = DateSettings()
    categories: tuple[Category, ...] = ()
    sets: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    rules: tuple[Rule, ...] = ()
    profiles: Mapping[str, Profile] = MappingProxyType({})
    stores: Mapping[str, StoreSettings] = MappingProxyType({})
    text: str = ""
    stamp: tuple[int, ...] = ()
    profile: str = ""

    def for_job(self) -> dict[str, str]:
        """Return what a job keeps: taken up again, it uses the same configuration, whatever the file says by then."""
        return {"path": fsdecode(self.path), "text": self.text, "profile": self.profile}

    def error(self, keys: Keys, message: str, hint: str | None = None) -> ConfigError:
        """Return the error of a value: with its line, or that of the nearest table around it."""
        from fileorg.rules.toml_lines import line_of

        return ConfigError(self.path, line_of(self.text, keys), message, hint=hint)

    def for_profile(self, name: str) -> Configuration:
        """Return the configuration with only the rules of a profile, which exists; all of them for an empty name."""
        if not name:
            return self
        return self._replace(rules=self.selected(self.profiles[name].rules), profile=name)

    def selected(self, names: Iterable[str]) -> tuple[Rule, ...]:
        """Return the enabled rules with one of these names or, with an @, tags, in the order of the file; without
        names, all enabled rules.
        """
        wanted = frozenset(names)
        tags = frozenset(name[1:] for name in wanted if name.startswith("@"))
        return tuple(
            rule
            for rule in self.rules
            if rule.enabled and (not wanted or rule.name in wanted or not tags.isdisjoint(rule.tags))
        )
