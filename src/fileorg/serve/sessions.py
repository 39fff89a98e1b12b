"""Who may ask: codes in links, cookies that they are exchanged for, the token of scripts, and how much each may ask."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from typing import TYPE_CHECKING

from fileorg.core.errors import StateError
from fileorg.core.names import display
from fileorg.core.state import own_file

if TYPE_CHECKING:
    from fileorg.core.state import StateDirectory

CODE_SECONDS = 60.0
IDLE_SECONDS = 24 * 3600.0
READS_FOR_ONE_REQUEST = 20
"""A page reads rows while a person scrolls: a session may read this many times as often as it may ask otherwise."""
_TOKEN_NAME = b"serve.token"
_TOKEN_BYTES = 32
_MOST_CODES, _MOST_SESSIONS = 20, 100


def _now() -> float:
    """Return the seconds since the machine was started, with those of its sleep: this clock cannot be set."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Bucket:
    """An allowance that fills up evenly again."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit, self._each = limit, seconds / limit
        self._left, self._at = float(limit), _now()

    def wait(self) -> float:
        """Take one, and return 0; if none is left, return the seconds until there is one."""
        now = _now()
        self._left = min(self._limit, self._left + (now - self._at) / self._each)
        self._at = now
        if self._left < 1:
            return (1 - self._left) * self._each
        self._left -= 1
        return 0


class Asking:
    """A person's browser, or all scripts with the token together: connections do not count, who asks does."""

    def __init__(self, requests_per_minute: int, operations_per_hour: int) -> None:
        self.requests = Bucket(requests_per_minute, 60)
        self.reads = Bucket(requests_per_minute * READS_FOR_ONE_REQUEST, 60)
        self.operations = Bucket(operations_per_hour, 3600)
        self.used = _now()


class Sessions:
    """The codes, sessions and the token of one server. Secrets are kept as digests."""

    def __init__(self, token: str, requests_per_minute: int, operations_per_hour: int) -> None:
        self._limits = requests_per_minute, operations_per_hour
        self._token = _digest(token)
        self._codes: dict[bytes, float] = {}
        self._sessions: dict[bytes, Asking] = {}
        self._scripts = Asking(*self._limits)

    def new_code(self) -> str:
        """Return a code for a link: for one use, within a minute."""
        code = secrets.token_urlsafe(_TOKEN_BYTES)
        while len(self._codes) >= _MOST_CODES:
            del self._codes[next(iter(self._codes))]
        self._codes[_digest(code)] = _now() + CODE_SECONDS
        return code

    def exchange(self, code: str) -> str | None:
        """Return the secret of a new session for a code, None if it is unknown, used or too old."""
        until = self._codes.pop(_digest(code), None)
        if until is None or _now() > until:
            return None
        secret = secrets.token_urlsafe(_TOKEN_BYTES)
        while len(self._sessions) >= _MOST_SESSIONS:
            del self._sessions[min(self._sessions, key=lambda each: self._sessions[each].used)]
        self._sessions[_digest(secret)] = Asking(*self._limits)
        return secret

    def of_cookie(self, secret: str) -> Asking | None:
        """Return the session of a cookie, None if it is unknown, or was not used for a day."""
        key = _digest(secret)
        session = self._sessions.get(key)
        if session is None:
            return None
        if _now() - session.used > IDLE_SECONDS:
            del self._sessions[key]
            return None
        session.used = _now()
        return session

    def of_token(self, token: str) -> Asking | None:
        """Return the session of all scripts, None for another token."""
        return self._scripts if secrets.compare_digest(_digest(token), self._token) else None

    def end(self, secret: str) -> None:
        """End the session of a cookie."""
        self._sessions.pop(_digest(secret), None)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()


def token_path(state: StateDirectory) -> bytes:
    """Return the path of the file with the token of scripts."""
    return os.path.join(state.path, _TOKEN_NAME)


def read_token(state: StateDirectory) -> str:
    """Return the token of scripts, made at the first start. Raises `StateError` for a file that others can read."""
    path = token_path(state)
    try:
        with state.opened() as at:
            with contextlib.suppress(FileNotFoundError):
                if os.stat(_TOKEN_NAME, dir_fd=at, follow_symlinks=False).st_mode & 0o077:
                    raise StateError(
                        f"Others can read {display(path)}.", hint="remove it: the next start makes a new one", path=path
                    )
            with open(own_file(path, at), "r+", encoding="ascii") as file:
                token = file.read(200).strip()
                if len(token) < _TOKEN_BYTES:
                    token = secrets.token_urlsafe(_TOKEN_BYTES)
                    file.seek(0)
                    file.truncate()
                    file.write(token + "\n")
                return token
    except (OSError, UnicodeDecodeError) as error:
        raise StateError(f"Could not use {display(path)}: {error}.", hint="remove it", path=path) from error
