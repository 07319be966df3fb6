"""The benchmarks run on their tiniest sizes and report what they should. Nothing is measured here."""

import importlib
import json
import math
import re
import shutil
import statistics
import subprocess
import sys

import pytest

from tests.benchmarks.conftest import SCRIPTS
from tests.shared_files import PROJECT


def run_here(name, flags, file, **options):
    """Return the groups of a report by title, after a look at its figures."""
    assert importlib.import_module(name).main(["--quick", *flags, "--json", str(file)], **options) == 0
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document["hardware"]["processor"]
    for group in document["groups"]:
        for measurement in group["measurements"]:
            assert measurement["median"] == statistics.median(measurement["seconds"])
            # Not above 0: the cost of a step is a difference, and noise is all there is at these sizes.
            assert all(math.isfinite(seconds) for seconds in measurement["seconds"])
    return {group["title"]: group["measurements"] for group in document["groups"]}


@pytest.mark.parametrize("name", ["sampler", *(
    pytest.param(name, marks=pytest.mark.slow)
    for name in ("earlier", "evaluation", "full_ranking", "loading", "profile_step", "start_up")
)])  # fmt: skip
def test_runs_and_reports(name, tmp_path, capsys):
    more = {"profile_step": ["--model", "GMF"], "earlier": ["--than", str(PROJECT)]}
    flags = more.get(name, [])
    groups = run_here(name, flags, tmp_path / "report.json")
    printed = capsys.readouterr().out
    for title, measurements in groups.items():
        assert title in printed
        assert all(len(each["seconds"]) == 2 and each["name"] in printed for each in measurements)


@pytest.mark.slow
def test_training_step_measures_both_kinds_of_rows_in_processes_of_their_own(tmp_path):
    flags = ["--only", "tables", "--model", "GMF"]
    groups = run_here("training_step", flags, tmp_path / "step.json")
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


@pytest.mark.slow
def test_workers_are_measured_against_one_process(tmp_path):
    groups = run_here("workers", ["--workers", "1", "2", "--repeats", "1"], tmp_path / "workers.json")
    ((title, measurements),) = groups.items()
    assert title == "Batch 256: an epoch of 15,000 examples"
    assert [(each["workers"], each["shards"]) for each in measurements] == [(1, 1), (1, 16), (2, 16)]


