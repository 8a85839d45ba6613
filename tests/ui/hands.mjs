// What a person does with the page: find buttons, rows and bars by the words on them.
import assert from 'node:assert/strict';

const exact = (text) => new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);

export const button = (page, text) =>
    page
        .locator('a.x-btn:visible')
        .filter({ has: page.locator('.x-btn-inner', { hasText: exact(text) }) })
        .last();

export const click = async (page, text) => {
    await button(page, text).click({ timeout: 10000 });
};

export const disabled = async (page, text) =>
    (await button(page, text).getAttribute('aria-disabled')) === 'true';

export const tooltip = (page, text) => button(page, text).getAttribute('data-qtip');

export const menuItem = (page, text) =>
    page.locator('.x-menu-item-link:visible').filter({ hasText: exact(text) });

// The visible rows of an own component as arrays of cell texts; bars give their percentage.
export const rows = (page, xtype) =>
    page
        .locator(`[id^=${xtype}] .x-grid-item:visible`)
        .evaluateAll((items) =>
            items.map((item) =>
                [...item.querySelectorAll('.x-grid-cell')]
                    .filter((cell) => cell.offsetWidth)
                    .map((cell) => cell.textContent.replace(/ /g, ' ').trim()),
            ),
        );

export const text = (page, itemId) =>
    page.locator(`[data-prs=${itemId}]:visible`).last().textContent();

// Waits until `look` gives something true and gives it; says what it saw last when it does not come.
export const until = async (look, what, seconds = 30) => {
    const end = Date.now() + seconds * 1000;
    let seen;
    while (Date.now() < end) {
        seen = await look();
        if (seen) {
            return seen;
        }
        await new Promise((done) => setTimeout(done, 150));
    }
    assert.fail(`not seen within ${seconds} s: ${what}`);
};

export const sees = (page, words, seconds = 30) =>
    until(
        async () => (await page.locator('body').innerText()).replace(/\s+/g, ' ').match(words),
        String(words),
        seconds,
    );

export const shown = (page, xtype, seconds = 20) =>
    until(async () => (await rows(page, xtype)).length, `rows in ${xtype}`, seconds);
