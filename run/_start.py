"""Before a command is imported: the package beside this directory is found, and Ctrl-C ends the process."""

import signal
import sys

# Python's own answer to Ctrl-C is a traceback; a signal that is ignored, as in the background, stays so.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
