"""The index: what was seen of each tree. A cache, which may be deleted at any time; the truth is the journal."""
