"""Every benchmark runs on its tiniest sizes, prints its table and writes its JSON. Nothing is measured here."""

import importlib
import json
import math
import statistics
import subprocess
import sys

import pytest

from tests.benchmarks.conftest import SCRIPTS

IN_PROCESS = {
    "evaluation": [],
    "full_ranking": [],
    "loading": [],
    "sampler": [],
    "start_up": [],
    "profile_step": ["--model", "GMF"],
}


def run_here(name, flags, file, **options):
    assert importlib.import_module(name).main(["--quick", *flags, "--json", str(file)], **options) == 0
    return checked(file)


def checked(file):
    """Return the groups of a report by title, after a look at its figures."""
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document["hardware"]["processor"]
    for group in document["groups"]:
        for measurement in group["measurements"]:
            assert measurement["median"] == statistics.median(measurement["seconds"])
            # Not above 0: the cost of a step is a difference, and noise is all there is at these sizes.
            assert all(math.isfinite(seconds) for seconds in measurement["seconds"])
    return {group["title"]: group["measurements"] for group in document["groups"]}


@pytest.mark.parametrize("name", IN_PROCESS)
def test_runs_and_reports(name, tmp_path, capsys):
    groups = run_here(name, IN_PROCESS[name], tmp_path / "report.json")
    printed = capsys.readouterr().out
    for title, measurements in groups.items():
        assert title in printed
        assert all(len(each["seconds"]) == 2 for each in measurements)
        assert all(each["name"] in printed for each in measurements)


def test_training_step_measures_both_kinds_of_rows(tmp_path):
    from _workers import Here

    flags = ["--threads", "1", "--only", "tables", "--model", "GMF"]
    groups = run_here("training_step", flags, tmp_path / "step.json", make_worker=Here)
    assert [each["step"] for each in groups["Table size: a step"]] == ["DeferredStep", "DenseStep"]
    assert [each["step"] for each in groups["Table size: end of epoch"]] == ["DeferredStep"]


@pytest.mark.slow
def test_epoch_compares_models_of_one_size(tmp_path, monkeypatch):
    import epoch
    from _workers import Here

    monkeypatch.setattr(epoch, "available_cores", lambda: 1)

    flags = ["--models", "GMF", "--rivals", "keras", "--repeats", "1"]
    groups = run_here("epoch", flags, tmp_path / "epoch.json", make_worker=Here)
    ours, keras, sampling = next(iter(groups.values()))
    assert ours["parameters"] == keras["parameters"] == 500 * 8 + 9
    assert keras["name"].startswith("Keras fit")
    assert len(sampling["seconds"]) == 1


def test_rival_scales_its_steps_but_not_what_a_fit_costs_anyway():
    from epoch import Rival

    class Worker:
        def make(self, name, kind, **arguments):
            return {"parameters": 1}

        def measure(self, name, **arguments):
            return {"seconds": 2.5, "one_step": 0.5, "steps": 100}

    rival = Rival(Worker(), "KerasArrays", 1, 1000, {}, {})
    assert rival.measure(100) == 0.5 + 2.0 * 10


def test_missing_torch_is_said_in_one_sentence(monkeypatch, capsys):
    import epoch

    monkeypatch.setattr(epoch.importlib.util, "find_spec", lambda name: None)
    assert epoch.main(["--quick"]) == 2
    assert "pip install -e '.[benchmarks]'" in capsys.readouterr().err


def test_plots_are_drawn_from_the_json(tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra `benchmarks`")
    import plot

    case = {"batch_size": 256, "factors": 8, "threads": 1, "median": 2e-4, "min": 1e-4, "max": 3e-4}
    cases = [
        {**case, "size": size, "step": step}
        for step in ("DeferredStep", "DenseStep")
        for size in ([6_040, 3_706, 9], [1_000_000, 100_000, 9])
    ]
    titles = ("Table size: a step", "Batch size: a step", "Factors: a step", "Table size: end of epoch")
    document = {
        "benchmark": "training step",
        "hardware": {"processor": "toy", "cores": 2},
        "groups": [{"title": title, "measurements": cases} for title in titles],
    }
    (tmp_path / "step.json").write_text(json.dumps(document))
    assert plot.main([str(tmp_path / "step.json"), "--out", str(tmp_path / "plots")]) == 0
    drawn = {path.name: path.read_bytes()[:4] for path in (tmp_path / "plots").iterdir()}
    names = ("step_by_tables.png", "step_by_batch_size.png", "step_by_factors.png")
    assert drawn == dict.fromkeys(names, b"\x89PNG")


def test_plot_refuses_another_file(tmp_path, capsys):
    import plot

    (tmp_path / "epoch.json").write_text('{"benchmark": "epoch"}')
    assert plot.main([str(tmp_path / "epoch.json"), "--out", str(tmp_path)]) == 2
    assert "must be one that training_step.py wrote" in capsys.readouterr().err


@pytest.mark.slow
def test_contenders_in_processes_of_their_own(tmp_path):
    for name, flags in (
        ("training_step", ["--only", "tables"]),
        ("epoch", ["--models", "GMF", "--rivals", "keras"]),
    ):
        file = tmp_path / f"{name}.json"
        subprocess.run(
            [sys.executable, str(SCRIPTS / f"{name}.py"), "--quick", *flags, "--json", str(file)], check=True
        )
        assert checked(file)
