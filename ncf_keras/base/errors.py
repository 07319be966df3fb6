"""What ends a command with a sentence: a user's mistake, and a worker that others lost."""


class InputError(ValueError):
    """Something the user gave (a file, a flag, an argument) breaks a rule.

    The message is one sentence that names the argument, or the file and line, the rule, and what came. The
    commands print it and end with exit status 2; they never show a traceback for it.
    """


class WorkerLost(Exception):
    """Another worker died or can't be reached, so nothing more can be done together. The message says why."""
