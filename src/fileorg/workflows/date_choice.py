"""The settings by which a run reads dates: its moment, its time zone, and cameras that write local time into films."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fileorg.content.dates import DateChoice
    from fileorg.rules.config import Configuration


def date_choice(timezone: str, configuration: Configuration | None) -> DateChoice:
    """Return the settings of a run that begins now. `timezone` is known to this system, or empty for its own."""
    from zoneinfo import ZoneInfo

    from fileorg.content.dates import DateChoice
    from fileorg.rules.moments import now_utc

    zone = ZoneInfo(timezone) if timezone else None
    local_video = () if configuration is None else configuration.dates.local_video
    return DateChoice(now_utc(), zone, local_video)
