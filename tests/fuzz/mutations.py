"""Inputs that are almost right: whole files with a few bytes changed, removed, repeated or inserted."""

from collections.abc import Sequence

from hypothesis import strategies as st

# What has broken readers before: ends of lines, signs, sizes, other alphabets, the beginnings of other formats.
TOKENS = (
    b"", b"\0", b"\n", b"\r", b"\r\n", b"\t", b",", b";", b"::", b'"', b'""', b"'", b"(", b")", b" ", b"-",
    b"#",
    b"-1", b"0", b"1e9", b"1e999", b"nan", b"inf", b"2147483648", b"9223372036854775808", b"9" * 400, b"0x10",
    b"1_000", b"\xef\xbb\xbf", b"\xff", b"\xc3\x28", "é\u2028\u0085\u200b".encode(), "٣".encode(), b"\x1a",
    b"\x1f\x8b", b"PK\x03\x04", b"PAR1", b"\x89HDF\r\n\x1a\n", b"\xff" * 8, b"\x00" * 8, b"\x00" * 7 + b"\x80",
    b"../../../../etc/passwd", b"/dev/zero", b"http://127.0.0.1:9/", b"__import__('os').abort()",
    b"cos\nsystem\n", b"[" * 2000, b"{}", b"null", b"index,user_id\n", b"(0,1)", b"=1+1",
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, wholes: Sequence[bytes], most_edits: int = 4) -> bytes:
    """Return one of `wholes` with up to `most_edits` edits; sometimes random bytes."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.binary(max_size=200))
    content = bytearray(draw(st.sampled_from(wholes)))
    for _ in range(draw(st.integers(1, most_edits))):
        place = draw(st.integers(0, len(content)))
        length = draw(st.integers(0, 12) | st.integers(0, max(len(content) - place, 0)))
        kind = draw(st.sampled_from(["flip", "token", "token", "cut", "double", "end", "byte"]))
        if kind == "flip" and place < len(content):
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "byte" and place < len(content):
            content[place] = draw(st.integers(0, 255))
        elif kind == "token":
            content[place : place + draw(st.sampled_from([0, length]))] = draw(st.sampled_from(TOKENS))
        elif kind == "cut":
            del content[place : place + length]
        elif kind == "double":
            other = draw(st.integers(0, len(content)))
            content[other:other] = content[place : place + length]
        elif kind == "end":
            del content[place:]
    return bytes(content)