@pytest.mark.slow
def test_epochs_on_a_device_say_which_it_is_and_how_many_examples_a_second(tmp_path, capsys):
    groups = run_here("gpu", ["--repeats", "1"], tmp_path / "gpu.json")
    ((title, (ours, *rivals)),) = groups.items()
    assert title.endswith("NeuMF-8 [64, 32, 16, 8], batch 256, float32: an epoch of 15,000 examples")
    assert title.startswith(ours["device"]) and ours["parameters"] == 500 * 40 + 2_761
    assert all(each["parameters"] == ours["parameters"] for each in rivals)
    assert re.search(r"examples a second: ours \d+\.\d million", capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++ to compile serving_loader.cc")
def test_two_stages_are_measured_beside_exact_lists(tmp_path, monkeypatch):
    two_stage = importlib.import_module("two_stage")
    monkeypatch.setattr(two_stage, "use_threads", lambda threads: None)
    file = tmp_path / "report.json"
    assert two_stage.main(["--quick", "--candidates", "64", "--json", str(file)]) == 0
    (group,) = json.loads(file.read_text(encoding="utf-8"))["groups"]
    names = [each["name"] for each in group["measurements"]]
    assert names == ["exact, p50", "two stages, p50", "exact, p99", "two stages, p99"]
    assert 0 < float(group["notes"]["recall@10 of users drawn anew"]) <= 1
    assert "64 candidates of 300 items" in group["notes"]["lists"]


@pytest.mark.slow
def test_all_users_are_measured_beside_one_call_and_implicit(tmp_path):
    all_users = importlib.import_module("all_users")
    file = tmp_path / "report.json"
    assert all_users.main(["--quick", "--json", str(file)]) == 0
    (group,) = json.loads(file.read_text(encoding="utf-8"))["groups"]
    assert len(group["measurements"]) == 5 and "candidates of 300 items" in group["notes"]["lists"]


def test_rival_scales_its_steps_but_not_what_a_fit_costs_anyway():
    from epoch import Rival

    class Worker:
        def make(self, name, kind, **arguments):
            return {"parameters": 1}

        def measure(self, name, **arguments):
            return {"seconds": 2.5, "one_step": 0.5, "steps": 100}

    rival = Rival(Worker(), "KerasArrays", 1, 1000, {}, {})
    assert rival.measure(100) == 0.5 + 2.0 * 10


def test_mistakes_are_one_sentence(tmp_path, monkeypatch, capsys):
    epoch, evaluation, plot = map(importlib.import_module, ("epoch", "evaluation", "plot"))
    monkeypatch.setattr(epoch.importlib.util, "find_spec", lambda name: None)
    (tmp_path / "epoch.json").write_text('{"benchmark": "epoch"}')
    for script, flags, sentence in (
        (epoch, ["--quick"], "pip install -e '.[benchmarks]'"),
        (evaluation, ["--quick", "--threads", "1"], "`--threads` must come before TensorFlow is imported"),
        (plot, [f"{tmp_path}/epoch.json", "--out", f"{tmp_path}"], "must be one that training_step.py wrote"),
    ):
        assert script.main(flags) == 2
        assert sentence in capsys.readouterr().err


def test_plots_are_drawn_from_the_json(tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra `benchmarks`")
    import plot

    case = {"batch_size": 256, "factors": 8, "threads": 1, "median": 2e-4, "min": 1e-4, "max": 3e-4}
    sizes = ([6_040, 3_706, 9], [1_000_000, 100_000, 9])
    cases = [{**case, "size": size, "step": step} for step in ("DeferredStep", "DenseStep") for size in sizes]
    titles = ("Table size: a step", "Batch size: a step", "Factors: a step", "Table size: end of epoch")
    groups = [{"title": title, "measurements": cases} for title in titles]
    hardware = {"processor": "toy", "cores": 2}
    (tmp_path / "step.json").write_text(
        json.dumps({"benchmark": "training step", "hardware": hardware, "groups": groups})
    )
    assert plot.main([str(tmp_path / "step.json"), "--out", str(tmp_path / "plots")]) == 0
    drawn = {path.name: path.read_bytes()[:4] for path in (tmp_path / "plots").iterdir()}
    names = ("step_by_tables.png", "step_by_batch_size.png", "step_by_factors.png")
    assert drawn == dict.fromkeys(names, b"\x89PNG")


@pytest.mark.slow
def test_large_data_and_memory_report_every_size(tmp_path, capfd):
    pytest.importorskip("pyarrow")
    generate = SCRIPTS.parent / "experiments" / "generate_interactions.py"
    for name, interactions in (("small", 20_000), ("big", 40_000)):
        flags = ["--items", "4000", "--interactions", str(interactions)]
        subprocess.run([sys.executable, generate, "--out", tmp_path / name, *flags], check=True)
    report = tmp_path / "report.json"
    flags = ["--seconds", "1", "--model", "GMF", "--json", str(report)]
    assert importlib.import_module("large_data").main([f"{tmp_path}/small", f"{tmp_path}/big", *flags]) == 0
    small, big = json.loads(report.read_text())["groups"][0]["measurements"]
    assert big["interactions"] > 1.5 * small["interactions"]
    for each in (small, big):
        assert min(each["seconds"]) > 0
        assert each["peak in all, MB"] >= each["peak once it is read, MB"] > 100
    assert importlib.import_module("memory").main(["--users", "20000", "40000"]) == 0
    out = capfd.readouterr().out
    assert re.search(r"^ +20,000 +-?[\d,]+ MB +[\d,]+ MB$", out, re.M) and "\na million more: " in out


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++ to compile serving_loader.cc")
def test_serving_reports_every_size(tmp_path, capsys, monkeypatch):
    serving = importlib.import_module("serving")
    # Other tests have imported TensorFlow already, which looks for the number of threads once.
    monkeypatch.setattr(serving, "use_threads", lambda threads: None)
    file = tmp_path / "report.json"
    assert serving.main(["--quick", "--clients", "2", "--json", str(file)]) == 0
    (group,) = json.loads(file.read_text(encoding="utf-8"))["groups"]
    assert group["title"] == "300 items, 50 users, NeuMF-8"
    names = [each["name"] for each in group["measurements"]]
    assert names[:3] == ["model.predict, one user", "one user", "4 users"]
    assert all(seconds > 0 for each in group["measurements"] for seconds in each["seconds"])
    assert float(group["notes"]["export, MB"]) > 0
    assert "memory of the process" in capsys.readouterr().out
