"""Changes the configuration in a process of its own: the server itself never writes the journal."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from fileorg.core.state import open_state
from fileorg.jobs.function_process import answer_call
from fileorg.serve.shapes import value_of
from fileorg.workflows.add_rule import NewRule, add_rule
from fileorg.workflows.change_settings import SettingsWanted, change_settings, settings

if TYPE_CHECKING:
    from collections.abc import Mapping

ADD_RULE, SET = "add-rule", "set"


def _changed(given: dict[str, Any]) -> Mapping[str, Any]:
    what, state, path = sys.argv[1], open_state(os.fsencode(sys.argv[2])), os.fsencode(sys.argv[3])
    if what == ADD_RULE:
        return {"name": add_rule(path, NewRule(**given), state)}
    change_settings(path, value_of(SettingsWanted, given), state)
    return settings(path)


if __name__ == "__main__":
    sys.exit(answer_call(_changed))
