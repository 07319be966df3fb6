"""A table of texts as a log in many forms, and the flags that read it."""

import bz2
import csv
import datetime
import gzip
import io
import itertools
import json
import re

from hypothesis import strategies as st

ROLES = ("user", "item", "rating", "timestamp")
NAMES = ("userId", "itemId", "rating", "timestamp")
DAY = "%d %b %Y"
FORMS = st.fixed_dictionaries({
    "kind": st.sampled_from(["csv", "csv", "letters", "escaped", "json", "array"]),
    "delimiter": st.sampled_from([",", "\t", ";", "|"]), "line_end": st.sampled_from(["\n", "\r\n"]),
    "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), "order": st.permutations(range(4)),
    "header": st.sampled_from(["yes", "no", "first"]), "mark": st.booleans(),
    "packing": st.sampled_from([None, None, "gzip", "bzip2", "zstd"]), "rating": st.booleans(),
    "encoding": st.sampled_from([None, None, "utf-16", "latin-1"]), "last_line_end": st.booleans(),
    "blank_lines": st.integers(0, 2), "parts": st.sampled_from([1, 1, 1, 2, 3]),
    "how": st.sampled_from(["named", "directory", "stdin"]), "days": st.booleans(),
    "missing": st.sampled_from([(), (), ("null",), ("-", "c")]),
})  # fmt: skip


def zstd(data):
    """Return data packed by Zstandard."""
    import pyarrow

    return pyarrow.compress(data, codec="zstd", asbytes=True)


PACK = {None: bytes, "gzip": gzip.compress, "bzip2": bz2.compress, "zstd": zstd}


