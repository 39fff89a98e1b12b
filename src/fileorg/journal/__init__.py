"""The journal: the truth about what fileorg did. Written before it acts; read by undo, history and report."""
