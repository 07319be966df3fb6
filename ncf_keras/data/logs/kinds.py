"""What a log is, told by its first bytes: text, JSON, Parquet, or something that is named and not read."""

import re

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import open_input
from ncf_keras.data.logs.files import LogFile
from ncf_keras.data.logs.options import LogOptions
from ncf_keras.data.logs.text import OTHER_ENCODING
from ncf_keras.data.packing import LONGEST_MAGIC, packing_of
from ncf_keras.data.reading import READ_ERRORS, open_text, unreadable

PARQUET_MAGIC = b"PAR1"
# What JSON begins with; an id in braces, as some systems write theirs, is followed by a digit. Arrays of arrays
# or texts are told to be no records, while as text their brackets would be letters of ids.
JSON_BEGINS = re.compile(r"""\s*(\[\s*)?\{\s*(["'}]|u')|\s*\[\s*[]["]""")
OTHER_KINDS = {
    b"PK\x03\x04": "a zip archive; unpack it, as in `unzip -p FILE | ncf prepare -`; save a spreadsheet as CSV",
    b"\xfd7zXZ": "an xz archive; unpack it, as in `xz -dc FILE | ncf prepare -`",
    b"7z\xbc\xaf": "a 7z archive; unpack it first",
    b"\x04\x22\x4d\x18": "an lz4 archive; unpack it, as in `lz4 -dc FILE | ncf prepare -`",
    b"SQLite format": "an SQLite database; export the table as CSV",
    b"ARROW1": "an Arrow file; save it as Parquet",
    b"Obj\x01": "an Avro file; save it as Parquet",
    b"ORC": "an ORC file; save it as Parquet",
    b"\x89HDF": "an HDF5 file; save the table as Parquet",
    b"\x93NUMPY": "a NumPy file; save it as CSV",
    b"\x80\x04\x95": "a Python pickle, which is never read because it could run code; save it as Parquet",
    b"\x80\x05\x95": "a Python pickle, which is never read because it could run code; save it as Parquet",
    b"\xd0\xcf\x11\xe0": "a spreadsheet; save it as CSV",
    b"<!DOCTYPE": "a web page, not what it links to",
    b"<html": "a web page, not what it links to",
    b"version https://git-lfs": "a pointer of Git LFS; `git lfs pull` brings the file",
}
LONGEST_BEGIN = max(map(len, OTHER_KINDS))
# A tar archive, packed or not, has this at its place.
TAR, TAR_PLACE = "ustar", 257


def kind_of_log(file: LogFile, options: LogOptions) -> str:
    """Return `text`, `json` or `parquet`; InputError if a file is nothing that is read here."""
    with open_input(file, "The log") as stream:
        try:
            first = stream.read(max(LONGEST_MAGIC, LONGEST_BEGIN))
        except OSError as error:
            raise unreadable(file, error) from None
    if first.startswith(PARQUET_MAGIC):
        return "parquet"
    for magic, called in OTHER_KINDS.items():
        if first.startswith(magic) and not packing_of(first):
            raise InputError(f"{file} must be text, JSON or Parquet, as it is or packed. Received: {called}")
    try:
        with open_text(file, encoding=options.encoding, longest_line=None) as text:
            begin = text.read(4096)
    except READ_ERRORS as error:
        raise unreadable(file, error, options.encoding, OTHER_ENCODING) from None
    if begin[TAR_PLACE:].startswith(TAR):
        raise InputError(
            f"{file} must be text, JSON or Parquet, as it is or packed. Received: a tar archive; unpack it, "
            "as in `tar -xOf FILE MEMBER | ncf prepare -`"
        )
    return "json" if JSON_BEGINS.match(begin) else "text"
