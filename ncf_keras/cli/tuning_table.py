"""The trials of a search as a table, as CSV and as a picture."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ncf_keras.base.text_table import text_table
from ncf_keras.cli.plot import Line, Panel, draw
from ncf_keras.tuning.spaces import SPACES, Between

if TYPE_CHECKING:
    from ncf_keras.tuning import TrialRecord

COLUMNS_OF_PICTURE = 3


def first_rows(records: Sequence["TrialRecord"], count: int, top_k: int) -> str:
    """Return the best trials that came to their end, as aligned text."""
    done = [one for one in records if one.state == "done"]
    done.sort(key=lambda one: (-(one.ndcg or 0), one.number))
    rows = [[f"{one.number}", f"{one.hr:.4f}", f"{one.ndcg:.4f}", f"{one.seconds:.1f}"] for one in done[:count]]
    figures = text_table(["trial", f"HR@{top_k}", f"NDCG@{top_k}", "seconds"], rows).split("\n")
    settings = ["settings", *(one.description for one in done[:count])]
    return "\n".join(f"{left}  {right}" for left, right in zip(figures, settings, strict=True))


def trials_csv(records: Sequence["TrialRecord"]) -> str:
    """Return a row a trial, by number, with a column for each setting that any of them has."""
    names = list(dict.fromkeys(name for one in records for name in one.settings))
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["trial", "model", "state", "hr", "ndcg", "seconds", *names])
    for one in records:
        settings = [one.settings.get(name, "") for name in names]
        rows.writerow([one.number, one.model, one.state, one.hr, one.ndcg, f"{one.seconds:.2f}", *settings])
    return text.getvalue()


def draw_trials(records: Sequence["TrialRecord"], top_k: int, file: Path) -> None:
    """Draw NDCG by trial, and by each number that was searched, as PNG; without those that were given up."""
    done = [one for one in records if one.state == "done"]
    metric, models = f"NDCG@{top_k}", list(dict.fromkeys(one.model for one in done))
    best: list[float] = []
    for one in done:
        best.append(max(one.ndcg or 0.0, *best[-1:]) if best else one.ndcg or 0.0)
    numbers = [one.number for one in done]
    panels = [Panel("", "Trial", metric, [*_points(done, None), Line("best so far", numbers, best)])]
    for model in models:
        own = [one for one in done if one.model == model]
        for name, each in SPACES[model].ranges.items():
            if isinstance(each, Between):
                panels.append(Panel("", f"{name} of {model}", metric, _points(own, name), logarithmic=each.log))
    draw(panels, COLUMNS_OF_PICTURE, file)


def _points(records: Sequence["TrialRecord"], setting: str | None) -> list[Line]:
    """Return the points of each model, by a setting or by number."""
    lines = []
    for model in dict.fromkeys(one.model for one in records):
        own = [one for one in records if one.model == model]
        xs = [one.number if setting is None else one.settings[setting] for one in own]
        lines.append(Line(model, xs, [one.ndcg or 0.0 for one in own], joined=False))
    return lines
