"""Reading `fileorg.toml`: one read of the whole file, checked before any file is looked at."""

from __future__ import annotations

import errno
import os
import re
import stat
import tomllib
from typing import Any

from fileorg.core.trusted import open_place
from fileorg.rules.config import ConfigError, Configuration
from fileorg.rules.config_check import check_rules, checked

MOST_BYTES = 4 << 20
"""More than any file that people write; the check of the rules holds the whole file in memory."""
_ATTEMPTS = 3
_PLACE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")
_OTHER_FILE = "give another file with --config or FILEORG_CONFIG"


def read_configuration(path: bytes, *, with_rules: bool = True) -> Configuration:
    """Return the checked configuration of a file; without `with_rules`, the values of conditions are not checked.

    Raises `ConfigError`, which names the file and the line.
    """
    content, stamp = read_content(path)
    return parse_configuration(path, content, with_rules=with_rules)._replace(stamp=stamp)


def has_changed(configuration: Configuration) -> bool:
    """Return whether the file differs from what was read: it was edited or replaced since."""
    try:
        return bool(configuration.stamp) and _stamp(os.stat(configuration.path)) != configuration.stamp
    except OSError:
        return True


def parse_configuration(path: bytes, content: bytes, *, with_rules: bool = True) -> Configuration:
    """Return the checked configuration of a file's content: see `read_configuration`. Raises `ConfigError`."""
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(path, line, "the text is not UTF-8", hint="save the file as UTF-8") from error
    configuration = checked(path, text, _parsed(path, text))
    if with_rules:
        check_rules(configuration)
    return configuration


def _parsed(path: bytes, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _PLACE.search(message)
        line = int(place[1]) if place is not None and place[1] else text.rstrip().count("\n") + 1
        fault = _PLACE.sub("", message).rstrip(".")
        fault = fault[:1].lower() + fault[1:] if not fault[:2].isupper() else fault
        if place is not None and not place[1]:
            fault = f"the file ends too early: {fault}"
        raise ConfigError(path, line, fault, hint=_hint(fault)) from error
    except (RecursionError, ValueError) as error:
        raise ConfigError(path, 1, "a value is nested too deeply or too long", hint=_hint("")) from error


def _hint(fault: str) -> str:
    if "escape" in fault or "\\" in fault:
        return "write a backslash in single quotes: '^\\d+'"
    if "overwrite" in fault or "twice" in fault:
        return "a key or table may stand only once: remove or rename one of them"
    return "the form is TOML (toml.io): key = value; text stands in quotes"


def read_content(path: bytes) -> tuple[bytes, tuple[int, ...]]:
    """Return the content of the file, and the facts that a later change of it changes. Raises `ConfigError`."""
    try:
        for _ in range(_ATTEMPTS):
            read = _read(path)
            if read is not None:
                return read
    except FileNotFoundError as error:
        raise ConfigError(path, 0, "there is no such file", hint=f"check its path, or {_OTHER_FILE}") from error
    except OSError as error:
        raise unreadable(path, error) from error
    raise ConfigError(path, 0, "another program writes the file at this moment", hint="run the command again")


def unreadable(path: bytes, error: OSError) -> ConfigError:
    """Return the error for a file that the system does not open."""
    reason = (error.strerror or "unknown error").lower()
    hint = f"make it readable for you (chmod u+r), or {_OTHER_FILE}"
    if error.errno == errno.EPERM:
        reason, hint = "a symlink on its path belongs to another user", _OTHER_FILE
    return ConfigError(path, 0, f"the file cannot be read: {reason}", hint=hint)


def _read(path: bytes) -> tuple[bytes, tuple[int, ...]] | None:
    """Return the content and its facts, None if it changed meanwhile. Raises `ConfigError`, `OSError`."""
    folder, name = open_place(os.path.abspath(path))
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        seen = os.fstat(fd)
        if not stat.S_ISREG(seen.st_mode) and path != os.devnull.encode():
            raise ConfigError(path, 0, "this is not a regular file", hint=_OTHER_FILE)
        if seen.st_uid not in {0, os.geteuid()}:
            # Its owner would decide which files move, and where.
            raise ConfigError(
                path, 0, "the file belongs to another user", hint=f"copy it to a file of yours, or {_OTHER_FILE}"
            )
        if seen.st_size > MOST_BYTES:
            raise ConfigError(path, 0, "the file is larger than 4 MiB", hint=_OTHER_FILE)
        with open(fd, "rb", buffering=0, closefd=False) as file:
            content = file.readall()
        is_whole = len(content) == seen.st_size and _stamp(os.fstat(fd)) == _stamp(seen)
        return (content, _stamp(seen)) if is_whole else None
    finally:
        os.close(fd)


def _stamp(seen: os.stat_result) -> tuple[int, ...]:
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)
