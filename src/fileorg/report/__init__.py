"""Reports: what happened, or what is there, for people and for programs. Read from the journal and the index."""
