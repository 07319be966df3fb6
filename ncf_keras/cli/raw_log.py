"""A raw log read as the flags of a command say; how it was understood stands on standard error."""

import argparse
import sys
from typing import TYPE_CHECKING, NamedTuple

from ncf_keras.cli.console import progress_bar
from ncf_keras.cli.log_flags import log_options

if TYPE_CHECKING:
    from ncf_keras.data.tidy_log import TidyLog


class RawLog(NamedTuple):
    """What a command is given: the rows, where they came from (for JSON), and the title of each item id."""

    rows: "TidyLog"
    source: dict[str, object]
    titles: dict[str, str] | None


def read_raw_log(flags: argparse.Namespace) -> RawLog:
    """Read the files of `LOG` and `--titles`."""
    from ncf_keras.data.logs.doubts import notes_on
    from ncf_keras.data.logs.files import log_files
    from ncf_keras.data.logs.log import Log
    from ncf_keras.data.titles import read_titles

    with log_files(flags.log) as files:
        log = Log(files, log_options(flags))
        # Before anything that may be wrong because it was read in another way than it is meant.
        print(log.in_words(), file=sys.stderr)
        titles = None if flags.titles is None else read_titles(flags.titles, log.item_name, flags.escape)
        with progress_bar(log.size, "bytes") as show:
            rows = log.read(lambda done: show("Reading", done))
        for sentence in notes_on(rows, log.layouts[0]):
            print(f"Note: {sentence}.", file=sys.stderr)
        return RawLog(rows, log.source(flags.titles), titles)
