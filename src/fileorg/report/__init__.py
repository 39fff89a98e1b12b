"""Reports on operations and scans, for people and for programs, from the journal and the index."""
