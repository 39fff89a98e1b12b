"""A page and an API on this machine: a face beside the command line, which shares workflows and jobs with it.

It reads the journal itself. What changes anything runs in a process of its own, as a command or a job.
"""
