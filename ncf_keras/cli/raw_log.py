"""A raw log read as the flags of a command say; how it was understood stands on standard error."""

import argparse
import sys
from typing import TYPE_CHECKING, NamedTuple

from ncf_keras.cli.console import progress_bar
from ncf_keras.cli.log_flags import log_options

if TYPE_CHECKING:
    from ncf_keras.data.tidy_log import TidyLog


class RawLog(NamedTuple):
    """What a command is given.

    Attributes:
        rows: None where no `LOG` is named.
        source: where they came from, for JSON.
        titles: of each item id; None without `--titles`.
        size: bytes of the log.
    """

    rows: "TidyLog | None"
    source: dict[str, object]
    titles: dict[str, str] | None
    size: int


def read_raw_log(flags: argparse.Namespace) -> RawLog:
    """Read the files of `LOG`, if there are any, and of `--titles`."""
    from ncf_keras.data.logs.doubts import notes_on
    from ncf_keras.data.logs.files import log_files
    from ncf_keras.data.logs.log import Log
    from ncf_keras.data.titles import read_titles

    def titles(item_name: str | None) -> dict[str, str] | None:
        return None if flags.titles is None else read_titles(flags.titles, item_name, flags.escape)

    if not flags.log:
        return RawLog(None, {}, titles(None), 0)
    with log_files(flags.log) as files:
        log = Log(files, log_options(flags))
        # Before anything that may be wrong because it was read in another way than it is meant.
        print(log.in_words(), file=sys.stderr)
        titles_of_items = titles(log.item_name)
        with progress_bar(log.size, "bytes") as show:
            rows = log.read(lambda done: show("Reading", done))
        for sentence in notes_on(rows, log.layouts[0]):
            print(f"Note: {sentence}.", file=sys.stderr)
        return RawLog(rows, log.source(flags.titles), titles_of_items, log.size)
