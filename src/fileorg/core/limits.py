"""What a job was given, as text: its limits and the path of its configuration. And the end of a process that takes too
long. Loaded only if there is something of this.
"""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING

from fileorg.core import events
from fileorg.core.model import GIVEN, Limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Timer


_CONFIGURATION = "configuration"


def as_json(limits: Limits, configuration: bytes = b"") -> str:
    """Return the limits that there are, and the path of the configuration if one was named, as a job keeps them."""
    found: dict[str, object] = {name: value for name, value in limits._asdict().items() if value is not None}
    return json.dumps(found | ({_CONFIGURATION: os.fsdecode(configuration)} if configuration else {}))


def of_json(text: str) -> Limits:
    """Return the limits of a job. Raises `ValueError` for those that fileorg did not write."""
    found = json.loads(text)
    if not isinstance(found, dict) or found.keys() - {*Limits._fields, _CONFIGURATION}:
        raise ValueError(text)
    path = found.pop(_CONFIGURATION, "/")
    if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
        raise ValueError(text)
    for name, value in found.items():
        kinds = int | float if name in {"time_limit", "kill_after"} else int
        if not isinstance(value, kinds) or isinstance(value, bool) or not 0 < value < math.inf:
            raise ValueError(text)
    return Limits(**found)


def configuration_in(text: str) -> bytes:
    """Return the path of the configuration that a job was begun with, empty if none was named."""
    return os.fsencode(json.loads(text).get(_CONFIGURATION, ""))


class _Countdown:
    """The timer that ends this process, and the status file of the job that it works on."""

    timer: Timer | None = None
    status: int | None = None


_this = _Countdown()


def end_in_time(say: Callable[[str], None]) -> None:
    """Begin to count the time of `kill_after`, anew if it counts already. `say` gets the reason just before the end."""
    stop_counting()
    seconds = GIVEN.limits.kill_after
    if seconds is None:
        return
    from threading import Lock, Timer

    events.guard = Lock()
    _this.timer = Timer(seconds, _end, (seconds, say))
    _this.timer.daemon = True
    _this.timer.start()


def stop_counting() -> None:
    """Stop to count the time of `kill_after`."""
    if _this.timer is not None:
        _this.timer.cancel()
        _this.timer = None


def is_counting() -> bool:
    """Return whether the time of `kill_after` counts."""
    return _this.timer is not None


def note_status(fd: int | None) -> None:
    """Set the status file of the job that this process works on, which gets the reason if the time is over."""
    _this.status = fd


def in_words(seconds: float) -> str:
    """Return the time of a limit: `90 s`, `2 h 0 min`."""
    from fileorg.core.figures import duration

    return f"{seconds:g} s" if seconds < 120 else duration(seconds)


def _end(seconds: float, say: Callable[[str], None]) -> None:
    """End this process, like a kill; its helpers end with it. What was in progress is recovered later."""
    reason = f"It took longer than {in_words(seconds)} (--kill-after), so its processes were ended."
    try:
        if _this.status is not None:
            events.write_last_status(_this.status, state="failed", reason=reason)
        say(reason)
    finally:
        os._exit(1)
