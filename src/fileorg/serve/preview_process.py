"""Tries rules on a folder in a process of its own: the folder may be large, and so may be what rules read."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from fileorg.core.events import NullReporter
from fileorg.core.state import open_state
from fileorg.jobs.function_process import answer_call
from fileorg.workflows.add_rule import NewRule
from fileorg.workflows.preview_rules import PreviewOptions, preview_rules

if TYPE_CHECKING:
    from collections.abc import Mapping


def _preview(given: dict[str, Any]) -> Mapping[str, Any]:
    state, configuration = map(os.fsencode, sys.argv[1:3])
    rule = None if given["rule"] is None else NewRule(**given["rule"])
    options = PreviewOptions(
        os.fsencode(given["root"]), configuration, given["text"], rule, given["recursive"], given["examples"]
    )
    return preview_rules(options, open_state(state), NullReporter())


if __name__ == "__main__":
    sys.exit(answer_call(_preview))
