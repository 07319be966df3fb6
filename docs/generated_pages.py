"""The pages of the site that are not files of docs/: a hook of mkdocs, named in mkdocs.yml."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import ncf_keras

PROJECT = Path(__file__).parents[1]
# What the pages name and no package lists: each is a module whose public names are all shown.
MODULES = {
    "ncf_keras.solvers": ("fold_in", "least_squares"),
    "ncf_keras.training": ("schedules", "tuned"),
}


def public_packages() -> Iterator[ModuleType]:
    """Yield `ncf_keras` and each package below it that says which of its names are public."""
    yield ncf_keras
    for found in pkgutil.walk_packages(ncf_keras.__path__, "ncf_keras."):
        if found.ispkg:
            package = importlib.import_module(found.name)
            if hasattr(package, "__all__") or found.name in MODULES:
                yield package


def rooms_of_root_names() -> dict[str, str]:
    """Return the package that lists each name which `ncf_keras` lists too."""
    rooms = [package for package in public_packages() if package is not ncf_keras]
    return {name: room.__name__ for room in rooms for name in getattr(room, "__all__", ())}


def reference_page(package: ModuleType) -> str:
    """Return the Markdown of a package's page: its docstring, then each public name."""
    # What a room lists is shown there; `ncf_keras` leads to it.
    elsewhere = rooms_of_root_names() if package is ncf_keras else {}
    names = {*getattr(package, "__all__", ()), *MODULES.get(package.__name__, ())} - {"__version__"}
    packages, links, blocks = [], [], []
    for name in sorted(names, key=str.lower):
        full = f"{package.__name__}.{name}"
        if name in elsewhere:
            links.append(f"- [`{name}`][{elsewhere[name]}.{name}]")
        elif (Path(package.__path__[0]) / name).is_dir():
            packages.append(f"- [`{full}`]({page_name(full)}): {importlib.import_module(full).__doc__}")
        else:
            blocks.append(f"::: {full}")
    return "\n\n".join(
        [f"# {package.__name__}", str(package.__doc__), "\n".join(packages + links), *blocks, ""]
    )


def page_name(package: str) -> str:
    """Return the file name of a package's page."""
    return "index.md" if package == "ncf_keras" else f"{package.removeprefix('ncf_keras.')}.md"


def reference() -> dict[str, str]:
    """Return the Markdown of each page of the reference by its path below docs/."""
    return {
        f"reference/{page_name(package.__name__)}": reference_page(package) for package in public_packages()
    }


def notebook_pages() -> dict[str, str | bytes]:
    """Return the notebooks as Markdown, and their pictures."""
    from nbconvert import MarkdownExporter

    pages: dict[str, str | bytes] = {}
    for path in sorted((PROJECT / "docs/notebooks").glob("*.ipynb")):
        text, resources = MarkdownExporter().from_filename(str(path))
        # Tables of pandas get the site's own looks.
        text = re.sub(r"<style scoped>.*?</style>\n", "", text, flags=re.DOTALL)
        text = text.replace('<table border="1" class="dataframe">', "<table>").replace("![png]", "![]")
        pages[f"notebooks/{path.stem}.md"] = text
        pages |= {f"notebooks/{name}": picture for name, picture in resources["outputs"].items()}
    return pages


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages to those of docs/ (called by mkdocs)."""
    from mkdocs.structure.files import File

    pages = reference() | notebook_pages()
    for name in ("CONTRIBUTING", "CHANGELOG"):
        pages[f"{name.lower()}.md"] = (PROJECT / f"{name}.md").read_text(encoding="utf-8")
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:
    """Lead links to a notebook to its page, and a page that is named as a file to itself (called by mkdocs)."""
    markdown = markdown.replace(".ipynb)", ".md)")
    if "/" in page.file.src_uri:
        return markdown

    def link(named: re.Match[str]) -> str:
        return f"[{named[0]}]({named[1]})" if (PROJECT / "docs" / named[1]).is_file() else named[0]

    return re.sub(r"(?<!\[)`docs/([\w/]+\.md)`", link, markdown)
