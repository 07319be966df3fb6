"""`run/ask.py` against the stub of the server."""

import json
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest

from ncf_keras.cli.ask import main
from tests.serving.client.tables import Tables
from tests.shared_files import PROJECT


@pytest.fixture(params=["rest", "grpc"])
def server(stub, request):
    return getattr(stub, request.param)


@pytest.fixture
def ask(server, capfd):
    """Return what the command prints: the lines, or the rows if it is asked for JSON."""

    def ask(*arguments):
        assert asked(server, *arguments) == 0
        out, err = capfd.readouterr()
        assert err == ""
        return json.loads(out, parse_constant=pytest.fail) if "json" in arguments else out.splitlines()

    return ask


def asked(server, *arguments):
    patience = ["--retries", 0, "--timeout", 20, "--deadline", 30]
    return main([str(argument) for argument in ["--server", server, *patience, *arguments]])


def test_lists_as_a_table_that_nothing_breaks(ask):
    assert ask("recommend", "--user", 0, 2, "--k", 2) == [
        "user  known  rank  item  title  score",
        "0     yes    1     1            0.75",
        "0     yes    2     2            0.75",
        "2     yes    1     3            0.4",
    ]
    rows = [line.split(maxsplit=4) for line in ask("recommend", "--user_id", "ann", "stranger")[1:]]
    assert rows[0] == ["ann", "yes", "1", "père", 'He said "no"  0.75']
    assert [" ".join(row[:4]) for row in rows[1:7]] == [
        *("ann yes 2 i\\udcff2", "ann yes 3 i0", "ann yes 4 i3", "ann yes 5 i4"),
        *("stranger no 1 i4", "stranger no 2 i0"),
    ]
    assert rows[4][4].split() == ["Tab\\there", "0.125"]


def test_lists_as_json(ask):
    assert ask("--format", "json", "recommend", "--user_id", "zoé", "--k", 2) == [
        {"user": "zoé", "known": True, "rank": 1, "item": "i\udcff2", "title": "", "score": 0.1},
        {"user": "zoé", "known": True, "rank": 2, "item": "père", "title": 'He said "no"', "score": 1e-07},
    ]
    expected = {"like": 2, "known": True, "rank": 1, "item": 0, "title": "", "score": 0.8}
    assert ask("--format", "json", "similar", "--item", 2, "--k", 1) == [expected]
    (found,) = ask("--format", "json", "similar", "--item_id", "i0", "--k", 1)
    assert (found["like"], found["item"], found["title"]) == ("i0", "père", 'He said "no"')


def test_scores_status_and_metadata(ask):
    assert ask("--format", "json", "score", "--user", 0, "--item", 1, 9, -1) == [
        {"user": 0, "item": 1, "score": 0.75},
        {"user": 0, "item": 9, "score": None},
        {"user": 0, "item": -1, "score": None},
    ]
    lines = ask("score", "--user", 1, 9, "--item", 3)
    assert lines == ["user  item  score", "1     3     123457", "9     3     ?"]
    assert ask("--label", "stable", "status") == ["version  state      error", "2        AVAILABLE"]
    assert [" ".join(line.split()) for line in ask("metadata") if line.startswith("score ")] == [
        "score input item_input int32 [?]",
        "score input user_input int32 [?]",
        "score output prediction float32 [?]",
    ]
    rows = ask("--format", "json", "metadata")
    assert {"signature": "recommend", "kind": "input", "name": "k", "dtype": "int32", "shape": None} in rows
    assert [row["shape"] for row in rows if row["name"] == "prediction"] == [[None]] * 2


