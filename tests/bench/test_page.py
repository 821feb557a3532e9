# SPDX-License-Identifier: MIT
"""The report in a real browser: Debian's Chromium, without a window."""

import json
import os
import subprocess

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from conftest import TOP, Made
from evaluation import settings

PLOTS = 11  # five claims, and six of their own


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for word in ("--headless", "--no-sandbox", "--disable-gpu",
                 "--disable-dev-shm-usage", "--window-size=1280,1000"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"),
                              options=options)
    driver.set_page_load_timeout(120)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def shown(browser, tmp_path_factory):
    """The page of some results, shown; each is made once."""
    folder, pages = tmp_path_factory.mktemp("pages"), {}

    def show(**options):
        key = str(options)
        if key not in pages:
            data = folder / ("%d.json" % len(pages))
            pages[key] = folder / ("%d.html" % len(pages))
            data.write_text(json.dumps(Made(**options).data))
            subprocess.run([os.path.join(TOP, "bench", "page"), data,
                            pages[key]], check=True)
        browser.get("file://%s" % pages[key])
        return browser
    return show


def drawn(browser):
    """Of each plot: its size, and the shapes that have an extent."""
    return browser.execute_script("""
        return [...document.querySelectorAll('.plot svg')].map(svg => {
            const box = svg.getBoundingClientRect();
            const shapes = [...svg.querySelectorAll('path, use')].filter(
                e => { const b = e.getBoundingClientRect();
                       return b.width > 0 || b.height > 0; });
            const words = [...svg.querySelectorAll('text')].filter(
                e => e.getBoundingClientRect().width > 0);
            return {width: box.width, height: box.height,
                    shapes: shapes.length, words: words.length};
        });""")


def test_plots_are_there(shown):
    browser = shown(rounds=4)
    found = drawn(browser)
    assert len(found) == PLOTS
    for plot in found:
        assert plot["width"] > 700 and plot["height"] > 100, plot
        assert plot["shapes"] > 20 and plot["words"] > 8, plot


def test_each_claim_is_answered(shown):
    browser = shown(rounds=4)
    cards = [e.text for e in browser.find_elements(By.CLASS_NAME, "verdict")]
    assert len(cards) == 5
    assert all("ahead" in card for card in cards)
    for claim in browser.find_elements(By.CLASS_NAME, "claim"):
        text = claim.get_attribute("textContent")
        for s in settings.SETTINGS.values():
            if s.kind in (settings.FULL, settings.SOFT) and not s.rows_of:
                assert s.label in text


def test_the_summary_has_each_claim_by_each_setting(shown):
    browser = shown(rounds=4)
    table = browser.find_element(By.CSS_SELECTOR, "table.short")
    lines = [[cell.text for cell in line.find_elements(
        By.CSS_SELECTOR, "th, td")] for line in table.find_elements(
            By.TAG_NAME, "tr")]
    others = [s.label for s in settings.SETTINGS.values() if s.kind in (
        settings.FULL, settings.SOFT) and not s.rows_of]
    assert [label.split(",")[0] for label in lines[0][1:]] == [
        label.split(",")[0] for label in others]
    said = {line[0]: line[1:] for line in lines}
    for claim in ("Faster execution?", "Less CPU overhead?", "Better I/O?",
                  "Better scaling?", "Stability?"):
        assert set(said[claim]) <= {"Yes", "No", "Partly", "About even"}
    assert all("×" in cell for cell in said["speed of all rows"])
    assert said["disk speed, IDE and e1000 there"][0] == "–"


def test_nothing_comes_from_elsewhere(shown):
    browser = shown(rounds=4)
    asked = browser.execute_script(
        "return performance.getEntriesByType('resource').map(e => e.name)")
    assert [url for url in asked if not url.startswith("data:")] == []
    severe = [e for e in browser.get_log("browser")
              if e["level"] == "SEVERE"]
    assert severe == []


def test_the_data_is_in_the_page(shown):
    browser = shown(rounds=4)
    links = browser.find_elements(By.CSS_SELECTOR, "a[download]")
    assert [e.get_attribute("download") for e in links] == [
        "ringfort-evaluation.json", "ringfort-evaluation.csv"]
    table = browser.execute_async_script("""
        const done = arguments[arguments.length - 1];
        fetch(document.querySelectorAll('a[download]')[1].href)
            .then(r => r.text()).then(done);""")
    assert table.startswith("round,host,setting,row,unit,value")
    assert table.count("\n") > 500


def test_no_setting_is_silently_missing(shown):
    browser = shown(rounds=2, without=("tcg", "xen"))
    text = browser.find_element(By.TAG_NAME, "body").text
    assert "Not in this report" in text
    for label in "QEMU translation, virtio", "Xen PVH guest":
        assert label in text
    assert "it broke" in text


def test_a_page_of_little(shown):
    """Only two machines, one round: no plot may fail for want of data."""
    browser = shown(rounds=1, without=[
        h.name for h in settings.HOSTS if h.name not in ("native",
                                                         "ringfort")])
    assert "Not measured" in browser.find_element(By.TAG_NAME, "body").text
    assert len(drawn(browser)) >= 4
