"""Sort a messy folder, see what happened, and take it back exactly."""

__version__ = "0.1.0"
