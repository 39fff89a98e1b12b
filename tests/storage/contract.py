"""The contract of every storage as one suite. A storage runs it with a fixture `storage` (an empty root) and its ways
around the storage, in about 15 lines.
"""

from __future__ import annotations

from tests.storage.contract_naming import Naming
from tests.storage.contract_reading import Reading


class StorageContract(Reading, Naming):
    """The base class of a `Test…` class for one storage."""
