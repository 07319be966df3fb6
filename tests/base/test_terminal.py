"""Nothing from outside steers a terminal, and nothing is printed for ever."""

import io
import sys
import unicodedata

from hypothesis import given, strategies as st

from ncf_keras.base.terminal import EscapedStream, escaped, safe_streams, shortened, unescaped


@given(st.text(st.characters()))
def test_no_control_character_is_left_and_ordinary_text_stays(text):
    shown = escaped(text)
    assert all(
        unicodedata.category(one) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for one in shown if one not in "\n\t"
    )
    if text.isprintable():
        assert shown == text


def test_escapes_by_hand():
    assert escaped("a\tb\n\x1b[31m\x1b]0;x\x07") == "a\tb\n\\x1b[31m\\x1b]0;x\\x07"
    assert escaped("a\tb\n", keep="") == "a\\tb\\n"
    assert escaped("é \u202e \udcff \x9b") == "é \\u202e \\udcff \\x9b"


def test_a_long_text_keeps_its_ends():
    assert shortened("short") == "short"
    text = "begin" + "x" * 100_000 + "end"
    assert len(shortened(text, 1000)) < 1100
    assert shortened(text, 1000).startswith("begin") and shortened(text, 1000).endswith("end")
    assert "99,008 characters left out" in shortened(text, 1000)


def test_a_stream_escapes_what_it_is_given_and_what_its_encoding_lacks():
    raw = io.BytesIO()
    stream = EscapedStream(io.TextIOWrapper(raw, encoding="ascii"))
    print("é\x1b", file=stream, flush=True)
    stream.writelines(["\u4e2d", "\n"])
    stream.flush()
    assert raw.getvalue() == b"\\xe9\\x1b\n\\u4e2d\n"
    assert unescaped(stream) is stream.unescaped and unescaped(sys) is sys


def test_streams_that_were_closed_take_and_give_nothing(monkeypatch, capsys):
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    with safe_streams():
        print("nowhere")
        print("nowhere", file=sys.stderr)
        assert sys.stdin.read() == ""
    assert sys.stdin is None and sys.stdout is None
