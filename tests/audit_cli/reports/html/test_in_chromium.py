import re

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from audit_cli.reports.html.controls import render_controls
from audit_cli.reports.html.page import render_html
from projections.audit.compliance import comply
from projections.audit.report import audit
from projections.audit.severity import Severity
from projections.policies import load_pack
from tests.audit_cli.reports.html.pages import hostile, hostile_page, large_page, many_keys
from tests.chromium import Browser
from tests.projections.audit.records import minted
from tests.projections.audit.samples import RECORDS, SCOPE

# What a link counts is its figure, or the count in its label; what it shows is counted above the table.
TRACE = """
const told = (name) => Number(document.getElementById(name + '-count').textContent
  .match(/of ([\\d,]+) (?:key|finding)/)[1].replaceAll(',', ''));
const links = [...document.querySelectorAll('a[data-filter]')].filter(link => !link.closest('.list, .heat'));
return links.map(link => {
  const said = link.getAttribute('aria-label') || link.textContent;
  const figure = said.match(/^[\\d,]+/)[0].replaceAll(',', '');
  link.click();
  return [link.dataset.filter, Number(figure), told(link.getAttribute('href').slice(1))];
});
"""
ROWS = "return document.querySelector(arguments[0]).innerHTML"
CELLS = """
const [body] = document.querySelector(arguments[0]).tBodies;
return [...body.rows].map(row => row.cells[arguments[1]].textContent);
"""
LOADED = """
const [entry] = performance.getEntriesByType('navigation');
const paint = performance.getEntriesByName('first-contentful-paint')[0];
return [entry.loadEventEnd, paint ? paint.startTime : null];
"""


def column(browser: Browser, table: str, cell: int) -> list[str]:
    found: list[str] = browser.run(CELLS, f"#{table}-table", cell)
    return found


def count(browser: Browser, table: str) -> str:
    return browser.one(f"#{table}-count").text


@pytest.mark.parametrize("keys", [None, 0, 250])
def test_a_page_asks_for_nothing_and_complains_of_nothing(browser: Browser, keys: int | None) -> None:
    browser.open(hostile_page() if keys is None else render_html(many_keys(keys)))

    assert browser.told() == []
    assert [url for url in browser.asked() if not url.startswith("data:")] == [browser.driver.current_url]
    assert browser.driver.title.startswith("API key audit of acme")
    assert browser.run("return document.documentElement.classList.contains('scripted')")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_of_a_standard_asks_for_nothing_and_keeps_nobody_out(
    browser: Browser, width: int, scheme: str
) -> None:
    pack = load_pack("owasp-nhi")
    browser.open(render_controls(comply(pack, pack.policy, audit(SCOPE, RECORDS, assess=True))))
    browser.window(width, 844)
    browser.media(prefers_color_scheme=scheme)

    assert browser.told() == []
    assert [url for url in browser.asked() if not url.startswith("data:")] == [browser.driver.current_url]
    assert browser.faults() == []
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_that_keeps_somebody_out(browser: Browser, scheme: str, width: int) -> None:
    browser.open(hostile_page())
    browser.window(width, 900)
    browser.media(prefers_color_scheme=scheme)

    assert browser.faults() == []


def test_axe_finds_nothing_on_a_page_of_many_keys(browser: Browser) -> None:
    browser.open(render_html(many_keys(60)))

    assert browser.faults() == []


@pytest.mark.parametrize("table", ["findings-table", "keys-table", "heat-table"])
def test_the_script_makes_the_very_rows_that_were_there_without_it(browser: Browser, table: str) -> None:
    page = render_html(many_keys(250)) if table == "heat-table" else hostile_page()
    browser.scripts(run=False)
    browser.open(page)
    before = browser.run(ROWS, f"#{table} tbody")
    browser.scripts(run=True)
    browser.open(page)
    if table == "heat-table":
        browser.run("document.querySelector('a[data-heat=\"0\"]').click()")
    else:
        search = browser.one(f"#{table.removesuffix('-table')}-q")
        search.send_keys("x")
        search.send_keys(Keys.BACKSPACE)

    assert browser.run(ROWS, f"#{table} tbody") == before


@pytest.mark.parametrize("keys", [0, 250], ids=["hostile", "many"])
def test_every_figure_leads_to_as_many_rows_as_it_says(browser: Browser, keys: int) -> None:
    browser.open(render_html(many_keys(keys)) if keys else hostile_page())

    traced = browser.run(TRACE)

    assert len(traced) > 30
    assert [(terms, figure) for terms, figure, _ in traced] == [(terms, shown) for terms, _, shown in traced]


def test_a_column_is_sorted_by_its_heading_from_the_keyboard(browser: Browser) -> None:
    browser.open(hostile_page())
    heading = browser.one("#keys-table [data-sort=age]")
    button = heading.find_element("css selector", "button")

    button.send_keys(Keys.ENTER)
    assert heading.get_attribute("aria-sort") == "descending"
    assert [each.get_attribute("data-sort") for each in browser.all("#keys-table [aria-sort]")] == ["age"]
    ages = [int(re.sub(r"\D.*", "", age.replace(",", ""))) for age in column(browser, "keys", 3)]
    assert ages == sorted(ages, reverse=True)

    button.send_keys(Keys.SPACE)
    assert heading.get_attribute("aria-sort") == "ascending"
    assert column(browser, "keys", 3)[0].startswith(f"{min(ages)} d")


@pytest.mark.parametrize("term", ["severity", "name", "owner", "rule"])
def test_every_column_of_the_findings_sorts_both_ways(browser: Browser, term: str) -> None:
    browser.open(hostile_page())
    button = browser.one(f"#findings-table [data-sort={term}] button")
    shown = []
    for _ in range(2):
        button.click()
        shown.append(column(browser, "findings", ["severity", "name", "owner", "rule"].index(term)))

    assert sorted(shown[0]) == sorted(shown[1])
    assert shown[0][0] != shown[1][0]


