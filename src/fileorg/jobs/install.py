"""Units of systemd for a watch or a timer, and the same as text for launchd and cron.

What is written is shown before, and can be taken away exactly: a unit of fileorg says so in its first line.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from enum import StrEnum
from typing import TYPE_CHECKING

from xxhash import xxh3_64_hexdigest

from fileorg.core.errors import ErrorCode, FileorgError, UsageError
from fileorg.core.names import display, is_within
from fileorg.core.state import base_folder
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIRST_LINE = "# Written by fileorg. Remove it with: fileorg watch --uninstall"
_PREFIX = "fileorg-"
_TEMPORARY = (b"/tmp", b"/var/tmp")
_TIME = r"(?a)([01]?\d|2[0-3]):([0-5]\d)"
_SYSTEMCTL_SECONDS = 60


class Schedule(StrEnum):
    """The schedules that all of systemd, launchd and cron know by a word."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Service(NamedTuple):
    """What is to be started. `schedule` is a word of `Schedule` or a time of day; empty for a watch.

    `command` are the words, with absolute paths; `changes` the folders that it changes, the state directory included.
    """

    command: Sequence[str]
    roots: Sequence[bytes]
    changes: Sequence[bytes]
    schedule: str = ""

    @property
    def name(self) -> str:
        """The name of its unit, without the suffix: the same for the same folders, in any order."""
        kind, roots = "timer" if self.schedule else "watch", sorted(self.roots)
        words = re.sub(r"(?a)[^\w]+", "-", os.path.basename(os.fsdecode(roots[0]))).strip("-")[:40] or "folder"
        return f"{_PREFIX}{kind}-{words}-{xxh3_64_hexdigest(b'|'.join(roots))[:6]}"


class UnitFile(NamedTuple):
    """A unit: its file name and its text."""

    name: str
    text: str


def is_schedule(text: str) -> bool:
    """Return whether a text is a schedule of a timer."""
    return text in set(Schedule) or re.fullmatch(_TIME, text) is not None


def checked_schedule(text: str) -> str:
    """Return a schedule of a timer. Raises `UsageError`."""
    if is_schedule(text):
        return text
    raise UsageError(
        f"--install-timer {display(text)} is not a valid schedule.",
        hint="write hourly, daily, weekly, monthly, or a time of day such as 03:30",
        code=ErrorCode.BAD_VALUE,
    )


def unit_files(service: Service) -> list[UnitFile]:
    """Return the units of a service. Raises `UsageError` for a path that a unit cannot hold."""
    shown = ", ".join(display(root) for root in service.roots)
    what = "Organize" if service.schedule else "Watch"
    head = [
        _FIRST_LINE,
        "[Unit]",
        f"Description={what} {shown} (fileorg)".replace("%", "%%"),
        "Documentation=man:fileorg-watch(1)",
        "",
        "[Service]",
        "Type=oneshot" if service.schedule else "Type=notify",
        f"ExecStart={' '.join(_quoted(word, in_command=True) for word in service.command)}",
    ]
    if not service.schedule:
        # After a refusal, another start would say the same; a folder that is missing may be on a disk to come.
        head += ["Restart=on-failure", "RestartSec=30", "RestartPreventExitStatus=5", "WatchdogSec=5min"]
    head += [*_hardening(service.changes), ""]
    if not service.schedule:
        return [UnitFile(f"{service.name}.service", "\n".join([*head, "[Install]", "WantedBy=default.target", ""]))]
    timer = [
        _FIRST_LINE,
        "[Unit]",
        f"Description=Organize {shown} {service.schedule} (fileorg)".replace("%", "%%"),
        "",
        "[Timer]",
        f"OnCalendar={_calendar(service.schedule)}",
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
        "",
    ]
    return [
        UnitFile(f"{service.name}.service", "\n".join(head)),
        UnitFile(f"{service.name}.timer", "\n".join(timer)),
    ]


def _hardening(changes: Sequence[bytes]) -> list[str]:
    """Return the lines that let the service write to its folders only."""
    is_temporary = any(is_within(path, above) for path in changes for above in _TEMPORARY)
    return [
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=read-only",
        # SQLite keeps large plans in a temporary folder.
        *(["ReadWritePaths=/tmp /var/tmp"] if is_temporary else ["PrivateTmp=yes"]),
        "ReadWritePaths=" + " ".join(_quoted(f"-{os.fsdecode(path)}") for path in dict.fromkeys(changes)),
        "ProtectControlGroups=yes",
        "RestrictAddressFamilies=AF_UNIX",
        "RestrictSUIDSGID=yes",
        "LockPersonality=yes",
    ]


def _quoted(word: str, *, in_command: bool = False) -> str:
    """Return a word for a unit file. Raises `UsageError`."""
    if any(ord(letter) < 32 or ord(letter) == 127 or 0xD800 <= ord(letter) < 0xE000 for letter in word):
        raise UsageError(
            f"A unit of systemd cannot hold the name {display(word)}.",
            hint="rename the folder: without control characters, in UTF-8",
            code=ErrorCode.BAD_VALUE,
        )
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{word.replace("$", "$$") if in_command else word}"'


def _calendar(schedule: str) -> str:
    return schedule if schedule in set(Schedule) else f"*-*-* {schedule}:00"


