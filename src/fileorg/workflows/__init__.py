"""The Python API: each command is a function that composes the stages, in the module of its name.

No terminal, no printing, no exit. Nothing is imported here, so that a command loads only its own workflow.
"""
