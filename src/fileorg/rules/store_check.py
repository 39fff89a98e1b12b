"""The check of a table `[storage.NAME]`. It is loaded only if there is one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fileorg.core.names import display
from fileorg.core.store_settings import ADDRESSING, StoreSettings, endpoint_fault

if TYPE_CHECKING:
    from fileorg.rules.config_values import Values
    from fileorg.rules.toml_lines import Keys

_KEYS = ("endpoint", "profile", "region", "addressing", "requester_pays")
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_TAKEN = frozenset({"file", "memory", "http", "https"})
_SECRETS = frozenset({
    "key", "secret", "password", "token", "access_key", "secret_key", "aws_access_key_id", "aws_secret_access_key",
    "aws_session_token",
})  # fmt: skip


def checked_store(values: Values, name: str, found: object) -> StoreSettings:
    """Return the settings of one store. Raises `ConfigError`."""
    keys: Keys = ("storage", name)
    table = values.table(found, keys)
    if not _NAME.fullmatch(name) or name in _TAKEN:
        why = "is taken" if name in _TAKEN else "does not consist of small letters, digits and -"
        message = f"the name of the store {display(name) or repr(name)} {why}"
        raise values.error(keys, message, "the URLs of a store begin with it: [storage.r2] is for r2://bucket")
    for key in table:
        if key in _SECRETS:
            hint = "put it into the environment or into a profile of ~/.aws, and write profile = NAME here"
            raise values.error((*keys, key), f"{key} is a credential, and fileorg keeps none", hint)
    values.known(table, _KEYS, keys, "the key")
    endpoint, addressing = values.text(table, "endpoint", keys), values.text(table, "addressing", keys)
    if endpoint is not None and (fault := endpoint_fault(endpoint)):
        hint = 'for example: endpoint = "https://s3.example.org"'
        raise values.error((*keys, "endpoint"), f"the endpoint of {name} {fault}", hint)
    if addressing is not None:
        values.one_of(addressing, ADDRESSING, (*keys, "addressing"))
    return StoreSettings(
        endpoint or "",
        values.text(table, "profile", keys) or "",
        values.text(table, "region", keys) or "",
        addressing or "",
        values.flag(table, "requester_pays", keys, default=False),
    )
