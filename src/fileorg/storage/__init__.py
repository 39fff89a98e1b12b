"""Where files are."""

from fileorg.storage.base import BATCH_ENTRIES, Capabilities, Kind, Storage
from fileorg.storage.local.listing import INODE_MASK, entry_of
from fileorg.storage.local.storage import LocalStorage

__all__ = ["BATCH_ENTRIES", "INODE_MASK", "Capabilities", "Kind", "LocalStorage", "Storage", "entry_of"]
