"""The page in a real browser, the Chromium or Chrome that is installed; skipped where there is none."""

import contextlib

import pytest

from ncf_keras.browsing.answers import Answers
from ncf_keras.browsing.in_thread import served
from ncf_keras.recommending import Recommender
from tests.browsing.shelf import HEBREW, IMAGE, SCRIPT, shelf
from tests.chromium import chromium, colour, contrast
from tests.models import by_hand
from tests.recommending.crowd import ITEM_IDS, MODELS, TITLES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recommender():
    model = MODELS["GMF"][0]()
    by_hand.randomise(model)
    return Recommender(model, shelf())


@pytest.fixture(scope="module")
def address(recommender):
    with served(Answers(recommender, shelf(), seed=3)) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def opened(browser, address):
    """Open pages; afterwards, none has asked anybody else or complained, and each is still itself."""

    @contextlib.contextmanager
    def opened(hash="", **options):
        page = browser.new_page(**options)
        page.set_default_timeout(10_000)
        asked, complaints = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.goto(address + hash)
        page.wait_for_selector("#list-items li, #list-note:not(:empty)")
        yield page
        assert len(asked) > 5 and all(url.startswith(address) for url in asked)
        assert complaints == []
        assert "ncf browse" in page.title()
        page.close()

    return opened


def titles(page, part):
    return page.locator(f"#{part}-items .title > bdi").all_inner_texts()


def title_of(raw):
    title = dict(zip(ITEM_IDS, shelf().item_titles, strict=True))[raw]
    return title or f"Item {raw}"


def focused(page):
    return page.evaluate("document.activeElement.id || document.activeElement.getAttribute('aria-label')")


def test_by_keyboard_alone_one_names_titles_and_looks_at_what_is_similar(opened, recommender):
    with opened() as page:
        assert page.inner_text("#list-heading") == "Most popular"
        page.keyboard.press("Tab")
        assert focused(page) == "user-input"
        for _ in range(2):  # Previous and Next are disabled where no user is shown.
            page.keyboard.press("Tab")
        assert focused(page) == "item-input"
        page.keyboard.type("title,")
        page.wait_for_selector("#item-options [role=option]")
        options = page.locator("#item-options [role=option] > bdi").all_inner_texts()
        assert options and all(option.startswith("Title, ") for option in options)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        active = page.get_attribute("#item-input", "aria-activedescendant")
        assert page.get_attribute(f"#{active}", "aria-selected") == "true"
        page.keyboard.press("Enter")
        page.wait_for_selector("#list-heading:text-is('Recommended')")
        assert titles(page, "history") == [options[1]]
        # Enter before the suggestions have come takes the first of them.
        page.keyboard.type("amelie")
        page.keyboard.press("Enter")
        page.wait_for_selector("#history-items li:nth-child(2)")
        assert titles(page, "history") == [options[1], TITLES[0]]
        liked = [ITEM_IDS[shelf().item_titles.index(title)] for title in (options[1], TITLES[0])]
        expected = recommender.fold_in(liked, 10)
        assert titles(page, "list") == list(map(title_of, expected["item_id"]))
        assert "Near" in page.inner_text("#list-items li:first-child .why")

        first = expected["item_id"].iloc[0]
        while focused(page) != f"Similar: {title_of(first)}":
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("#similar-items li")
        assert focused(page) == "similar-heading"
        similar = recommender.similar_items([first], 10)["similar_item_id"]
        assert titles(page, "similar") == list(map(title_of, similar))
        page.keyboard.press("Escape")
        page.wait_for_selector("#similar", state="hidden")
        assert focused(page) == f"Similar: {title_of(first)}"
        page.go_back()
        page.wait_for_selector("#similar-items li")


def test_a_user_is_found_and_the_next_and_the_one_before(opened, recommender):
    with opened() as page:
        page.fill("#user-input", "zo")
        page.wait_for_selector("#user-options [role=option]")
        page.keyboard.press("Enter")
        page.wait_for_selector("#history-heading:has-text('Zoë')")
        assert page.url.endswith("#user=5")
        expected = recommender.recommend(["Zoë"], 10)["item_id"]
        assert titles(page, "list") == list(map(title_of, expected))
        scores = page.locator("#list-items .facts > span:nth-child(2)").all_inner_texts()
        assert scores == [f"{score:.3f}" for score in recommender.recommend(["Zoë"], 10)["score"]]
        page.click("#next-user")
        page.wait_for_selector("#history-heading:has-text('007')")
        assert titles(page, "list") == [] and titles(page, "history"), "this user has seen everything"
        page.click("#previous-user")
        page.wait_for_selector("#history-heading:has-text('Zoë')")
        page.fill("#user-input", "nobody")
        page.wait_for_selector("#user-options [aria-disabled=true]")
        page.keyboard.press("Enter")
        assert page.inner_text("#user-options") == "Nothing holds “nobody”"
    with opened("#user=0") as page:
        assert page.inner_text("#history-note") == "Nothing in training"
        assert len(titles(page, "list")) == 10


@contextlib.contextmanager
def held_back(page, name):
    """Let no question of a name through until the block ends."""
    held, over = [], False
    page.route(f"**/api/{name}?*", lambda question: question.continue_() if over else held.append(question))
    yield
    over = True
    for question in held:
        question.continue_()


