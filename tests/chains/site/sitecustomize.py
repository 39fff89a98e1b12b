"""Loaded by Python at its start if this folder is on its path: kills or halts the process at one of its steps.

A job in the background has a variable of its own, so that the command which starts it lives.
"""

import os
import sys

_IS_JOB = "fileorg.jobs.detached" in sys.orig_argv
for _name in ("JOB_DIES_AT",) if _IS_JOB else ("DIES_AT", "HALTS_AT"):
    if _step := int(os.environ.get(f"FILEORG_{_name}", "0")):
        from tests.faults import dying

        (dying.arm_halt if _name == "HALTS_AT" else dying.arm)(_step)
