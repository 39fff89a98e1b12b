"""The journal: the record of all that fileorg did. Written before each change; read by undo, history and report."""
