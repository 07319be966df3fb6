"""The commands that README and the pages print, taken apart as a shell would."""

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from tests.shared_files import PROJECT

PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
PROGRAMS = (
    "ncf", "python", "python3", "pip", "pytest", "awk", "cat", "cp", "curl", "docker", "export", "for", "git",
    "grep", "gzip", "head", "jupyter", "mkdocs", "mypy", "newest=", "printf", "ruff", "saved_model_cli",
    "TF_CONFIG=", "NCF_DRAWS=", "NCF_KILLS=",
)  # fmt: skip
# What may stand before a program: of a loop, and the choice of a core.
PREFIXES = ("do", "done", "wait", "taskset", "-c", "$index")
BEGINS = re.compile(rf"(?:{'|'.join(map(re.escape, PROGRAMS))})(?<=[=\w])(?:(?<==)|\s)")


class Printed(NamedTuple):
    """One program with its arguments, and where it is printed."""

    page: str
    words: tuple[str, ...]
    output: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def printed_commands() -> list[Printed]:
    """Return every command of every page, each once a page, in the order in which they are printed."""
    return list(
        dict.fromkeys(
            Printed(str(page.relative_to(PROJECT)), words, output)
            for page in PAGES
            for line, output in command_lines(page.read_text(encoding="utf-8"))
            for words in programs(line)
        )
    )


def command_lines(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the lines of commands and what they print: in blocks without a language, and in cells of tables."""
    fence = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for language, block in fence.findall(text):
        if language in ("", "sh"):
            yield from _lines_of_block(block)
    text = fence.sub("", text)
    for block in re.findall(r"(?<=\n\n)(?:    \S.*\n)+", text):
        yield from _lines_of_block(re.sub(r"^    ", "", block, flags=re.MULTILINE))
    for row in re.findall(r"^\|.*\|$", text, re.MULTILINE):
        for code in re.findall(r"`([^`]+)`", row):
            # `ncf evaluate --protocol full` names a flag and is no whole command.
            if BEGINS.match(code) and not code.startswith("ncf ") and "…" not in code:
                yield code, ()


def programs(line: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of each program on a line, without what is set for it and where its output goes."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set(";&|"):
            while words and (
                re.match(r"\w+=", words[0]) or words[0] in ("do", "done", "wait", "taskset", "-c", "$index")
            ):
                del words[0]
            if words and words[0] not in ("for", "export"):
                yield tuple(words[: next((n for n, each in enumerate(words) if set(each) <= set("<>")), None)])
            words = []
        else:
            words.append(word)


def _lines_of_block(block: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    block = re.sub(r"<<END\n.*?^END$", "", block, flags=re.MULTILINE | re.DOTALL).replace("\\\n", " ")
    if re.search(r"^\$ ", block, re.MULTILINE):
        for turn in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, *output = turn.rstrip().split("\n")
            yield line, tuple(output)
    elif BEGINS.match(block):
        yield from ((line, ()) for line in block.split("\n") if line)
