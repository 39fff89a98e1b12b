"""The command line: Typer commands over the workflows. The only layer that uses a terminal."""
