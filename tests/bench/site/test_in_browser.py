"""The site in a browser: what scripts, keys and narrow screens do to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bench.site.browser import Browser, find_browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def shared_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    pytest.importorskip("websocket", reason="needs websocket-client")
    command = find_browser()
    if command is None:
        pytest.skip("no Chromium or Chrome is installed")
    with Browser(command, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(shared_browser: Browser) -> Iterator[Browser]:
    """The browser; no page may meet an error or ask for anything but files."""
    shared_browser.look(1280)
    shared_browser.requests.clear()
    shared_browser.errors.clear()
    yield shared_browser
    assert not shared_browser.errors
    assert shared_browser.requests
    assert all(url.startswith(("file:", "data:", "about:")) for url in shared_browser.requests)


def test_every_page_loads_and_fits_every_screen_light_and_dark(
    site: Path, browser: Browser
) -> None:
    grounds = set()
    root = "document.documentElement"
    for page in sorted(site.glob("*.html")):
        browser.show(page)
        assert browser.js("document.querySelectorAll('thead button').length")  # the script ran
        assert browser.js("[...document.images].every(image => image.naturalWidth > 0)")
        for width in (1280, 400):
            for dark in (False, True):
                browser.look(width, dark=dark)
                assert browser.js(f"{root}.clientWidth") > width - 20
                assert browser.js(f"{root}.scrollWidth <= {root}.clientWidth"), (page, width)
                grounds.add((dark, browser.js("getComputedStyle(document.body).backgroundColor")))
    assert len(grounds) == 2


def test_columns_sort_by_value_both_ways(site: Path, browser: Browser) -> None:
    browser.show(site / "lite-emopia.html")
    runs = "[data-filter=runs]"
    for order, reverse in (("descending", True), ("ascending", False)):
        browser.click(f"{runs} th:nth-child(3) button")
        values = [float(text) for text in browser.texts(f"{runs} td:nth-child(3)")]
        assert values == sorted(values, reverse=reverse)
        assert len(set(values)) > 2
        assert browser.texts(f"{runs} [aria-sort={order}]") == ["Accuracy %"]
        assert len(browser.texts(f"{runs} [aria-sort]")) == 1


def test_intervals_sort_by_their_lower_end(site: Path, browser: Browser) -> None:
    browser.show(site / "index.html")
    cells = "[data-filter]:has([aria-label^=EMOPIA]) td:nth-child(4)"
    keys = f"[...document.querySelectorAll('{cells}')].map(cell => cell.dataset.key)"
    # As texts, or digit by digit, they would sort the other way.
    browser.js(f"document.querySelectorAll('{cells}')[0].dataset.key = '0.397058824'")
    browser.js(f"document.querySelectorAll('{cells}')[1].dataset.key = '0.5'")
    for expected in (["0.5", "0.397058824"], ["0.397058824", "0.5"]):
        browser.click("[data-filter]:has([aria-label^=EMOPIA]) th:nth-child(4) button")
        assert browser.js(keys) == expected


def test_what_has_no_value_comes_last_either_way(site: Path, browser: Browser) -> None:
    browser.show(site / "index.html")
    published = "[aria-label='Published elsewhere']"
    for _ in range(2):
        browser.click(f"{published} th:nth-child(6) button")
        values = browser.texts(f"{published} td:nth-child(6)")
        assert values[-1] == "–"
        assert values[0] != "–"


def test_rows_are_filtered_while_typing(site: Path, browser: Browser) -> None:
    browser.show(site / "index.html")
    browser.focus("input[type=search]")
    browser.type("MT-")
    table = "[data-filter]:has([aria-label^=EMOPIA])"
    assert browser.texts(f"{table} tbody th") == ["mt-midibert"]
    assert browser.texts(f"{table} output") == ["1 of 2"]


def test_tables_sort_with_keys_alone(site: Path, browser: Browser) -> None:
    browser.show(site / "index.html")
    for _ in range(60):
        browser.press("Tab")
        if browser.texts(":focus")[0].startswith("Macro-F1"):
            break
    assert browser.js("document.activeElement.tagName") == "BUTTON"
    assert browser.js("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.press("Enter")
    assert browser.js("document.activeElement.closest('th').ariaSort") == "descending"


def test_a_clip_opens_with_keys_and_gives_the_focus_back(site: Path, browser: Browser) -> None:
    browser.show(site / "smoke-synthetic.clips.html")
    browser.focus("#clips tbody button")
    first = browser.texts(":focus")
    browser.press("Enter")
    browser.wait("document.querySelectorAll('dialog[open] .roll rect').length")
    assert browser.texts("#clip-title") == first
    cells = browser.texts("dialog tbody th, dialog tbody td")
    alpha, beta = cells[:7], cells[7:]
    assert alpha[0] == "alpha"
    assert alpha[1].endswith("wrong")
    assert sorted(alpha[2:6]) == ["10.0", "10.0", "10.0", "70.0"]
    assert (alpha[6], beta[6]) == ("0 of 4", "0 of 1")
    browser.press("ArrowRight")
    (second,) = browser.texts("#clip-title")
    assert [second] != first
    browser.press("Escape")
    browser.wait(f"document.activeElement.textContent === '{second}'")
    assert not browser.texts("dialog[open]")


def test_keys_work_on_at_the_ends_of_the_list(site: Path, browser: Browser) -> None:
    browser.show(site / "smoke-synthetic.clips.html")
    browser.focus("#clips tbody tr:nth-last-child(2) button")
    (clip,) = browser.texts(":focus")
    browser.press("Enter")
    browser.focus("dialog [data-go='1']")
    browser.press("Enter")
    assert browser.texts("#clip-title") != [clip]
    browser.press("ArrowLeft")
    assert browser.texts("#clip-title") == [clip]


def test_a_clip_has_an_address_of_its_own(site: Path, browser: Browser) -> None:
    browser.show(site / "smoke-synthetic.clips.html")
    clip = browser.js("smerBench.answers.clips[7]")
    browser.show(site / "smoke-synthetic.clips.html", f"#{clip}")
    assert browser.texts("dialog[open] #clip-title") == [clip]


def test_clips_are_chosen_by_quadrant_and_by_who_is_right(site: Path, browser: Browser) -> None:
    browser.show(site / "smoke-synthetic.clips.html")
    for select, value, shown in ((2, "0", 4), (2, "", 64), (1, "Q3", 16)):
        box = f"document.querySelectorAll('.tools select')[{select - 1}]"
        browser.js(f"{box}.value = '{value}'")
        browser.js(f"{box}.dispatchEvent(new Event('input', {{ bubbles: true }}))")
        assert browser.texts(".tools output") == [f"{shown} of 64"]
        assert len(browser.texts("#clips tbody tr")) == shown


def test_without_files_the_clip_says_so_in_place_of_the_roll(site: Path, browser: Browser) -> None:
    browser.show(site / "lite-emopia.clips.html")
    browser.click("#clips tbody button")
    (text,) = browser.texts("dialog")
    assert "another version of this dataset" in text
    assert browser.texts("dialog tbody th") == ["mt-midibert", "midibert"]


def test_names_from_records_run_nowhere(site: Path, browser: Browser) -> None:
    (page,) = [p for p in site.glob("*.clips.html") if not p.name.startswith(("lite", "smoke"))]
    browser.show(page)
    browser.click("#clips tbody button")
    assert "<script>alert(1)</script>" in browser.texts("dialog")[0]
    assert browser.js("document.querySelectorAll('main script').length") == 0
