"""One update of a living model: append a log, warm start, train, compare, publish, and be killed anywhere."""
