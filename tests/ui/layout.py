"""What a person would see at a glance: words that are cut off or wrapped, things that lie on one another, words in another language."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from playwright.sync_api import Page

from ui.hands import LOOK_EVERY, words_of
from ui.stage import BUILT

PATIENCE = 30.0  # seconds
# Each width in each theme once: in the one or the other language, which differ in the length of words only.
SAMPLE = {"de": ((1024, "light"), (1920, "light"), (1280, "dark")), "en": ((1024, "dark"), (1920, "dark"), (1280, "light"))}
# Of the components whose ids begin so: labels, buttons, headers, titles, cells and lines of text that are cut, that wrap where they should
# not, or that reach out of the window; and controls that lie on one another.
LOOK = """xtypes => {
    let roots = [...document.querySelectorAll(xtypes.map(one => `[id^=${one}-]`).join())].filter(one => one.offsetWidth);
    let within = css => [...new Set(roots.flatMap(root => [...root.querySelectorAll(css)]))]
        .filter(one => one.offsetWidth && getComputedStyle(one).visibility === 'visible');
    let words = one => one.textContent.trim().slice(0, 60);
    // Of its words alone: an icon that turns reaches out with its corners, which are empty.
    let box = one => {
        let rects = [];
        let texts = document.createTreeWalker(one, NodeFilter.SHOW_TEXT);
        while (texts.nextNode()) {
            let range = document.createRange();
            range.selectNodeContents(texts.currentNode);
            rects.push(...(texts.currentNode.data.trim() ? range.getClientRects() : []));
        }
        if (!rects.length) { return one.getBoundingClientRect(); }
        let [left, top] = ['left', 'top'].map(side => Math.min(...rects.map(rect => rect[side])));
        let [right, bottom] = ['right', 'bottom'].map(side => Math.max(...rects.map(rect => rect[side])));
        return { left, right, top, bottom, height: bottom - top };
    };
    let wrong = [];
    let once = '.x-btn-inner, .x-toolbar-text, .x-tab-inner, .x-title-text, .x-column-header-text-inner';
    let whole = `${once}, .x-form-item-label-text, .x-form-cb-label, [role=status]`;
    let grids = Ext.ComponentQuery.query(xtypes.map(one => `${one} grid`).join()).filter(one => one.isVisible(true) && !one.collapsed);
    // As PVE's own lists, those that are narrower than PVE's least screen leaves them are moved sideways.
    let narrow = grids.filter(one => one.getWidth() < 600);
    let aside = narrow.map(one => one.headerCt.el.dom);
    within(whole).filter(words).forEach(one => {
        let mine = box(one);
        let header = aside.find(header => header.contains(one));
        if ((mine.right > innerWidth + 1 || mine.left < -1) && !header) { wrong.push(`reaches out of the page: ${words(one)}`); }
        for (let above = one; above && above !== document.body; above = above.parentElement) {
            let { overflowX } = getComputedStyle(above);
            let { left, right } = above.getBoundingClientRect();
            let cut = mine.right > right + 1 || mine.left < left - 1;
            if (overflowX !== 'visible' && cut) { wrong.push(`cut off: ${words(one)}`); break; }
            if (above.matches('.x-window, .x-grid-view') || (header && above.matches('.x-column-header'))) { break; }
        }
    });
    within(once).filter(words).forEach(one => {
        let line = parseFloat(getComputedStyle(one).lineHeight) || 16;
        if (box(one).height > 1.7 * line) { wrong.push(`wraps: ${words(one)}`); }
    });
    // Of what scrolls only the part in sight.
    let seen = one => {
        let { left, right, top, bottom } = one.getBoundingClientRect();
        for (let above = one.parentElement; above; above = above.parentElement) {
            if (getComputedStyle(above).overflowY !== 'visible') {
                let its = above.getBoundingClientRect();
                [left, right] = [Math.max(left, its.left), Math.min(right, its.right)];
                [top, bottom] = [Math.max(top, its.top), Math.min(bottom, its.bottom)];
            }
        }
        return { left, right, top, bottom };
    };
    let controls = within('.x-btn, .x-form-item, .x-toolbar-text, .x-toolbar [role=status]');
    controls.forEach((one, index) => controls.slice(index + 1).forEach(other => {
        if (one.contains(other) || other.contains(one)) { return; }
        let [mine, its] = [one, other].map(seen);
        let wide = Math.min(mine.right, its.right) - Math.max(mine.left, its.left);
        let high = Math.min(mine.bottom, its.bottom) - Math.max(mine.top, its.top);
        if (wide > 2 && high > 2) { wrong.push(`on one another: ${words(one)} and ${words(other)}`); }
    }));
    // A cell says all on the spot or in its tooltip, which is encoded twice.
    let plain = html => {
        let made = document.createElement('div');
        made.innerHTML = html;
        return made.textContent.replace(/\\s+/g, ' ');
    };
    within('.x-grid-cell:not(.x-progressbar-default-cell) > .x-grid-cell-inner').filter(words).forEach(one => {
        let whole = one.textContent.replace(/\\s+/g, ' ').trim();
        let told = plain(one.parentElement.dataset.qtip || '');
        if (one.scrollWidth > one.clientWidth + 1 && !told.includes(whole)) { wrong.push(`cut cell: ${words(one)}`); }
    });
    grids.filter(one => !narrow.includes(one) && one.getWidth() + 1 <
        one.getColumns().filter(column => column.isVisible()).reduce((sum, column) => sum + column.getWidth(), 0))
        .forEach(one => wrong.push(`columns wider than their list: ${one.xtype}`));
    return [...new Set(wrong)];
}"""
SETTLED = """width => Ext.ComponentQuery.query('viewport')[0].getWidth() === width
    && [...document.querySelectorAll('[id^=prsPanel-] .x-toolbar, [id^=prsPanel-] .x-grid-view, .x-window')].filter(one => one.offsetWidth)
        .map(one => one.getBoundingClientRect()).every(one => one.left >= 0 && one.right <= width + 1)
    && !document.getAnimations().some(one => one instanceof CSSTransition)"""


def words_in(language: str) -> dict[str, str]:
    """The translations of the built panel by their English sentence."""
    found: dict[str, str] = json.loads((BUILT / "js" / f"prs-lang-{language}.json").read_text(encoding="utf-8"))
    return found


def english_left(page: Page, language: str) -> list[str]:
    """English sentences of two words or more that are still seen although the language has its own."""
    seen = words_of(page)
    translated = {key: value for key, value in words_in(language).items() if key != value and " " in key}
    plain = {re.sub(r"\{\w+\}.*", "", key).strip(" :,(") for key in translated}
    return sorted(one for one in plain if " " in one and one in seen)


def speak(page: Page, language: str) -> None:
    """Load the page again in another language; what it remembers stays."""
    page.add_init_script(f"window.test.lang = {json.dumps(language)};")
    page.reload()


def look(page: Page, *xtypes: str) -> list[str]:
    """What is wrong with these components as they are now; ExtJS shares out widths a while after a change, so that it gets some time."""
    end = time.monotonic() + PATIENCE
    while True:
        found: list[str] = page.evaluate(LOOK, list(xtypes))
        if not found or time.monotonic() > end:
            return found
        page.wait_for_timeout(LOOK_EVERY)


def looks_wrong(page: Page, language: str, *xtypes: str) -> list[Any]:
    """What is wrong with these components at each width, as [width, theme, what]; the page is 1280 wide and light in the end."""
    wrong: list[Any] = [[0, "", f"English: {one}"] for one in (english_left(page, language) if language != "en" else [])]
    for width, theme in SAMPLE[language]:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.wait_for_function(SETTLED, arg=width)
        wrong += [[width, theme, one] for one in look(page, *xtypes)]
    page.emulate_media(color_scheme="light")
    return wrong
