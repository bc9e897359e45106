"""report.html in a real browser: no request, no error, no sideways scrolling on a phone, and a sheet of paper that holds it all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dadeum.report import page
from dadeum.report.words import LANGS
from test_report_run import HOSTILE, make

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there: the report is not looked at in a browser")
    with playwright.sync_playwright() as p:
        running = p.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A whole run in both languages, one that stopped early, and one full of hostile rows without a space to break at."""
    root = tmp_path_factory.mktemp("pages")
    made = {lang: page.write(make(root / lang), lang) for lang in LANGS}
    made["early"] = page.write(make(root / "early", trained=False), "ko")
    made["hostile"] = page.write(make(root / "hostile", text=HOSTILE + "x" * 3000), "en")
    return made


def opened(browser: Any, path: Path, width: int) -> tuple[Any, list[str], list[str]]:
    """A page, the addresses that it asked for, and what went wrong on it."""
    tab = browser.new_page(viewport={"width": width, "height": 844})
    asked: list[str] = []
    wrong: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    tab.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    tab.goto(path.as_uri())
    return tab, asked, wrong


@pytest.mark.parametrize("name", [*LANGS, "early", "hostile"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_opens_without_a_network_and_without_sideways_scrolling(browser: Any, pages: dict[str, Path], name: str, width: int) -> None:
    tab, asked, wrong = opened(browser, pages[name], width)
    tab.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert asked == [pages[name].as_uri()] and wrong == []
    tab.close()


def test_a_number_tells_where_it_came_from_when_it_is_tapped(browser: Any, pages: dict[str, Path]) -> None:
    tab, _, _ = opened(browser, pages["en"], 390)
    tab.locator("data.n").first.click()
    assert tab.locator("#where").inner_text() == "1,255 — run.json: counts.read"
    tab.keyboard.press("Escape")
    assert not tab.locator("#where").is_visible()
    tab.close()


@pytest.mark.parametrize("lang", LANGS)
def test_every_text_can_be_read_and_every_picture_has_a_name(browser: Any, pages: dict[str, Path], lang: str) -> None:
    """Contrast of at least 4.5 (WCAG 2.2, 1.4.3) for every text on its background, as the browser computes both."""
    tab, _, _ = opened(browser, pages[lang], 1280)
    tab.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    assert tab.evaluate("document.documentElement.lang") == lang
    assert tab.evaluate("[...document.querySelectorAll('svg[role=img]')].every(s => s.getAttribute('aria-label'))")
    assert tab.evaluate("document.querySelectorAll('h1').length") == 1
    assert tab.evaluate("[...document.querySelectorAll('section')].every(s => document.getElementById(s.getAttribute('aria-labelledby')))")
    faint = tab.evaluate(CONTRAST)
    assert faint == []
    tab.close()


def test_paper_holds_every_reason_that_the_screen_folds_away(browser: Any, pages: dict[str, Path], tmp_path: Path) -> None:
    tab, _, _ = opened(browser, pages["ko"], 1280)
    tab.emulate_media(media="print")
    assert not tab.locator("nav").is_visible()
    assert all(tab.locator("details.reason .samples .text").nth(i).is_visible() for i in (1, 3))
    paper = tab.pdf(path=str(tmp_path / "report.pdf"), prefer_css_page_size=True)
    assert paper.startswith(b"%PDF") and 4 <= paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page ") <= 30
    tab.close()


CONTRAST = """
() => {
  const rgb = (s) => { const m = s.match(/[\\d.]+/g).map(Number); return m.length > 3 ? m : [...m, 1]; };
  const light = (c) => { const f = (v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
    return .2126 * f(c[0]) + .7152 * f(c[1]) + .0722 * f(c[2]); };
  const faint = [];
  const walk = document.createTreeWalker(document.querySelector('.page'), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !e.getClientRects().length || e.closest('[aria-hidden]')) continue;
    const svg = e.closest('svg');
    const front = rgb(getComputedStyle(e)[svg ? 'fill' : 'color']);
    let back = [255, 255, 255, 1];
    for (let up = e; up; up = up.parentElement) { const c = rgb(getComputedStyle(up).backgroundColor); if (c[3] > 0) { back = c; break; } }
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) faint.push(e.className + ': ' + walk.currentNode.textContent.trim().slice(0, 30));
  }
  return [...new Set(faint)];
}
"""
