"""Take the picture in docs/browse.md: the page of `ncf browse`, on the built-in sample.

Command:  python run/experiments/browse_picture.py (about a minute)

Trains a NeuMF of 8 factors on the sample, shows it on a free port, and opens the page in the Chromium or Chrome
of this machine through playwright.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from ncf_keras.base.errors import InputError
from ncf_keras.cli.console import import_tensorflow_quietly, run_command
from ncf_keras.cli.flags import whole_number
from ncf_keras.cli.paths import OutputFile

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the picture and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--to", type=OutputFile, default="docs/images/browse.png", help="the picture")
    add("--view", default="user=95&similar=4", help="what the page shows, as behind # in its address")
    add("--scheme", choices=("light", "dark"), default="light")
    add("--width", type=whole_number(320, 4000), default=1200)
    add("--height", type=whole_number(320, 4000), default=760)
    flags = parser.parse_args(arguments)
    return run_command(lambda: _take(flags))


def _take(flags: argparse.Namespace) -> None:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        raise InputError(f"One of {', '.join(BROWSERS)} must be installed. Received: none")
    import_tensorflow_quietly()
    import ncf_keras
    from ncf_keras.browsing.answers import Answers
    from ncf_keras.browsing.in_thread import served

    dataset = ncf_keras.sample_dataset()
    model = ncf_keras.train(dataset, "NeuMF", epochs=12, seed=1, verbose=0).model
    answers = Answers(ncf_keras.Recommender(model, dataset), dataset)
    with served(answers) as address:
        _photograph(program, f"{address}#{flags.view}", flags)


def _photograph(program: str, address: str, flags: argparse.Namespace) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        viewport = {"width": flags.width, "height": flags.height}
        page = browser.new_page(viewport=viewport, color_scheme=flags.scheme)
        page.goto(address)
        page.wait_for_selector("#similar-items li" if "similar" in flags.view else "#list-items li")
        page.screenshot(path=flags.to)
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
