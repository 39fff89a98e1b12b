"""The index: the files of each tree at its last scan. A cache that may be deleted; the journal is the truth."""
