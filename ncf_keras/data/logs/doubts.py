"""What a log holds that speaks against how it was read: for notes, not errors."""

import re
from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np

from ncf_keras.base.terminal import shown
from ncf_keras.data.logs.layout import LogLayout
from ncf_keras.data.reading import may_be_quoted

# As many ids as are looked at.
SAMPLE = 1000
# Fewer rows tell nothing.
FEWEST_ROWS = 4
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]+.*)?")
# Seconds of 1990 to 2100, and the same in milliseconds.
SECONDS = re.compile(r"[0-9]{9,10}(\.[0-9]+)?|[0-9]{12,13}")


class Overview(Protocol):
    """What is known of all rows of a log: attributes as of a TidyLog."""

    @property
    def user_ids(self) -> np.ndarray: ...  # noqa: D102
    @property
    def item_ids(self) -> np.ndarray: ...  # noqa: D102
    @property
    def rows(self) -> int: ...  # noqa: D102
    @property
    def suspects(self) -> Mapping[str, Mapping[str, int]]: ...  # noqa: D102
    @property
    def rating_like_time(self) -> float | None: ...  # noqa: D102


def notes_on(log: Overview, layout: LogLayout) -> Iterator[str]:
    """Yield a sentence, without its full stop, for whatever a user should look at."""
    yield from doubts(log, layout)
    yield from broken_ids(log, layout)
    yield from quoted_ids(log, layout)
    yield from suspects(log)


def doubts(log: Overview, layout: LogLayout) -> Iterator[str]:
    """Yield a sentence for each column whose role is a guess by its place that its contents speak against."""
    for role, ids in (("user", log.user_ids), ("item", log.item_ids)):
        if role not in layout.by_place:
            continue
        sample = [str(text) for text in ids[:SAMPLE]]
        if all(DATE.fullmatch(text) or SECONDS.fullmatch(text) for text in sample):
            yield _sentence(role, layout, f"looks like times, such as {shown(sample[0])}")
        elif len(ids) == log.rows >= FEWEST_ROWS and all(text.isdigit() for text in sample):
            yield _sentence(role, layout, "holds another number in each row")
    if "rating" in layout.by_place and log.rating_like_time is not None:
        yield _sentence("rating", layout, f"looks like times, such as {log.rating_like_time:.0f}")


def broken_ids(log: Overview, layout: LogLayout) -> Iterator[str]:
    """Yield a sentence where ids hold the end of a line, as a lone quotation mark makes of several rows."""
    is_quoted = layout.dialect is not None and layout.dialect.quoted
    way_on = " (`--quoting none` takes quotation marks for letters)" if is_quoted else ""
    for role, ids in (("user", log.user_ids), ("item", log.item_ids)):
        wrong = [text for text in ids if "\n" in text]
        if wrong:
            count = f"{len(wrong):,} id(s) of the {role}"
            yield f"{count} hold the end of a line, such as {shown(wrong[0])}{way_on}"


def quoted_ids(log: Overview, layout: LogLayout) -> Iterator[str]:
    """Yield a sentence where all ids stand in quotation marks, which were taken for letters."""
    if layout.dialect is None or layout.dialect.quoted or not may_be_quoted(layout.dialect.delimiter):
        return
    for role, ids in (("user", log.user_ids), ("item", log.item_ids)):
        if all(len(text) > 1 and text[0] == text[-1] == '"' for text in ids[:SAMPLE]):
            yield (
                f"the ids of the {role} stand in quotation marks, which are taken for letters, such as "
                f"{shown(ids[0])} (`--quoting csv` takes them off)"
            )


def suspects(log: Overview) -> Iterator[str]:
    """Yield a sentence for each text that may stand for a missing id, and was taken for an id."""
    for role, counts in log.suspects.items():
        for text, count in counts.items():
            yield (
                f"{count:,} row(s) have {shown(text)} as their {role}, which is taken for an id "
                f"(`--missing '{shown(text)}'` drops them)"
            )


def _sentence(role: str, layout: LogLayout, what: str) -> str:
    column = layout.positions[role] + 1
    return f"column {column}, taken for the {role} by its place alone, {what} (`--{role}` names another)"
