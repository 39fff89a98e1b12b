"""One file a command, each with a function of the command's name."""
