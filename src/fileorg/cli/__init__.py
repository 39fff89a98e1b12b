"""The face: Typer commands over the workflows. The only layer that knows a screen."""