def test_findings_are_filtered_by_choice_and_by_text_and_shown_again(browser: Browser) -> None:
    browser.open(hostile_page())
    total = len(hostile().findings)

    Select(browser.one("#findings-severity")).select_by_value("urgent")
    assert count(browser, "findings") == f"Showing 2 of 2 findings, of {total}."
    assert set(column(browser, "findings", 0)) == {"critical", "high"}

    browser.one("#findings-q").send_keys("AFTER-revocation")
    assert column(browser, "findings", 0) == ["critical"]

    browser.one("#findings-controls [data-action=clear]").send_keys(Keys.ENTER)
    assert count(browser, "findings") == f"Showing {total} of {total} findings."


def test_what_passed_can_be_chosen_and_comes_after_what_was_found(browser: Browser) -> None:
    report = audit(SCOPE, RECORDS, assess=True)
    browser.open(render_html(report))

    Select(browser.one("#findings-status")).select_by_value("passed")
    assert {each.removesuffix("passed") for each in column(browser, "findings", 0)} <= set(Severity)
    browser.run("document.querySelector('.tiles a[data-filter*=urgent]').click()")
    assert count(browser, "findings").startswith("Showing 2 of 2 assessments, of ")


def test_a_key_of_a_finding_leads_to_its_row_and_takes_the_focus_along(browser: Browser) -> None:
    browser.open(hostile_page())
    first = browser.one("#findings-table tbody th a")
    name = first.text

    first.send_keys(Keys.ENTER)

    assert [cell[: len(name)] for cell in column(browser, "keys", 0)] == [name]
    assert browser.run("return document.activeElement.id") == "keys"


def test_more_rows_come_when_asked_for(browser: Browser) -> None:
    browser.open(render_html(many_keys(350)))
    assert count(browser, "keys") == "Showing 100 of 350 keys."

    browser.one("#keys-more [data-action=more]").click()
    assert len(column(browser, "keys", 0)) == 300

    browser.one("#keys-more [data-action=all]").click()
    assert len(column(browser, "keys", 0)) == 350
    assert not browser.one("#keys-more").is_displayed()


def test_the_first_stop_of_the_keyboard_leads_past_the_figures(browser: Browser) -> None:
    browser.open(hostile_page())

    browser.one("body").send_keys(Keys.TAB)
    link = browser.driver.switch_to.active_element
    assert link.text == "Skip to the findings"
    assert link.location["x"] >= 0

    link.send_keys(Keys.ENTER)
    assert browser.run("return document.activeElement.id") == "findings"


def test_a_band_of_keys_turns_to_its_keys(browser: Browser) -> None:
    report = many_keys(250)
    browser.open(render_html(report))

    browser.all("a[data-heat]")[3].click()

    assert count(browser, "heat") == "Showing 28 to 57 of 250 active keys."
    for label in ("Staler keys", "Fresher keys"):
        assert next(each for each in browser.all("#heat button") if each.text == label).is_displayed()


def test_a_day_of_a_key_says_its_date_and_uses_under_the_pointer(browser: Browser) -> None:
    browser.open(hostile_page())
    drawing = browser.all("#heat-table tbody svg")[-1]
    browser.run("arguments[0].scrollIntoView({block: 'center'})", drawing)
    point = """
    const box = arguments[0].getBoundingClientRect();
    arguments[0].dispatchEvent(new PointerEvent('pointermove',
      {clientX: box.right - 1, clientY: box.top + 2, bubbles: true}));
    return document.querySelector('.tip').textContent;
    """

    assert browser.run(point, drawing) == "2026-01-01: no use"


def test_without_a_script_the_page_says_everything_and_offers_nothing_that_does_nothing(
    browser: Browser,
) -> None:
    browser.scripts(run=False)
    browser.open(render_html(many_keys(250)))

    assert len(browser.all("#keys-table tbody tr")) == 100
    assert not [each for each in browser.all("button, input, select") if each.is_displayed()]
    assert "audit --format csv" in browser.one("#keys").text


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 1920])
def test_nothing_is_cut_off_at_any_width(browser: Browser, width: int) -> None:
    browser.open(hostile_page())
    browser.window(width, 900)

    assert browser.run("return document.documentElement.scrollWidth") <= width


def test_on_paper_headings_are_repeated_and_what_cannot_be_pressed_is_left_out(browser: Browser) -> None:
    browser.open(render_html(many_keys(250)))
    pages = browser.paper()

    assert 10 <= len(pages) <= 30
    of_findings = [page for page in pages if page.count("aged-key") > 3]
    assert len(of_findings) > 2
    assert all(re.search(r"Severity\W+Key\s+Owner\s+Finding", page) for page in of_findings[:2])
    assert f"1 of {len(pages)}" in pages[0]
    assert "Show more" not in "".join(pages)


def test_a_small_report_is_a_few_pages(browser: Browser) -> None:
    browser.open(render_html(audit(SCOPE, [minted(), minted(name="test")])))

    assert 2 <= len(browser.paper()) <= 5


def test_nothing_moves_for_those_who_asked_for_that(browser: Browser) -> None:
    browser.open(hostile_page())
    behaviour = "return getComputedStyle(document.documentElement).scrollBehavior"

    assert browser.run(behaviour) == "auto"
    browser.media()
    assert browser.run(behaviour) == "smooth"


@pytest.mark.performance
def test_a_page_of_5000_keys_opens_within_two_seconds(browser: Browser) -> None:
    browser.open(large_page())
    loaded, painted = browser.run(LOADED)

    assert 0 < loaded < 2000
    assert painted is None or painted < 2000
