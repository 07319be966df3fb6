"""A small dataset with titles that a page could trip over."""

import dataclasses

from tests.recommending.crowd import TITLES, crowd

SCRIPT = '<script>document.title = "taken"</script>'
IMAGE = '<img src="https://example.org/x" onerror="document.title = 1">'
HEBREW = "שלום עולם"
EMOJI = "🎬 Night & Day"


def shelf(ids=True, titles=True):
    """Return the crowd of 8 users and 13 items; the titles of items 5 to 8 are awkward, item 2 has none."""
    dataset = crowd(ids, titles)
    awkward = [*TITLES[:5], SCRIPT, IMAGE, HEBREW, EMOJI, *TITLES[9:]]
    return dataclasses.replace(dataset, item_titles=awkward) if titles else dataset
