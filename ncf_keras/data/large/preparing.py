"""A log on disk, cleaned and split leave-one-out as `prepare` does it in memory, some users at a time."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ncf_keras.data.dataset_writing import NONE, Interactions, Parts, write_parts
from ncf_keras.data.id_files import IdFile
from ncf_keras.data.large.budget import Budget
from ncf_keras.data.large.cleaning import TRAIN, WAITING, Cleaned, clean, dropped_before
from ncf_keras.data.large.holding_out import HeldOutFiles, Indices, hold_out
from ncf_keras.data.large.loading import LoadedLog
from ncf_keras.data.large.row_file import frame_of
from ncf_keras.data.large.row_marks import RowMarks
from ncf_keras.data.large.user_blocks import UserBlocks, block_ends
from ncf_keras.data.prepared_log import counts_without_test, said_of_leave_one_out, sparsity
from ncf_keras.data.titles import titles_of

if TYPE_CHECKING:
    from ncf_keras.data.prepare import PrepareOptions

# Of a record while some are put into blocks, or written as text.
BYTES_OF_RECORD = 500


@dataclass(frozen=True)
class PreparedOnDisk:
    """A cleaned log, split leave-one-out, most of which is in files.

    Attributes:
        log: its rows.
        options: how it was cleaned and split.
        user_ids, item_ids: raw id of each index, str.
        indices: of users and items.
        cleaned: what is left, and what was dropped.
        marks: what becomes of each row of `log`.
        held_out: the test pairs and their negatives.
        too_few_free: as of `hold_out`.
        rows_at_once: how many rows may be written together.
    """

    log: LoadedLog
    options: "PrepareOptions"
    user_ids: np.ndarray = field(repr=False)
    item_ids: np.ndarray = field(repr=False)
    indices: Indices = field(repr=False)
    cleaned: Cleaned = field(repr=False)
    marks: RowMarks = field(repr=False)
    held_out: HeldOutFiles = field(repr=False)
    too_few_free: np.ndarray = field(repr=False)
    rows_at_once: int

    def report(self) -> dict[str, Any]:
        """Return what `PreparedLog.report` does."""
        interactions, users, items = int(self.indices.user_counts.sum()), len(self.user_ids), len(self.item_ids)
        counts = {
            "rows": self.log.rows,
            "users": users,
            "items": items,
            "interactions": interactions,
            "train": interactions - self.held_out.number,
            "test": self.held_out.number,
            **counts_without_test(users, self.held_out.number, self.too_few_free),
            "negatives_per_test": self.options.negatives,
        }
        return {
            "options": asdict(self.options),
            "split": said_of_leave_one_out(self.log.has_times),
            "dropped": {reason: count for reason, count in self.cleaned.dropped.items() if count},
            "counts": counts,
            "sparsity": sparsity(interactions, users, items),
        }

    def write(
        self, prefix: Path, source: Mapping[str, object], titles: Mapping[str, str] | None
    ) -> dict[str, Any]:
        """Write the files of the dataset as `write_prepared` does; `titles` are by raw id."""
        of_items: Sequence[str] | None = None if titles is None else titles_of(self.item_ids, titles)
        train = int(self.indices.user_counts.sum()) - self.held_out.number
        parts = Parts(
            Interactions(train, lambda: self._marked(TRAIN)),
            Interactions(self.held_out.number, self.held_out.frames),
            self.held_out.negatives,
            NONE,
            NONE,
            Interactions(self.cleaned.waiting, lambda: self._marked(WAITING)),
        )
        users, items = IdFile(self.user_ids.tolist()), IdFile(self.item_ids.tolist(), of_items)
        report = {"source": dict(source), **self.report()}
        write_parts(prefix, parts, users, items, report)
        return report

    def _marked(self, mark: int) -> Iterator[pd.DataFrame]:
        """Yield the rows with a mark: of those in train the final indices, of those that wait the raw ids."""
        names = (self.indices.users, self.indices.items)
        if mark == WAITING:
            names = (self.log.user_ids, self.log.item_ids)
        for place, records in self.log.rows_on_disk.blocks(self.rows_at_once):
            some = records[self.marks.read(place, place + len(records)) == mark]
            yield frame_of(some, user=names[0][some["user"]], item=names[1][some["item"]])


@contextlib.contextmanager
def prepared_on_disk(
    log: LoadedLog, options: "PrepareOptions", directory: Path, budget: Budget
) -> Iterator[PreparedOnDisk]:
    """Yield what `prepare` makes of a log, whose files are there while the block runs.

    Args:
        log: its rows.
        options: with `split="leave-one-out"`.
        directory: where files are made.
        budget: of memory.

    Raises:
        InputError: nothing is left, or nobody can be tested, or there is too little memory.
    """
    dropped_before(log, options)
    rows_at_once = max(1, budget.chunk // BYTES_OF_RECORD)
    log.rows_on_disk.finish(rows_at_once)
    sizes = (len(log.user_ids), len(log.item_ids))
    characters = sum(len(raw_id) for ids in (log.user_ids, log.item_ids) for raw_id in ids)
    ends = block_ends(log.user_counts, options.negatives, budget.block(*sizes, characters))
    with contextlib.ExitStack() as stack:
        names = ("users", "marks", "pairs", "negatives")
        users, marked, pairs, drawn = (stack.enter_context((directory / name).open("w+b")) for name in names)
        blocks = UserBlocks(users, log.rows_on_disk, ends, log.user_counts, rows_at_once)
        marks = RowMarks(marked, log.rows_on_disk.rows)
        held_out = HeldOutFiles(pairs, drawn, options.negatives)
        cleaned = clean(log, blocks, marks, options)
        indices = Indices.of(cleaned)
        too_few_free = hold_out(blocks, indices, marks, options, held_out)
        yield PreparedOnDisk(
            log=log,
            options=options,
            user_ids=log.user_ids[cleaned.user_counts > 0],
            item_ids=log.item_ids[cleaned.item_counts > 0],
            indices=indices,
            cleaned=cleaned,
            marks=marks,
            held_out=held_out,
            too_few_free=too_few_free,
            rows_at_once=rows_at_once,
        )