def go(page, hash):
    page.evaluate("hash => { location.hash = hash }", hash)


def wait_for_user(page, user):
    page.locator("#history-heading", has_text=f"History of user {shelf().user_ids[user]}").wait_for()


def test_what_comes_late_is_shown_only_if_the_address_still_asks_for_it(opened):
    with opened("#user=3") as page:
        similar = page.locator("#list-items button", has_text="Similar").first
        with held_back(page, "similar"):
            with page.expect_request("**/api/similar?*"):
                similar.click()
            with page.expect_event("requestfailed"):  # The page wants no answer any more.
                go(page, "user=4")
        wait_for_user(page, 4)
        assert page.is_hidden("#similar") and focused(page) != "similar-heading"

        with held_back(page, "user"):
            with page.expect_request("**/api/user?*"):
                go(page, "user=5")
            go(page, "user=5&similar=3")
        wait_for_user(page, 5)
        page.wait_for_selector("#similar-items li")
        assert focused(page) == "similar-heading"


def test_after_a_failure_nothing_stays_that_the_address_does_not_ask_for(browser, address, recommender):
    page = browser.new_page()
    page.set_default_timeout(10_000)
    page.goto(f"{address}#user=3")
    wait_for_user(page, 3)
    page.context.set_offline(True)
    page.click("#next-user")
    page.wait_for_selector("#problem:text-is('The server gives no answer. Is ncf browse still running?')")
    assert page.is_hidden("#list") and page.is_hidden("#history")
    page.context.set_offline(False)
    go(page, "user=4&similar=3")
    page.wait_for_selector("#similar-items li")
    assert page.is_hidden("#problem")
    page.go_back()
    page.wait_for_selector("#similar", state="hidden")
    wait_for_user(page, 4)
    expected = recommender.recommend([shelf().user_ids[4]], 10)["item_id"]
    assert titles(page, "list") == list(map(title_of, expected))
    similar = page.locator("#list-items button", has_text="Similar").first
    page.context.set_offline(True)
    similar.click()
    page.wait_for_selector("#problem:not([hidden])")
    assert page.is_hidden("#similar") and page.is_visible("#list")
    page.context.set_offline(False)
    similar.click()  # The address stays; the question is asked again.
    page.wait_for_selector("#similar-items li")
    assert page.is_hidden("#problem")

    go(page, "similar=99999")
    page.wait_for_selector("#problem:not([hidden])")
    assert page.is_hidden("#similar") and page.inner_text("#list-heading") == "Most popular"
    go(page, "")
    page.wait_for_selector("#problem", state="hidden")

    busy = {"status": 503, "content_type": "text/plain; charset=utf-8", "body": "Service Unavailable"}
    page.route("**/api/liked?*", lambda question: question.fulfill(**busy))
    go(page, "k=7")
    page.wait_for_selector("#problem:text-is('The server is busy. Try again in a moment.')")
    page.unroute("**/api/liked?*")
    page.click("#start-over")
    page.wait_for_selector("#list-items li:nth-child(7)")
    assert len(titles(page, "list")) == 7 and page.input_value("#length") == "7"
    page.select_option("#length", "10")
    page.wait_for_selector("#list-items li:nth-child(8)")
    assert page.locator("#length option").all_inner_texts() == ["10", "20", "50", "100"]
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_one_way_and_hostile_titles_are_text(opened, scheme):
    with opened("#user=6&similar=5", viewport={"width": 360, "height": 740}, color_scheme=scheme) as page:
        page.wait_for_selector("#similar-items li")
        assert page.inner_text("#similar-heading") == f"Similar to {SCRIPT}"
        page.click("#whole-history")
        assert {SCRIPT, IMAGE, HEBREW} <= set(titles(page, "history"))
        hebrew = page.locator("#history-items bdi", has_text=HEBREW).first
        assert hebrew.evaluate("it => getComputedStyle(it).direction") == "rtl"
        page.fill("#item-input", "<")
        page.wait_for_selector("#item-options [role=option]")
        options = page.locator("#item-options [role=option] > bdi").all_inner_texts()
        assert sorted(options) == sorted([SCRIPT, IMAGE])
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert page.locator("img, body script").count() == 0


def test_what_is_wrong_is_said_on_the_page(browser, address):
    page = browser.new_page()
    page.goto(f"{address}#user=8")
    page.wait_for_selector("#problem:not([hidden])")
    assert page.inner_text("#problem") == "`user` must be an index from 0 to 7. Received: 8"
    page.goto(f"{address}#user=3")
    page.wait_for_selector("#list-items li")
    assert page.is_hidden("#problem")
    page.close()


def test_text_stands_out_from_what_is_behind_it(opened):
    """WCAG 2.2 asks for a contrast of 4.5 for text and 3 for the edges of fields (1.4.3, 1.4.11)."""
    for scheme in ("light", "dark"):
        with opened(color_scheme=scheme) as page:
            pairs = [
                (text, behind) for text in ("ink", "soft", "accent") for behind in ("paper", "card", "tint")
            ]
            for text, behind in [*pairs, ("mark", "mark-tint"), ("problem", "card")]:
                assert contrast(colour(page, text), colour(page, behind)) >= 4.5, (scheme, text, behind)
            for behind in ("paper", "card"):
                assert contrast(colour(page, "edge"), colour(page, behind)) >= 3, (scheme, behind)
