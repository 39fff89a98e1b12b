"""The settings of a service that stores objects: what the configuration says, and what a client needs."""

from __future__ import annotations

from urllib.parse import urlsplit

from fileorg.core.tuples import NamedTuple

ADDRESSING = ("path", "virtual")


class StoreSettings(NamedTuple):
    """A table `[storage.NAME]` of the configuration: where `NAME://bucket` leads; `[storage.s3]` is for `s3://`.

    All are empty for AWS with the standard chain of credentials. Credentials are never among them. `addressing` is one
    of `ADDRESSING`, or empty for the default of the driver.
    """

    endpoint: str = ""
    profile: str = ""
    region: str = ""
    addressing: str = ""
    requester_pays: bool = False


def endpoint_fault(endpoint: str) -> str:
    """Return why an endpoint cannot be used, empty if it can."""
    try:
        parts = urlsplit(endpoint)
        has_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_address = False
    if not has_address:
        return "is no address of a server"
    if parts.username or parts.password:
        return "contains a user or a password"
    if parts.query or parts.fragment or parts.path.strip("/"):
        return "has more than a server and a port"
    return ""
