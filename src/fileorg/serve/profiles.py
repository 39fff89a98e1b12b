"""The profiles of the configuration, those that lie in the roots of the server."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fileorg.core.errors import ErrorCode
from fileorg.core.formats import named
from fileorg.core.names import display
from fileorg.rules.config_file import read_configuration
from fileorg.serve.problems import HttpProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.rules.config import Profile
    from fileorg.serve.endpoints import ApiRequest
    from fileorg.serve.served import Served


def profiles(asked: ApiRequest) -> dict[str, Any]:
    """Return the profiles of the configuration whose roots are served."""
    return {
        "profiles": [
            {
                "name": profile.name,
                "roots": [named("path", root) for root in roots],
                "options": {
                    key: value for key, value in profile.options.items() if isinstance(value, str | int | bool | list)
                },
            }
            for profile, roots in _served(asked.served)
        ]
    }


def check_profile(served: Served, name: str) -> None:
    """Raise `HttpProblem` unless there is a profile with this name whose roots are served."""
    known = [profile.name for profile, _ in _served(served)]
    if name not in known:
        raise HttpProblem(
            HTTPStatus.BAD_REQUEST,
            ErrorCode.BAD_VALUE,
            f"There is no profile {display(name)} in the folders of this server.",
            f"known are {', '.join(map(display, known))}" if known else "write [profile.NAME] in fileorg.toml",
        )


def _served(served: Served) -> Iterator[tuple[Profile, list[bytes]]]:
    if not os.path.lexists(served.configuration):
        return
    for profile in read_configuration(served.configuration, with_rules=False).profiles.values():
        roots = [os.path.realpath(os.path.expanduser(os.fsencode(root))) for root in profile.roots]
        if served.have(roots):
            yield profile, roots
