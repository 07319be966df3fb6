"""Errors that end a command with one sentence: a user's mistake, a lost worker, a server without an answer."""


class InputError(ValueError):
    """Something the user gave (a file, a flag, an argument) breaks a rule.

    The message is one sentence: the argument, or the file and line, then the rule, then what was received. The
    commands print it and end with exit status 2; they never show a traceback for it.
    """


class WorkerLost(Exception):
    """Another worker died or can't be reached, so the training can't continue. The message says why."""


class ServingError(RuntimeError):
    """The server did not answer, or its answer can't be used: nothing that the user gave was wrong."""
