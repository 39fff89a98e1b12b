"""Adds a rule in a process of its own: the server itself never writes the journal."""

from __future__ import annotations

import os
import sys

from fileorg.core.state import open_state
from fileorg.jobs.function_process import answer_call
from fileorg.workflows.add_rule import NewRule, add_rule

if __name__ == "__main__":
    state_path, configuration = map(os.fsencode, sys.argv[1:3])
    sys.exit(answer_call(lambda given: {"name": add_rule(configuration, NewRule(**given), open_state(state_path))}))
