"""The site of mkdocs.yml builds without a warning, shows every public name, and loads nothing from elsewhere.

The slow tests need `pip install -e '.[docs]'`.
"""

import importlib
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

import ncf_keras
from tests.shared_files import PROJECT

# What a reader may be sent to. Nobody's machine is asked for it before the reader clicks.
EXTERNAL_LINKS = {
    "https://keepachangelog.com/en/1.1.0/",
    "https://semver.org/",
    "https://www.tensorflow.org/tfx/guide/serving",
    "https://www.tensorflow.org/tfx/serving/serving_config",
}
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "object": "data"}


def public_names():
    """Yield (package, name) of all that the packages list, the packages found by their folders."""
    folders = sorted(Path(ncf_keras.__file__).parent.rglob("__init__.py"))
    for folder in folders:
        package = ".".join(folder.parent.relative_to(PROJECT).parts)
        for name in getattr(importlib.import_module(package), "__all__", ()):
            if name != "__version__":
                yield package, name


class Page(HTMLParser):
    """What a page of the site loads, where it leads, and the places in it."""

    def __init__(self, path):
        super().__init__()
        self.loaded, self.links, self.ids = set(), set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids.add(given.get("id") or given.get("name"))
        if tag in LOADED and given.get(LOADED[tag]) and given.get("rel") not in ("next", "prev", "canonical"):
            self.loaded.add(given[LOADED[tag]])
        if tag == "a" and given.get("href"):
            self.links.add(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs")
    directory = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(directory)]
    # What mkdocs-material says about the next mkdocs is no warning of ours.
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return directory


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html")}


def test_the_reference_asks_for_every_public_name(monkeypatch):
    monkeypatch.syspath_prepend(str(PROJECT / "docs"))
    from generated_pages import page_name, reference

    pages = reference()
    found = list(public_names())
    assert {("ncf_keras", "Recommender"), ("ncf_keras.data", "Dataset")} <= set(found) and len(found) > 100
    for package, name in found:
        text = pages[f"reference/{page_name(package)}"]
        full = f"{package}.{name}"
        shown = (
            rf"^::: {full}$|^- \[`{name}`\]\[ncf_keras\.[\w.]+\.{name}\]$|^- \[`{full}`\]\({page_name(full)}\)"
        )
        assert re.search(shown, text, re.MULTILINE), full
    nav = (PROJECT / "mkdocs.yml").read_text(encoding="utf-8")
    assert all(path in nav for path in pages)


@pytest.mark.slow
def test_every_public_name_has_a_place_with_words(site, pages):
    ids = set().union(*(page.ids for path, page in pages.items() if "reference" in path.parts))
    found = list(public_names())
    for package, name in found:
        homes = [home for home, other in found if other == name]
        is_package = (PROJECT / package.replace(".", "/") / name).is_dir()
        assert is_package or any(f"{home}.{name}" in ids for home in homes), f"{package}.{name}"


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(site, pages):
    for path, page in pages.items():
        assert not [
            each for each in page.loaded if re.match(r"\w+:|//", each) and not each.startswith("data:")
        ], path
        assert "@import" not in path.read_text(encoding="utf-8")
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"@import|url\([\"']?(https?:)?//", text), path


@pytest.mark.slow
def test_links_lead_to_pages_and_places(site, pages):
    external = set()
    for path, page in pages.items():
        for link in page.links:
            target, place = urldefrag(link)
            if re.match(r"\w+:", target):
                external.add(target)
                continue
            # The page of what is not found is served from anywhere: its links begin at the root.
            there = site / target.lstrip("/") if target.startswith("/") else path.parent / target
            there = there.resolve() if target else path
            there = there / "index.html" if there.is_dir() else there
            assert there.is_file(), f"{path}: {link}"
            if place and there.suffix == ".html" and not place.startswith("__"):
                assert unquote(place) in pages[there].ids, f"{path}: {link}"
    assert external == EXTERNAL_LINKS
