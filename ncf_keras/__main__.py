"""The command `ncf`, which is also `python -m ncf_keras`."""

import signal
import sys


def main() -> int:
    """Run the command of this process and return its exit status."""
    # Until a command listens, Ctrl-C ends the process, without the traceback that is Python's own answer.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ncf_keras.cli.ncf import main

    return main()


if __name__ == "__main__":
    sys.exit(main())
