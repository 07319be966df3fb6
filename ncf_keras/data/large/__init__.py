"""Logs that are too large for memory: their rows stay on disk, and are cleaned and split some users at a time.

All that is decided of a row is decided by its user's rows, and by how many rows users and items have. So rows
are written to a file in the order of the log, then to another by blocks of users, each small enough for memory
and for the functions that prepare a whole log there; and the result is written in the order of the log again.
"""
