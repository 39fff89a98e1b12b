"""The Python API: each command as a function that composes the stages, in the module of its name.

No screen, no printing, no exit. Nothing is imported here, so that a command loads its own workflow only.
"""