def launchd_plist(service: Service) -> str:
    """Return the plist of launchd for a service."""
    import plistlib

    found: dict[str, object] = {"Label": f"org.{service.name}", "ProgramArguments": list(service.command)}
    if not service.schedule:
        found |= {"RunAtLoad": True, "KeepAlive": {"SuccessfulExit": False}}
    elif match := re.fullmatch(_TIME, service.schedule):
        found["StartCalendarInterval"] = {"Hour": int(match[1]), "Minute": int(match[2])}
    else:
        times = {
            "hourly": {},
            "daily": {"Hour": 0},
            "weekly": {"Weekday": 1, "Hour": 0},
            "monthly": {"Day": 1, "Hour": 0},
        }
        found["StartCalendarInterval"] = {"Minute": 0} | times[service.schedule]
    return plistlib.dumps(found).decode()


def cron_line(service: Service) -> str:
    """Return the line of a crontab for a service; a watch is started with the system. It prints errors only, because
    cron mails what is printed.
    """
    import shlex

    when = f"@{service.schedule or 'reboot'}"
    if match := re.fullmatch(_TIME, service.schedule):
        when = f"{int(match[2])} {int(match[1])} * * *"
    words = list(service.command)
    if {"-q", "--quiet"}.isdisjoint(words):
        words.insert(words.index("watch") + 1, "--quiet")
    # A % in a crontab is the end of the line.
    return f"{when}  {shlex.join(words)}".replace("%", "\\%")


# Writing and removing units -------------------------------------------------------------------------------------------


def unit_folder() -> str:
    """Return the folder of the units of this user."""
    return os.path.join(os.fsdecode(base_folder(b"XDG_CONFIG_HOME", b"~/.config")), "systemd", "user")


def has_systemd() -> bool:
    """Return whether the units of this user can be written and started here."""
    return sys.platform == "linux" and shutil.which("systemctl") is not None


def write_units(files: Sequence[UnitFile]) -> list[str]:
    """Write units, all or none, and return their paths. Raises `FileorgError`."""
    folder = unit_folder()
    paths = [os.path.join(folder, file.name) for file in files]
    for path in paths:
        if os.path.lexists(path) and not _is_ours(path):
            raise FileorgError(
                f"{display(path)} was not written by fileorg.", hint="move it away", code=ErrorCode.OUTPUT_EXISTS
            )
    parts = [f"{path}.part" for path in paths]
    try:
        os.makedirs(folder, exist_ok=True)
        for part, file in zip(parts, files, strict=True):
            with open(part, "w", encoding="utf-8") as stream:
                stream.write(file.text)
        for part, path in zip(parts, paths, strict=True):
            os.replace(part, path)
    except OSError as error:
        for part in parts:
            with contextlib.suppress(OSError):
                os.unlink(part)
        raise FileorgError(
            f"Could not write the unit to {display(folder)}: {error.strerror}.",
            hint="check the owner and the mode of this folder with ls -ld",
            code=ErrorCode.OUTPUT_UNUSABLE,
        ) from error
    return paths


def installed_units(roots: Sequence[bytes]) -> list[str]:
    """Return the paths of the units that fileorg has written: for these folders, or all of them."""
    folder = unit_folder()
    try:
        names = sorted(name for name in os.listdir(folder) if name.startswith(_PREFIX))
    except OSError:
        return []
    found = [os.path.join(folder, name) for name in names if name.endswith((".service", ".timer"))]
    found = [path for path in found if _is_ours(path)]
    if not roots:
        return found
    wanted = {Service((), roots, (), schedule).name for schedule in ("", Schedule.DAILY)}
    return [path for path in found if os.path.basename(path).rpartition(".")[0] in wanted]


def _is_ours(path: str) -> bool:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline().rstrip("\n") == _FIRST_LINE
    except OSError:
        return False


def start_units(paths: Sequence[str]) -> str:
    """Have systemd start units now and at each log-in; return what went wrong, empty if nothing did.

    One that runs already is started again: it may have been written anew, with other options.
    """
    names = [os.path.basename(path) for path in paths if path.endswith(".timer")]
    names = names or [os.path.basename(path) for path in paths]
    return _systemctl("daemon-reload") or _systemctl("enable", *names) or _systemctl("restart", *names)


def remove_units(paths: Sequence[str]) -> str:
    """Stop units and remove their files; return what systemd said against it. Raises `FileorgError`."""
    names = [os.path.basename(path) for path in paths]
    trouble = _systemctl("disable", "--now", *names) if has_systemd() else ""
    for path in paths:
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise FileorgError(
                f"Could not remove {display(path)}: {error.strerror}.", code=ErrorCode.OUTPUT_UNUSABLE
            ) from error
    if has_systemd():
        _systemctl("daemon-reload")
    return trouble


def _systemctl(*words: str) -> str:
    command = ["systemctl", "--user", *words]
    try:
        ran = subprocess.run(command, capture_output=True, check=False, text=True, timeout=_SYSTEMCTL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{' '.join(command)}: {error}"
    return "" if ran.returncode == 0 else f"{' '.join(command)}: {ran.stderr.strip() or ran.returncode}"
