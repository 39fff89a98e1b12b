"""Loaded by Python at its start if this folder is on its path: kills or halts the process at one of its steps."""

import os

for _name in ("DIES_AT", "HALTS_AT"):
    if _step := int(os.environ.get(f"FILEORG_{_name}", "0")):
        from tests.faults import dying

        (dying.arm if _name == "DIES_AT" else dying.arm_halt)(_step)