@pytest.mark.parametrize(
    ("fault", "arguments", "status", "words"),
    [
        ("", ["--version", 9, "recommend", "--user", 0], 2, "Specific(ncf, 9)"),
        ("", ["--model", "other", "status"], 2, "Could not find any versions of model other"),
        ("overloaded", ["recommend", "--user", 0], 1, "is full (1 try in 0.0 s)\n"),
    ],
)
def test_mistakes_and_missing_answers_end_with_a_sentence(server, stub, fault, arguments, status, words, capfd):
    stub.faults.append(fault)
    assert asked(server, *arguments) == status
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("error: ") and words in err and len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("recommend", "one of the arguments --user --user_id is required"),
        ("recommend --user ann", "must be a whole number from -2147483647 to 2147483647. Received: 'ann'"),
        (f"recommend --user {2**31}", f"to 2147483647. Received: '{2**31}'"),
        ("recommend --user 00000000010", "to 2147483647. Received: '00000000010'"),
        ("--deadline 1e300 status", "argument --deadline: must be a number above 0 and at most 604800"),
        (f"--version {2**63} status", "must be a whole number from 0 to 9223372036854775807"),
        ("recommend --user 1 --k -1", "argument --k: must be a whole number from 0 to 2147483647"),
        ("--version 1 --label stable status", "not allowed with argument"),
        ("--timeout 0 status", "argument --timeout: must be a number above 0"),
        ("", "required: QUESTION"),
    ],
)
def test_wrong_flags_end_with_status_2(arguments, words, capfd):
    with pytest.raises(SystemExit, match="2"):
        main(arguments.split())
    assert words in capfd.readouterr().err


@pytest.mark.parametrize("arguments", [
    ["--deadline", "1e300"], ["--timeout", "604801"], ["--retries", "1000001"], ["--version", str(2**63)],
    ["--label", "l" * 256], ["--model", "\udcff"], ["--model", ""], ["--label", ""],
    ["--server", f"http://{'a' * 70}.example"], ["--server", "grpc://b\udcff"], ["--server", "http://localhost:65536"],
])  # fmt: skip
def test_values_that_nothing_can_be_asked_with(arguments, capfd):
    try:
        status = main([*arguments, "status"])
    except SystemExit as stop:
        status = stop.code
    out, err = capfd.readouterr()
    assert (status, out) == (2, "") and len(err.splitlines()) == 1 and "error: " in err and "Received: " in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["score", "--user", 1, 2, "--item", 1, 2, 3],
         "`--user` and `--item` must be of one length. Received: 2 and 3"),
        (["recommend", "--user_id", "\ud800"], "`--user_id` must be "),
        (["similar", "--item_id", "\ud800"], "`--item_id` must be "),
        (["--model", "", "status"], "`--model` must be the name"),
        (["--label", "", "status"], "`--label` must be a name"),
        (["--server", "there", "status"], "`--server` must be the address"),
    ],
)  # fmt: skip
def test_messages_name_the_flags_that_were_typed(stub, arguments, words, capfd):
    assert asked(stub.rest, *arguments) == 2
    assert capfd.readouterr().err.startswith(f"error: {words}")


def test_a_score_that_json_can_not_say_is_the_servers_mistake(stub, capfd):
    with mock.patch.object(Tables, "run", lambda *_: {"prediction": np.array([np.inf], np.float32)}):
        for server in (stub.rest, stub.grpc):
            assert asked(server, "--format", "json", "score", "--user", 0, "--item", 0) == 1
            out, err = capfd.readouterr()
            assert out == "" and err.startswith(
                "error: the server must answer `prediction` of shape [1]. Received: "
            )


@pytest.mark.parametrize("protocol", ["rest", pytest.param("grpc", marks=pytest.mark.slow)])
def test_the_script_answers_and_is_quiet(stub, protocol, tmp_path):
    """In a process of its own, with gRPC's and TensorFlow's own logs."""
    command = [sys.executable, str(PROJECT / "run" / "ask.py"), "--server", getattr(stub, protocol)]
    command += ["--timeout", "60", "--deadline", "60", "recommend", "--user", "0", "--k", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].split() == ["0", "yes", "1", "1", "0.75"]
