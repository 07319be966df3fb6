import re

import numpy as np
import pytest
from explicit_ratings import command as feedforward_embed

LOG = "a\tx\t3\t1\nb\ty\t4\t2\nb\tx\t5\t3\n"
NUMBER = r"(\d\.\d{4})"


@pytest.fixture
def log(tmp_path, generator):
    """Ratings that are a bias of the user, a bias of the item and a little noise, from 1 to 5."""
    users, items = np.nonzero(generator.random((60, 40)) < 0.5)
    truth = 3 + generator.normal(0, 0.6, 60)[users] + generator.normal(0, 0.6, 40)[items]
    ratings = np.clip(np.round(truth + generator.normal(0, 0.2, len(users))), 1, 5).astype(int)
    file = tmp_path / "log.tsv"
    lines = (f"u{u}\tm{i}\t{r}\t{n}\n" for n, (u, i, r) in enumerate(zip(users, items, ratings, strict=True)))
    file.write_text("".join(lines))
    return file


def run(capsys, *arguments):
    status = feedforward_embed.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out.splitlines(), captured.err


def test_prints_the_errors_of_the_three_models(log, capsys):
    status, lines, errors = run(capsys, log, "--epochs", 4, "--batch_size", 32, "--lr", 0.01, "--seed", 1)
    assert (status, errors) == (0, "")
    shape = r"#user=60, #item=40, #train=(\d+), #validation=(\d+), #test=(\d+), ratings from 1 to 5"
    counts = re.fullmatch(shape, lines[0])
    assert sum(map(int, counts.groups())) == len(log.read_text().splitlines())
    epochs = [line for line in lines if line.startswith("Epoch")]
    assert 1 <= len(epochs) <= 4
    for line in epochs:
        assert re.fullmatch(rf"Epoch \d+ \[\d+\.\d s\]: loss = {NUMBER}, validation RMSE = {NUMBER}", line)
    table = {}
    for line in lines[-3:]:
        name, rmse, mae = re.fullmatch(rf"(.+?) +{NUMBER}  {NUMBER}", line).groups()
        table[name] = float(rmse), float(mae)
    assert list(table) == ["global mean", "biased MF", "FeedforwardEmbed"]
    assert table["biased MF"] < (0.6, 0.6) and table["FeedforwardEmbed"] < table["global mean"]
    assert all(mae <= rmse for rmse, mae in table.values())


@pytest.mark.slow
def test_the_seed_decides_and_one_that_was_drawn_is_told(tmp_path, capsys):
    """A log of three ratings is enough."""
    log = tmp_path / "log.tsv"
    log.write_text(LOG)
    status, lines, errors = run(capsys, log, "--epochs", 1)
    assert (status, lines[0][:52]) == (0, "#user=2, #item=2, #train=1, #validation=1, #test=1, ")
    seed = re.fullmatch(r"--seed (\d+) \(drawn, because none was given\)\n", errors)[1]
    again, other = (run(capsys, log, "--epochs", 1, "--seed", value)[1] for value in (seed, int(seed) + 1))
    first, again, other = ([re.sub(r"\[.*?\]", "", line) for line in run] for run in (lines, again, other))
    assert first == again != other


@pytest.mark.parametrize(("text", "flags", "message"), [
    (LOG, ["--layers", "[8,0]"], r"`--layers` must have widths from 1 to 65536\. Received: '\[8,0\]'"),
    (LOG, ["--test_share", "0.9999"], r"`--test_share` must leave at least 2 of the .* Received: 0\.9999"),
    (LOG, ["--layers", "8"], r"`--layers` must be a list of whole numbers.* Received: '8'"),
    (LOG, ["--test_share", "1"], r"`--test_share` must be above 0 and below 1\. Received: 1\.0"),
    (LOG, ["--rating", "9"], r"`--rating` must be a column number of .*log\.tsv from 1 to 4\. Received: 9, .*"),
    (LOG, ["--rating", "none"], r"`--rating` must name the column of .*log\.tsv that has the ratings\. .*"),
    ("a\tx\t3\t1\nb\ty\t3\t2\n", [], r"The ratings of .* at least two values\. Received: 3 for all of them"),
    ("a\tx\t3\t1\nb\ty\t4\t2\n", [], r".*log\.tsv must have at least 3 ratings: .* Received: 2"),
    (LOG.replace("4", "1e308"), [], r".*log\.tsv, line 2 must have .* Received: '1e308'"),
    ("user,rating\na,1\n", [], r"`--item` must name the column .* `--delimiter` what separates .*"),
    (LOG.replace("x", "\udce9"), [], r".*log\.tsv, line 1 must be text in UTF-8 \(`--encoding` names .*"),
    (None, [], r"The log must be a file that can be read\. Received: .*"),
])  # fmt: skip
def test_a_mistake_gets_one_sentence(tmp_path, capsys, text, flags, message):
    file = tmp_path / "log.tsv"
    if text is not None:
        file.write_bytes(text.encode(errors="surrogateescape"))
    status, lines, errors = run(capsys, file, "--seed", 1, *flags)
    assert (status, lines) == (2, [])
    assert re.fullmatch(f"error: {message}\n", errors)


@pytest.mark.parametrize(("flag", "most"), [("--num_factors", 65536), ("--batch_size", 2147483647)])
def test_a_number_out_of_range_gets_one_sentence(tmp_path, capsys, flag, most):
    for value in ("9" * 20, "0", "x"):
        with pytest.raises(SystemExit) as end:
            feedforward_embed.main([str(tmp_path), flag, value])
        captured = capsys.readouterr()
        assert (end.value.code, captured.out) == (2, "")
        rule = f"argument {flag}: must be a whole number from 1 to {most}. Received: '{value}'"
        assert captured.err.splitlines()[-1].endswith(f"error: {rule}")


def test_a_training_that_diverges_gets_one_sentence_and_no_table(log, capsys):
    status, lines, errors = run(capsys, log, "--seed", 1, "--learner", "sgd", "--lr", "1e30")
    assert status == 2
    assert [line[:6] for line in lines] == ["#user="]
    assert re.fullmatch(r"error: the learning rate \(`--lr`\) must be smaller: .* Received: 1e\+30\n", errors)
