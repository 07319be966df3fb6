"""What README and docs mention is there: names resolve after `import ncf_keras` alone, Python blocks run."""

import ast
import doctest
import importlib
import re
import subprocess
import sys

import pytest

import ncf_keras
from tests.shared_files import PROJECT

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
# Pages whose blocks need nothing but the package; the others talk to a server or are checked elsewhere.
RUN = (
    "README.md", "docs/index.md", "docs/training.md", "docs/models.md", "docs/evaluation.md", "docs/tuning.md",
    "docs/recommending.md", "docs/weights.md", "docs/features.md", "docs/coming_from.md",
)  # fmt: skip
# The blocks of these pages are compiled here, and what they import is looked up.
NOT_RUN = {
    "docs/guide.md": "tests/test_guide.py runs it",
    "docs/serving.md": "tests/serving/client/test_documented.py runs it",
    "docs/data.md": "needs MovieLens-100K; tests/data/test_prepare.py and test_movielens.py hold what it shows",
    "docs/public_data.md": "needs the data; tests/data/test_public_layouts.py holds what it shows",
    "docs/baselines.md": "needs MovieLens-1M; tests/baselines run each",
    "docs/results.md": "a measurement, on an idle machine",
}
BEFORE = """
import warnings
warnings.simplefilter("error")
# Keras' own, when it saves a model of TensorFlow.
warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
import ncf_keras
dataset = ncf_keras.sample_dataset()
model = ncf_keras.ModelSpec("NeuMF", dataset.num_users, dataset.num_items).build(seed=1)
"""
AFTER = """
recommender = ncf_keras.Recommender(result.model, dataset)
for shown in (dataset, result, result.best, result.test, trainer, trainer.spec, recommender, history):
    text = repr(shown)
    assert text.count("\\n") < 3 and len(text) < 500, text
"""
SHORTER = (
    ("epochs=10", "epochs=1"), ("epochs=20", "epochs=1"), ("epochs=3", "epochs=1"), ("range(5)", "range(1)"),
    ("verbose=1", "verbose=0"), ("seed=1)  # shows", "seed=1, verbose=0)  # shows"),
    ("build_tuned_neumf(dataset, seed=1)", "build_tuned_neumf"), ("in (4, 8)\n", "in (8,)\n"),
    ('ncf_keras.read_dataset("Data/", "ml-1m")', "ncf_keras.sample_dataset()"),
    # Trained before, in README's block.
    ('result = ncf_keras.train(dataset, "NeuMF", epochs=5, seed=1, verbose=0)', "result"),
    ('result = ncf_keras.train(dataset, "NeuMF", epochs=10, seed=1, verbose=0)', "result"),
)  # fmt: skip


def prose(path):
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def mentioned(path):
    """Return what stands in backticks and looks like a name of the package, without its arguments."""
    rooms = "|".join(name for name in ncf_keras.__all__ if name.islower())
    for code in re.findall(r"`([^`\n]+)`", prose(path).replace("`models.config`", "")):
        found = re.match(rf"(?:ncf_keras\.)?((?:{rooms}|[A-Z]\w+)(?:\.\w+)+)(?=$|[(\[ ])", code)
        if code.startswith("ncf_keras.") or (found and found[1].split(".")[0] in rooms.split("|")):
            yield re.match(r"(?:ncf_keras\.)?([\w.]*\w)", code)[1]


def python_blocks(path):
    return re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_files_that_are_mentioned_are_there(path):
    for code in re.findall(r"`((?:ncf_keras|run|tests|docs|serving)/[\w./]+\.(?:py|md|yaml))`", prose(path)):
        assert (PROJECT / code).exists(), code


@pytest.mark.parametrize("path", [path for path in PAGES if python_blocks(path)], ids=lambda path: path.name)
def test_python_blocks_that_are_not_run_compile_and_import_what_is_there(path):
    name = str(path.relative_to(PROJECT))
    assert (name in RUN) != (name in NOT_RUN), "each page is in one of the two lists"
    for block in python_blocks(path) if name in NOT_RUN else ():
        examples = doctest.DocTestParser().get_examples(block)
        code = "".join(example.source for example in examples) or block
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom):
                assert all(hasattr(importlib.import_module(node.module), alias.name) for alias in node.names)
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "ncf_keras":
                assert hasattr(ncf_keras, node.attr), node.attr


@pytest.mark.parametrize(
    "pages", [("README.md",), pytest.param(RUN, marks=pytest.mark.slow)], ids=["README", "all"]
)
def test_names_resolve_and_python_blocks_run_as_printed_without_noise(pages, tmp_path):
    """In a session that imported the package alone; and what the blocks make is short to look at."""
    names = sorted({name for path in PAGES for name in mentioned(path)})
    assert {"Trainer", "weights.fuse_pretrained", "evaluation.LeaveOneOut"} <= set(names)
    blocks = []
    lookups = [f"functools.reduce(getattr, {name.split('.')!r}, ncf_keras)" for name in names]
    # What stands on two pages runs once.
    done: set[str] = set()
    for name in pages:
        new = [block for block in python_blocks(PROJECT / name) if block not in done]
        blocks.append(BEFORE + "\n".join(new))
        done.update(new)
    program = "\n".join(["import functools, ncf_keras", *lookups, *blocks, AFTER if pages == RUN else ""])
    for long, short in SHORTER:
        program = program.replace(long, short)
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, "")
