"""docs/notebooks/quickstart.ipynb keeps what its cells print, and prints the same again.

To keep new outputs: `jupyter nbconvert --to notebook --execute --inplace docs/notebooks/quickstart.ipynb`.
"""

import base64
import json
import re

import pytest

from tests.shared_files import PROJECT

NOTEBOOK = PROJECT / "docs/notebooks/quickstart.ipynb"
LARGEST_PICTURE = 50_000


def outputs_of(notebook):
    """Return the outputs of each cell of code: (type, text), pictures without a text."""
    return [
        [(one["output_type"], text_of(one)) for one in cell["outputs"]]
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    ]


def text_of(output):
    if "image/png" in output.get("data", {}):
        return ""
    return "".join(output.get("text") or output["data"]["text/plain"])


def without_figures(text):
    return re.sub(r"\d+(\.\d+)?", "0", text).split()


def test_what_is_kept_is_small_and_of_no_machine():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    pictures = [
        base64.b64decode("".join(output["data"]["image/png"]))
        for cell in notebook["cells"]
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 1 and all(len(picture) < LARGEST_PICTURE for picture in pictures)
    kept = outputs_of(notebook)
    assert all(kept[1:3]) and all(cell["execution_count"] for cell in notebook["cells"] if "outputs" in cell)
    for kind, text in (output for cell in kept for output in cell):
        assert kind in ("execute_result", "display_data", "stream")
        assert not re.search(r"(/tmp|/home|/root|/work|[Ww]arning)\b", text), text


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_it_runs_and_prints_what_is_kept(tmp_path, monkeypatch):
    """In below a minute on two cores. The lists fit by eye: a lover of bread gets bread."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kept = outputs_of(notebook)
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    again = outputs_of(notebook)
    for before, now in zip(kept, again, strict=True):
        assert [kind for kind, _ in now] == [kind for kind, _ in before]
    # What no weights decide is the same: the log, the dataset, what is popular, the files of the export.
    for cell in (0, 1, 4, 8, 10):
        assert again[cell] == kept[cell]
    (_, trained), *_ = again[2]
    assert without_figures(trained) == without_figures(kept[2][0][1])
    hit_ratio, ndcg = map(float, re.findall(r"@10 (0\.\d+)", trained))
    assert hit_ratio > 0.8 and ndcg > 0.4
    texts = [cell[0][1] for cell in again]
    assert texts[5].count(" bread ") >= 4 and texts[6].count(" soup ") == 3 and texts[7].count(" cake ") == 3
    assert float(re.search(r"^HR@10 +(0\.\d+)$", texts[9], re.MULTILINE)[1]) > 0.8
    assert texts[11].count("bread") >= 2
