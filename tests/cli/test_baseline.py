"""`ncf baseline`: the line it prints, the file it saves, and every command that takes the file of a model."""

import contextlib
import csv
import dataclasses
import io
import json
import re
import time

import numpy as np
import pytest

from ncf_keras.base import memory
from ncf_keras.baselines import EASE, ItemPop, load_baseline
from ncf_keras.baselines.loading import BASELINES
from ncf_keras.cli.baseline import main, make_parser
from ncf_keras.cli.ncf import main as ncf
from ncf_keras.evaluation import LeaveOneOut, hit_ratio, ndcg
from ncf_keras.models import build_gmf
from ncf_keras.weights import save_weights
from tests.models import by_hand
from tests.predicting import predict
from tests.recommending.crowd import ITEM_IDS, SIZES, USER_IDS, seen_by, with_states
from tests.small_data import NUM_ITEMS, NUM_USERS, write_random_files

LINE = r"(\w+)\((.*)\) \[\d+\.\d s\]: HR = (\d\.\d{4}), NDCG = (\d\.\d{4}) \[\d+\.\d s\]"


def ran(*arguments):
    """Run a command of `ncf`; return its exit status, standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = ncf([str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code
    return status, out.getvalue(), err.getvalue()


def saved_by(lines):
    """Return the name and the file that the last line names."""
    found = re.fullmatch(r"The (\w+) model is saved to (.+)", lines[-1])
    return found[1], found[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """EASE and a GMF for the sample."""
    directory = tmp_path_factory.mktemp("baselines")
    started = int(time.time())
    status, out, err = ran(
        "baseline", "ease", "--dataset", "sample", "--regularization", 500, "--save_dir", directory / "saved"
    )
    assert (status, err) == (0, "")
    model = build_gmf(1000, 500, 4)
    by_hand.randomise(model)
    save_weights(model, directory / "gmf.h5")
    return directory, out.splitlines(), started, model


@pytest.fixture(scope="module")
def ease(folder):
    return saved_by(folder[1])[1]


@pytest.fixture(scope="module")
def fitted(sample):
    return EASE(500.0).fit(sample)


def test_the_line_has_the_figures_of_leave_one_out_and_the_file_the_name_of_a_network_s(folder, fitted, sample):
    directory, lines, started, _ = folder
    assert re.fullmatch(
        r"Load data done \[\d+\.\d s\]. #user=1000, #item=500, #train=38818, #test=1000", lines[0]
    )
    protocol = LeaveOneOut(sample.test_users, sample.test_items, sample.test_negatives)
    expected = protocol.evaluate(fitted.score, 10)
    found = re.fullmatch(LINE, lines[1])
    assert found.groups() == (
        "EASE", "regularization=500.0", f"{expected.hr:.4f}", f"{expected.ndcg:.4f}"
    )  # fmt: skip
    name, file = saved_by(lines)
    moment = re.fullmatch(rf"{directory}/saved/sample_EASE_(\d+)\.npz", file)[1]
    assert name == "EASE" and started <= int(moment) <= started + 600 and len(lines) == 3
    users = np.arange(1000)
    assert load_baseline(file).score_all(users).tobytes() == fitted.score_all(users).tobytes()


# Hyperparameters that learn the small dataset in no time.
QUICK = {
    "factors": "5", "sweeps": "2", "epochs": "2", "neighbours": "4", "regularization": "0.5",
    "missing_weight": "3", "learning_rate": "0.1", "unobserved_weight": "0.2", "popularity_exponent": "0.5",
    "penalty_exponent": "0.5",
    "seed": "3",
}  # fmt: skip


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_is_fitted_with_its_flags_and_saved_beside_others(name, tmp_path):
    if name in ("ItemKNN", "IALS"):
        pytest.importorskip("implicit")
    flags = write_random_files(tmp_path)
    fields = [field.name for field in dataclasses.fields(BASELINES[name])]
    given = [word for field in fields for word in (f"--{field}", QUICK[field])]
    files = []
    for _ in range(2):
        status, out, err = ran("baseline", name.upper(), *flags, *given, "--topk", 3, "--save_dir", tmp_path)
        assert (status, err) == (0, "")
        files.append(saved_by(out.splitlines())[1])
        found = re.fullmatch(LINE, out.splitlines()[1])
        assert found[1] == name
    assert files[0] != files[1], "no file of another run is replaced"
    first, second = map(load_baseline, files)
    expected = {field: type(getattr(first, field))(QUICK[field]) for field in fields}
    assert first == second == BASELINES[name](**expected)
    assert found[2] == ", ".join(f"{field}={value!r}" for field, value in expected.items())
    assert (first.num_users, first.num_items) == (NUM_USERS, NUM_ITEMS)
    sizes = "_5" if "factors" in fields else ""
    assert re.fullmatch(rf"small_{name}{sizes}_\d+\.npz", files[0].rpartition("/")[2])
    assert not list(tmp_path.glob(".*"))


def test_with_out_0_nothing_is_saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, _ = ran("baseline", "itempop", *write_random_files(tmp_path), "--out", 0)
    assert (
        status == 0 and out.splitlines()[-1].startswith("ItemPop() [") and not (tmp_path / "pretrain").exists()
    )


def test_help_lists_the_baselines_and_the_hyperparameters_with_what_they_are():
    page = " ".join(make_parser().format_help().split())
    for name, kind in BASELINES.items():
        assert f"{name} {' '.join(kind.__doc__.split('.')[0].split()[:6])}" in page
        (parser,) = (one.choices[name] for one in make_parser()._actions if one.choices)
        shown = " ".join(parser.format_help().split())
        for field in dataclasses.fields(kind):
            action = next(each for each in parser._actions if each.dest == field.name)
            assert action.default == field.default and action.help and f"--{field.name}" in shown
    status, out, _ = ran("baseline", "EASE", "--help")
    assert (
        status == 0
        and "above 0; the default is what Ferrari Dacrema et al. (TOIS 2021) found on ML-1M (d"
        in (" ".join(out.split()))
    )


@pytest.mark.parametrize(("arguments", "sentence"), [
    ([], "the following arguments are required: NAME"),
    (["EAS"], "invalid choice: 'EAS' (choose from"),
    (["EASE", "--regularization", "0"], "`--regularization` must be a finite number above 0. Received: 0.0"),
    (["EASE", "--regularization", "x"], "argument --regularization: must be a number of at least"),
    (["EASE", "--regularization", "nan"], "argument --regularization: must be a number of at least"),
    (["EASE", "--regularization", "1e-300"], "`--regularization` must be large enough for the equations to"),
    (["EASE", "--factors", "8"], "unrecognized arguments: --factors 8"),
    (["BPR", "--factors", "0"], "`--factors` must be a whole number of at least 1. Received: 0"),
    (["BPR", "--factors", "1.5"], "argument --factors: must be a whole number from 0 to 2147483647"),
    (["DotProduct", "--factors", "2147483647"], "must fit into the memory that is free"),
    (["EASE", "--dataset", "absent"], "absent.train.rating"),
    (["EASE", "--save_dir", "/dev/null/x"], "`--save_dir` must be a directory that can be written to."),
    (["EASE", "--topk", "0"], "argument --topk: must be a whole number from 1"),
])  # fmt: skip
def test_a_mistake_is_one_sentence(arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    twins = {"small.train.rating": "0\t0\t1\n0\t1\t1\n1\t0\t1\n1\t1\t1\n", "small.test.rating": "0\t2\t1\n"}
    for name, text in (*twins.items(), ("small.test.negative", "(0,2)\t3\n")):
        (tmp_path / name).write_text(text)
    flags = ["--path", f"{tmp_path}/", "--dataset", "small"] if len(arguments) > 1 else []
    status, _, err = ran("baseline", *arguments[:1], *flags, *arguments[1:])
    assert status == 2 and sentence in err.splitlines()[-1] and not list(tmp_path.glob("pretrain/*"))


def test_memory_is_asked_for_first_and_the_check_can_be_left_out(tmp_path, monkeypatch):
    flags = [*write_random_files(tmp_path), "--save_dir", tmp_path]
    monkeypatch.setattr(memory, "free_memory", lambda: 25_000)
    status, _, err = ran("baseline", "EASE", *flags)
    assert status == 2 and "EASE, which has a weight for every two of 30 items, must fit into the memory" in err
    assert ran("baseline", "EASE", *flags, "--no_memory_check")[0] == 0


def test_evaluate_ranks_a_baseline(ease, fitted, sample, tmp_path):
    flags = ("--weights", ease, "--dataset", "sample", "--topk", "5,10", "--json", tmp_path / "out.json")
    status, out, _ = ran("evaluate", *flags, "--per_user", tmp_path / "users.csv")
    assert status == 0
    protocol = LeaveOneOut(sample.test_users, sample.test_items, sample.test_negatives)
    positions = protocol.positions(fitted.score)
    rows = list(csv.DictReader((tmp_path / "users.csv").read_text().splitlines()))
    for top_k in (5, 10):
        assert [float(row[f"HR@{top_k}"]) for row in rows] == hit_ratio(positions, top_k).tolist()
        assert [float(row[f"NDCG@{top_k}"]) for row in rows] == ndcg(positions, top_k).tolist()
    assert json.loads((tmp_path / "out.json").read_text())["model"] == "EASE"
    status, out, _ = ran("evaluate", *flags, "--protocol", "full")
    scores = fitted.score_all(sample.test_users)
    scores[sample.train_users, sample.train_items] = -np.inf
    of_test = scores[np.arange(1000), sample.test_items]
    hits = ((scores >= of_test[:, None]).sum(axis=1) <= 10).mean()
    assert status == 0 and out.splitlines()[-1].startswith(f"HR@10 = {hits:.4f}, ")


def test_compare_holds_a_network_against_a_baseline_and_baselines_against_each_other(
    folder, ease, fitted, sample
):
    directory, _, _, model = folder
    table = predict(model, *np.divmod(np.arange(500_000, dtype=np.int32), 500)).reshape(1000, 500)
    pop = ItemPop().fit(sample)
    pop.save(directory / "pop.npz")
    protocol = LeaveOneOut(sample.test_users, sample.test_items, sample.test_negatives)
    hr = {
        "gmf.h5": protocol.evaluate(lambda users, items: table[users, items]).hr,
        ease: protocol.evaluate(fitted.score).hr,
        "pop.npz": protocol.evaluate(pop.score).hr,
    }
    for a, b in (("gmf.h5", ease), (ease, "pop.npz")):
        status, out, _ = ran("compare", directory / a, directory / b, "--dataset", "sample")
        row = next(line.split() for line in out.splitlines() if line.startswith("HR@10"))
        assert status == 0 and row[1:4] == [f"{hr[a]:.4f}", f"{hr[b]:.4f}", f"{hr[b] - hr[a]:+.4f}"]


def listed(out):
    rows = list(csv.DictReader(out.splitlines()))
    return [int(row["item_id"]) for row in rows], rows


def by_scores(scores, seen, k):
    """Return the items of the highest scores; of equal ones the lower index first."""
    rest = sorted(set(range(len(scores))) - set(seen), key=lambda item: (-scores[item], item))
    return rest[:k]


def test_recommend_lists_the_items_of_the_highest_scores(ease, fitted, sample):
    flags = ("--weights", ease, "--dataset", "sample", "--format", "csv", "--k", 7)
    scores = fitted.score_all(np.arange(1000))
    status, out, _ = ran("recommend", *flags, "--user", 42, "--user", 7)
    expected = [by_scores(scores[user], seen_by(sample, user), 7) for user in (42, 7)]
    assert status == 0 and listed(out)[0] == expected[0] + expected[1]
    assert [np.float32(row["score"]) for row in listed(out)[1]][:7] == scores[42, expected[0]].tolist()
    status, out, _ = ran("recommend", *flags, "--user", 42, "--include_seen")
    assert status == 0 and listed(out)[0] == by_scores(scores[42], (), 7)
    # For a new user: the sum of the weights from the history.
    status, out, _ = ran("recommend", *flags, "--history", "3,10,400")
    gram = (sample.train_matrix.T @ sample.train_matrix).toarray().astype(float) + 500.0 * np.eye(500)
    inverse = np.linalg.inv(gram)
    weights = (1 - np.eye(500)) * inverse / -np.diag(inverse)
    assert status == 0 and listed(out)[0] == by_scores(weights[[3, 10, 400]].sum(axis=0), (3, 10, 400), 7)
    assert {row["source"] for row in listed(out)[1]} == {"folded in"}


def test_inactive_items_and_users_are_in_no_list(tmp_path):
    states = [0, 0, 1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    dataset = with_states(*states)
    dataset.save(tmp_path, "living")
    data = ("--path", f"{tmp_path}/", "--dataset", "living")
    status, out, _ = ran("baseline", "EASE", *data, "--regularization", 2, "--save_dir", tmp_path)
    assert status == 0
    file = saved_by(out.splitlines())[1]
    (tmp_path / "users.txt").write_text("ann, bob\nZoë\n3\n")
    asked = ("recommend", "--weights", file, *data, "--users_file", tmp_path / "users.txt", "--k", 13)
    status, out, err = ran(*asked, "--format", "csv")
    assert status == 0 and "1 of 3 users are unknown" in err
    rows = list(csv.DictReader(out.splitlines()))
    assert not {ITEM_IDS[1], ITEM_IDS[8]} & {row["item_id"] for row in rows}
    scores = load_baseline(file).score_all(np.arange(SIZES[0]))
    for raw in ("Zoë", "3"):
        user = USER_IDS.index(raw)
        expected = by_scores(scores[user], {1, 8} | seen_by(dataset, user), 13)
        assert [row["item_id"] for row in rows if row["user_id"] == raw] == [
            ITEM_IDS[item] for item in expected
        ]
    assert {row["source"] for row in rows if row["user_id"] == "ann, bob"} == {"popularity"}


HELD = r"Received: .*sample_EASE_\d+\.npz, which holds the baseline EASE\(regularization=500\.0\)"
NETWORK = "must hold a GMF, MLP or NeuMF"
MUST_BE = "`--weights` must be a GMF, MLP or NeuMF"


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["recommend", "--weights", "EASE", "--similar_items", "3"], f"{MUST_BE} to have item vec"),
    (["recommend", "--weights", "EASE", "--new_item", "3"], f"{MUST_BE} to fold items in"),
    (["recommend", "--weights", "pop.npz", "--history", "3"], "`--weights` must be a GMF, MLP, NeuMF, EASE or"),
    (["evaluate", "--weights", "EASE", "--model", "MLP"], f"`--weights` must hold a MLP. {HELD}"),
    (["export", "--weights", "EASE", "--to", "served"], f"`--weights` {NETWORK}. {HELD}"),
    (["update", "--weights", "EASE", "--to", "served", "--forget", "no"], f"`--weights` {NETWORK}. {HELD}"),
    (["neumf", "--warm_start", "EASE"], f"`--warm_start` {NETWORK}. {HELD}"),
    (["neumf", "--mf_pretrain", "EASE", "--mlp_pretrain", "EASE"], f"`--mf_pretrain` must hold a GMF. {HELD}"),
    (["neumf", "--mf_pretrain", "gmf.h5", "--mlp_pretrain", "EASE"], "`--mlp_pretrain` must hold a MLP. "),
])  # fmt: skip
def test_what_needs_a_network_says_what_the_file_holds(arguments, sentence, folder, ease, monkeypatch, sample):
    monkeypatch.chdir(folder[0])
    ItemPop().fit(sample).save("pop.npz")
    given = [ease if word == "EASE" else word for word in arguments]
    status, out, err = ran(*given, "--dataset", "clicks" if arguments[0] == "update" else "sample")
    assert status == 2 and re.match(rf"error: {sentence}", err.splitlines()[-1]), err
    assert not (folder[0] / "served").exists() and "model is saved" not in out


def test_a_baseline_is_not_converted_and_one_of_other_sizes_or_damaged_is_refused(ease, tmp_path):
    status, _, err = ran("convert", ease, "--to", tmp_path / "x.h5")
    assert status == 2 and re.fullmatch(rf"error: `FILE` {NETWORK}. {HELD}\n", err)
    flags = write_random_files(tmp_path)
    status, _, err = ran("evaluate", "--weights", ease, *flags)
    rule = "error: `--weights` must be of a model for the 20 users and 30 items of small. Received: "
    assert status == 2 and err == f"{rule}{ease}, which holds EASE, 1000 users, 500 items\n"
    (tmp_path / "cut.npz").write_bytes((tmp_path / ease).read_bytes()[:5000])
    for command in (["evaluate", *flags], ["export", "--to", tmp_path / "served"]):
        status, _, err = ran(*command, "--weights", tmp_path / "cut.npz")
        assert status == 2 and re.fullmatch(
            r"error: .*cut\.npz must be a baseline as .* a damaged one \(.*\)\n", err
        )


def test_it_is_a_command_of_its_own_too(tmp_path, capsys):
    """`python run/baseline.py` gives `main` no arguments, but those of the process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["baseline.py", "itempop", *write_random_files(tmp_path), "--out", "0"])
        assert main() == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("ItemPop() [")
