"""The settings of `fileorg.toml` that a program may change: none of them starts a program or sends anything."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from typing import TYPE_CHECKING, Any, Literal

from fileorg.core.errors import ErrorCode, GuardRefused, UsageError
from fileorg.core.names import display
from fileorg.core.tuples import NamedTuple
from fileorg.rules.config_file import parse_configuration, read_content
from fileorg.workflows.categories import SET, change_configuration

if TYPE_CHECKING:
    from fileorg.core.state import StateDirectory


class GeneralSettings(NamedTuple):
    """The table `[settings]`. Null stands for the default. `trash_size` is a text such as `10G`."""

    names: Literal["portable", "any"] | None = None
    locale: str | None = None
    keep_days: int | None = None
    trash_size: str | None = None


class JobSettings(NamedTuple):
    """The keys of `[jobs]` that are numbers or sizes. Null stands for the default."""

    attempts: int | None = None
    helper_memory: str | None = None
    parallel: int | None = None


class DatesWanted(NamedTuple):
    """The table `[dates]`: patterns of cameras that write local time into the header of a film."""

    local_video: list[str] = []  # noqa: RUF012  never changed


class SettingsWanted(NamedTuple):
    """Tables of settings. One that is given is set as a whole: a key that is missing gets its default. With the
    `version` of settings that were read, nothing is set if they have been changed since.
    """

    settings: GeneralSettings | None = None
    jobs: JobSettings | None = None
    dates: DatesWanted | None = None
    version: str | None = None


TABLES: dict[str, Any] = {"settings": GeneralSettings, "jobs": JobSettings, "dates": DatesWanted}
_MOST_CHARACTERS = 64_000
"""Of the values of one change: more than anybody writes, and few enough to be written without a wait."""
_SIZES = frozenset({"trash_size", "helper_memory"})


def settings(path: bytes) -> dict[str, Any]:
    """Return the settings in the configuration file `path`, in the form of `SettingsWanted`; `limits` and `tells` are
    those that only the file changes. Raises `ConfigError`.
    """
    content = read_content(path)[0] if os.path.lexists(path) else b""
    checked = parse_configuration(path, content)
    tables = _tables(checked.text)
    jobs = checked.jobs
    return {
        **tables,
        "version": _version(tables),
        "limits": checked.serve._asdict(),
        "tells": {"notify": bool(jobs.notify), "webhook": bool(jobs.webhook)},
    }


def _tables(text: str) -> dict[str, dict[str, Any]]:
    found = tomllib.loads(text)
    return {
        name: {
            field: _shown(field, found.get(name, {}).get(field, default))
            for field, default in kind._field_defaults.items()
        }
        for name, kind in TABLES.items()
    }


def _shown(field: str, value: Any) -> Any:
    if field == "local_video" and isinstance(value, str):  # a single text is a list of one
        return [value]
    return str(value) if field in _SIZES and value is not None else value


def _version(tables: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(tables).encode()).hexdigest()[:32]


def change_settings(path: bytes, wanted: SettingsWanted, state: StateDirectory) -> None:
    """Set tables of the configuration file `path`. The change is recorded in the journal.

    Raises `UsageError`, `ConfigError`, `FileorgError`, `Locked`, `JournalError`.
    """
    from fileorg.rules.config_edit import with_values

    given = {name: table._asdict() for name in TABLES if (table := getattr(wanted, name)) is not None}
    if len(json.dumps(given)) > _MOST_CHARACTERS:
        raise UsageError(
            f"The settings are longer than {_MOST_CHARACTERS:,} characters.",
            hint="shorten them, or edit the file by hand",
            code=ErrorCode.BAD_VALUE,
        )

    def edit(text: str) -> str:
        now = _tables(text)
        if wanted.version is not None and wanted.version != _version(now):
            raise GuardRefused(
                "The settings were changed elsewhere since they were shown.", hint="look at them again", path=path
            )
        if wanted.settings is not None and wanted.settings.locale != now["settings"]["locale"]:
            _check_locale(wanted.settings.locale or "")
        for name, values in given.items():
            text = with_values(
                text,
                name,
                {field: value or None if isinstance(value, str | list) else value for field, value in values.items()},
            )
        return text

    if given:
        change_configuration(path, SET, ", ".join(given), edit, state)


def _check_locale(locale: str) -> None:
    """Raise `UsageError` for a locale that this system does not have: the next run would be refused."""
    from fileorg.rules.field_formats import calendar_of

    try:
        calendar_of(locale)
    except ValueError:
        raise UsageError(
            f"This system has no locale {display(locale)}.",
            hint="locale -a lists those that it has",
            code=ErrorCode.BAD_VALUE,
        ) from None
