"""`[jobs] webhook`: the JSON of each job that ends or waits, sent to an address that the configuration names.

The body is signed: `X-Signature` is `sha256=` and the HMAC-SHA256 of the body with the content of the file
`webhook_key`. Redirects are not followed. Only the process that tells programs of jobs loads this module.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
import urllib.error
import urllib.request
from typing import Any

from fileorg.core.errors import FileorgError
from fileorg.core.names import display

_LEAST_KEY_BYTES, _MOST_KEY_BYTES = 16, 4096


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow none: the signed body is for the address of the configuration alone."""


def send(url: str, key_path: str, body: bytes, seconds: float) -> None:
    """Send a signed body. Raises `FileorgError` with the cause."""
    signature = hmac.new(_key(os.path.expanduser(key_path)), body, hashlib.sha256).hexdigest()
    request = urllib.request.Request(  # noqa: S310  the configuration allows http and https only
        url,
        body,
        {"Content-Type": "application/json", "X-Signature": f"sha256={signature}", "User-Agent": "fileorg"},
        method="POST",
    )
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=seconds):
            pass
    except urllib.error.HTTPError as error:
        raise FileorgError(f"The webhook answered {error.code}.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise FileorgError(f"The webhook could not be reached: {display(str(reason))}.") from error


def _key(path: str) -> bytes:
    """Return the key of a file that others cannot read. Raises `FileorgError`."""
    shown = display(path)
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRGRP | stat.S_IROTH):
                raise FileorgError(f"Others can read the key {shown}: nothing was sent.", hint=f"chmod 600 {shown}")
            key = file.read(_MOST_KEY_BYTES).strip()
    except OSError as error:
        raise FileorgError(f"The key {shown} cannot be read: {error.strerror}.") from error
    if len(key) < _LEAST_KEY_BYTES:
        raise FileorgError(f"The key {shown} is shorter than {_LEAST_KEY_BYTES} bytes: nothing was sent.")
    return key
