"""Sort a messy folder, see what happened, and undo it exactly."""

__version__ = "0.1.0"
