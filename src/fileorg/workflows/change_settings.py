"""The settings of `fileorg.toml` that a program may change: none of them starts a program or sends anything."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Any, Literal

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
    """Tables of settings. One that is given is set as a whole: a key that is missing gets its default."""

    settings: GeneralSettings | None = None
    jobs: JobSettings | None = None
    dates: DatesWanted | None = None


TABLES: dict[str, Any] = {"settings": GeneralSettings, "jobs": JobSettings, "dates": DatesWanted}
_SIZES = frozenset({"trash_size", "helper_memory"})


def settings(path: bytes) -> dict[str, Any]:
    """Return the settings in the configuration file `path`, in the form of `SettingsWanted`; `limits` and `tells` are
    those that only the file changes. Raises `ConfigError`.
    """
    content = read_content(path)[0] if os.path.lexists(path) else b""
    checked = parse_configuration(path, content)
    found = tomllib.loads(checked.text)
    tables = {
        name: {
            field: _shown(field, found.get(name, {}).get(field, kind._field_defaults[field])) for field in kind._fields
        }
        for name, kind in TABLES.items()
    }
    jobs = checked.jobs
    return {
        **tables,
        "limits": checked.serve._asdict(),
        "tells": {"notify": bool(jobs.notify), "webhook": bool(jobs.webhook)},
    }


def _shown(field: str, value: Any) -> Any:
    return str(value) if field in _SIZES and value is not None else value


def change_settings(path: bytes, wanted: SettingsWanted, state: StateDirectory) -> None:
    """Set tables of the configuration file `path`. The change is recorded in the journal.

    Raises `UsageError`, `ConfigError`, `FileorgError`, `Locked`, `JournalError`.
    """
    from fileorg.rules.config_edit import with_values

    given = {name: table._asdict() for name, table in wanted._asdict().items() if table is not None}

    def edit(text: str) -> str:
        for name, values in given.items():
            text = with_values(
                text,
                name,
                {field: value or None if isinstance(value, str | list) else value for field, value in values.items()},
            )
        return text

    if given:
        change_configuration(path, SET, ", ".join(given), edit, state)