class WrittenLog:
    """Rows of four texts in a form of `FORMS`, made one that can hold them.

    Attributes:
        data: the bytes of each part.
        flags: what reads them, besides the paths.
    """

    def __init__(self, rows, form):
        self._form = form = self._possible(rows, form)
        self._columns = [column for column in form["order"] if form["rating"] or column != 2]
        if form["days"]:
            rows = [(*row[:3], _in_words(row[3])) for row in rows]
        bounds = [len(rows) * part // form["parts"] for part in range(form["parts"] + 1)]
        parts = [rows[begin:end] for begin, end in itertools.pairwise(bounds)]
        write = self._json if form["kind"] in ("json", "array") else self._text
        self.data = [PACK[form["packing"]](self._encoded(write(part, n == 0))) for n, part in enumerate(parts)]
        self.flags = list(self._flags())

    @staticmethod
    def _possible(rows, form):
        texts = [text for row in rows for text in row]
        has_ends = any("\r" in text or "\n" in text for text in texts)
        form = dict(form)
        if form["kind"] == "letters":
            form["delimiter"] = {",": "\t", ";": "::", "|": "§§"}.get(form["delimiter"], form["delimiter"])
            # Where one part of the delimiter ends a field, the field ends earlier.
            if has_ends or any(set(form["delimiter"]) & set(text) or "\x1f" in text for text in texts):
                form |= {"kind": "csv", "delimiter": ","}
        if form["kind"] == "escaped" and (has_ends or any(text[:1] == "\ufeff" for text in texts)):
            form["kind"] = "csv"
        # The csv module quotes a carriage return only where it ends lines.
        form["quoting"] = csv.QUOTE_ALL if has_ends else form["quoting"]
        if form["encoding"] == "latin-1" and not all(ord(letter) < 256 for text in texts for letter in text):
            form["encoding"] = None
        if form["how"] == "stdin":
            form["parts"] = 1
        if (
            form["header"] == "first"
            and form["kind"] not in ("json", "array")
            and len(rows) < 2 * form["parts"]
        ):
            form["header"] = "yes"
        return form

    def _text(self, rows, is_first):
        form, text = self._form, io.StringIO()
        if form["header"] == "yes" or (form["header"] == "first" and is_first):
            rows = [NAMES, *rows]
        if form["kind"] == "letters":
            lines = [form["delimiter"].join(row[column] for column in self._columns) for row in rows]
            ends = form["line_end"] * (1 + form["blank_lines"])
            text.write("".join(line + ends for line in lines))
        else:
            escaped = form["kind"] == "escaped"
            how = {"quoting": csv.QUOTE_NONE, "escapechar": "\\"} if escaped else {"quoting": form["quoting"]}
            writer = csv.writer(text, delimiter=form["delimiter"], lineterminator=form["line_end"], **how)
            for row in rows:
                writer.writerow([row[column] for column in self._columns])
                text.write(form["line_end"] * form["blank_lines"])
        whole = text.getvalue()
        return whole if form["last_line_end"] else whole.removesuffix(form["line_end"])

    def _json(self, rows, is_first):
        records = []
        for n, row in enumerate(rows):
            record = {"text": 'a "quoted"\n{}[],', "who": {"id": _json_id(row[0], n)}}
            record[NAMES[1]] = _json_id(row[1], n + 1)
            if self._form["rating"]:
                record[NAMES[2]] = _json_number(row[2])
            record[NAMES[3]] = _json_number(row[3])
            records.append({key: record[key] for key in sorted(record, key=lambda key: hash_of(key, n))})
        if self._form["kind"] == "array":
            return json.dumps(records, ensure_ascii=n_is_odd(rows), indent=self._form["blank_lines"] or None)
        lines = [json.dumps(record, ensure_ascii=n_is_odd(rows)) for record in records]
        return "".join(line + self._form["line_end"] * (1 + self._form["blank_lines"]) for line in lines)

    def _encoded(self, text):
        if self._form["encoding"]:
            return text.encode(self._form["encoding"])
        return (b"\xef\xbb\xbf" if self._form["mark"] else b"") + text.encode()

    def _flags(self):
        form = self._form
        is_json = form["kind"] in ("json", "array")
        # Of UTF-16, the mark tells.
        yield from ["--encoding", "latin-1"] if form["encoding"] == "latin-1" else []
        yield from [word for text in form["missing"] for word in ("--missing", text)]
        yield from ["--time_format", DAY] if form["days"] else []
        yield from ["--format", "json" if is_json else "text"]
        if is_json:
            names = {"user": "who.id", "item": NAMES[1], "timestamp": NAMES[3]}
            names["rating"] = NAMES[2] if form["rating"] else "none"
        else:
            yield from ["--delimiter", form["delimiter"]]
            yield from ["--quoting", "csv" if form["kind"] == "csv" else "none"]
            yield from ["--escape", "\\"] if form["kind"] == "escaped" else []
            if form["header"] == "first":
                names = dict(zip(ROLES, NAMES, strict=True)) | ({} if form["rating"] else {"rating": "none"})
            else:
                yield from ["--header", form["header"]]
                places = {ROLES[column]: str(place) for place, column in enumerate(self._columns, 1)}
                names = {role: places.get(role, "none") for role in ROLES}
        yield from [word for role, name in names.items() for word in (f"--{role}", name)]


def meant(rows, form):
    """Return the rows as they are meant: what was declared missing is an empty text."""
    return [tuple("" if text.strip() in form["missing"] else text for text in row) for row in rows]


def hash_of(key, n):
    """Return a number that puts the keys of each record in another order."""
    return (len(key) * 7 + n * 5) % 11


def n_is_odd(rows):
    """Return whether there is an odd number of rows."""
    return len(rows) % 2 == 1


def _json_id(text, n):
    """Return an id as JSON may have it: a whole number as a number, an empty text as null or as it is."""
    if re.fullmatch("-?[1-9][0-9]{0,14}|0", text) and n % 3:
        return int(text) if n % 3 == 1 else float(text)
    return None if not text and n % 2 else text


def _json_number(text):
    if re.fullmatch("-?(0|[1-9][0-9]*)", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?(0|[1-9][0-9]*)\.[0-9]+", text) else (text or None)


def _in_words(text):
    """Return a date as `DAY` has it; any other text as it is."""
    try:
        return datetime.date.fromisoformat(text).strftime(DAY)
    except ValueError:
        return text
