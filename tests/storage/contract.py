"""What every storage promises, as one suite.

A storage runs it with a fixture `storage` (an empty root) and the ways round it, in about 15 lines.
"""

from __future__ import annotations

from tests.storage.contract_naming import Naming
from tests.storage.contract_reading import Reading


class StorageContract(Reading, Naming):
    """Derive from it as `Test…`."""
