"""`run/plot.py`: a picture, or a sentence."""

import os
import struct

import pytest

from ncf_keras.cli import plot

pytest.importorskip("matplotlib")
LOG = "iteration,hr,ndcg,loss,train_seconds,evaluation_seconds\n0,0.3,0.2,0.5,1,1\n1,0.4,0.3,0.4,1,1\n"


def test_a_png_of_three_panels_beside_each_other(tmp_path, capsys):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(LOG)
    out = tmp_path / "new" / "curves.png"
    assert plot.main([str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"The curves are in {out}\n"
    header = out.read_bytes()[:24]
    width, height = struct.unpack(">II", header[16:])
    assert header.startswith(b"\x89PNG\r\n\x1a\n") and width > 2 * height
    assert [path.name for path in out.parent.iterdir()] == ["curves.png"]


@pytest.mark.parametrize("out", ["curves.pdf", "curves"])
def test_another_suffix_is_refused(tmp_path, capsys, out):
    (tmp_path / "a.csv").write_text(LOG)
    assert plot.main([str(tmp_path / "a.csv"), "--out", str(tmp_path / out)]) == 2
    assert "`--out` must end with .png" in capsys.readouterr().err
    assert not (tmp_path / out).exists()


@pytest.mark.parametrize("name", ["dir.png", f"{'x' * 300}.png"])
def test_what_can_be_no_file_is_refused(tmp_path, capsys, name):
    (tmp_path / "a.csv").write_text(LOG)
    (tmp_path / "dir.png").mkdir()
    assert plot.main([str(tmp_path / "a.csv"), "--out", str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: `--out` must be a file") and error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "dir.png"]


@pytest.mark.parametrize("name", ["$\\frac$", "_u", "日本", "x" * 250, os.fsdecode(b"\xff")])
def test_a_log_may_have_any_name(tmp_path, capsys, name):
    log = tmp_path / f"{name}.csv"
    log.write_text(LOG.replace("0.5", "nan"))
    assert plot.main([str(log), "--out", str(tmp_path / "a.png")]) == 0
    assert capsys.readouterr().err == ""
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_wrong_log_leaves_no_picture(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("nothing\n")
    assert plot.main([str(tmp_path / "a.csv"), "--out", str(tmp_path / "a.png")]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'a.csv'}, line 1: ")
    assert not (tmp_path / "a.png").exists()
