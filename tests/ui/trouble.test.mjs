// PVE's interface goes on whatever happens to the panel, its service or its data.
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { click, disabled, menuItem, sees, shown, tooltip, until } from './hands.mjs';
import { openBrowser, openPage, openStage } from './stage.mjs';

const built = resolve(import.meta.dirname, '../../build/ui/js/prs-rebalancing.js');
let stage;
let browser;

before(async () => {
    stage = await openStage('hostile', 6);
    browser = await openBrowser();
});

after(async () => {
    await browser.close();
    await stage.close();
});

const visit = (options) => openPage(browser, stage, options);

// The Datacenter view, a node's view and its context menu work, with or without us.
const pveWorks = async (page) => {
    await page.locator('.x-treelist-item-text', { hasText: /^Fencing$/ }).click();
    await page.locator('.x-tree-node-text', { hasText: /^pve1$/ }).click();
    await sees(page, /Reboot/);
    await page.locator('.x-tree-node-text', { hasText: /^pve1$/ }).click({ button: 'right' });
    await until(async () => menuItem(page, 'Bulk Migrate').count(), 'the context menu');
    await page.keyboard.press('Escape');
    await page.locator('.x-tree-node-text', { hasText: /^Datacenter$/ }).click();
    await sees(page, /Affinity Rules/);
};

const hasTab = (page) =>
    page.locator('.x-treelist-item-text', { hasText: /^Rebalancing$/ }).count();

describe('what the page lacks or breaks', () => {
    const cases = {
        'a class of ExtJS is missing': `() => { Ext.ClassManager.classes['Ext.grid.column.Check'] = undefined;
            let get = Ext.ClassManager.get;
            Ext.ClassManager.get = (name) => name === 'Ext.grid.column.Check' ? null : get.call(Ext.ClassManager, name); }`,
        'PVE has no such class': `() => { let get = Ext.ClassManager.get;
            Ext.ClassManager.get = (name) => name === 'PVE.dc.Config' && /prs-rebalancing/.test(new Error().stack) ? null : get.call(Ext.ClassManager, name); }`,
        'Ext.define throws': `() => { let define = Ext.define;
            Ext.define = function (name) { if (/^PRS/.test(name)) { throw new Error('no'); } return define.apply(Ext, arguments); }; }`,
        'our file was loaded before': '() => { window.PRS = { mine: true }; }',
    };
    for (const [name, before] of Object.entries(cases)) {
        test(name, async () => {
            const { page, seen } = await visit({ before: before, hash: '' });
            assert.equal(await hasTab(page), 0);
            await pveWorks(page);
            assert.deepEqual(seen.errors, []);
            await page.close();
        });
    }

    test('without ExtJS nothing happens at all', async () => {
        const page = await browser.context.newPage();
        const errors = [];
        page.on('pageerror', (error) => errors.push(String(error)));
        await page.setContent('<p>empty</p>');
        await page.addScriptTag({ path: built });
        assert.equal(await page.evaluate(() => typeof window.PRS), 'undefined');
        assert.deepEqual(errors, []);
        await page.close();
    });

    test('PVE’s own method throws: it throws as before, and we do not add to it', async () => {
        const breaking = `() => { let original = PVE.node.CmdMenu.prototype.initComponent;
            PVE.node.CmdMenu.prototype.initComponent = function () { throw new Error('PVE itself'); }; }`;
        const { page } = await visit({ before: breaking, hash: '' });
        const words = await page.evaluate(() => {
            try {
                Ext.create('PVE.node.CmdMenu', { nodename: 'pve1' });
                return '';
            } catch (error) {
                return error.message;
            }
        });
        assert.equal(words, 'PVE itself');
        assert.equal(await hasTab(page), 1);
        await page.close();
    });

    test('a hook of ours throws: PVE’s method has run all the same', async () => {
        const breaking = `() => { let get = Ext.state.Manager.get;
            Ext.state.Manager.get = function (name) {
                if (name === 'GuiCap' && /drainAction/.test(new Error().stack)) { throw new Error('ours'); }
                return get.apply(this, arguments); }; }`;
        const { page, seen } = await visit({ before: breaking, hash: '' });
        await pveWorks(page);
        assert.deepEqual(seen.errors, []);
        assert.ok(seen.warnings.some((text) => /prs: PVE\.node/.test(text)));
        await page.close();
    });

    test('the panel itself throws: its card says so and the rest works', async () => {
        const breaking = `() => { let create = Ext.define;
            Ext.define = function (name, body) { if (name === 'PRS.Panel') { body.initComponent = () => { throw new Error('<b>bug</b>'); }; }
                return create.apply(Ext, arguments); }; }`;
        const { page, seen } = await visit({ before: breaking });
        await sees(page, /Error: <b>bug<\/b>/);
        await pveWorks(page);
        assert.deepEqual(seen.errors, []);
        await page.close();
    });

    test('the switch in the address keeps the panel away', async () => {
        const { page } = await visit({ query: '?prs=off', hash: '' });
        assert.equal(await page.evaluate(() => typeof window.PRS), 'undefined');
        assert.equal(await hasTab(page), 0);
        await pveWorks(page);
        await page.close();
    });

    test('without Sys.Audit there is no tab, and a link to it leads elsewhere', async () => {
        const { page, seen } = await visit({ test: { caps: { dc: {}, vms: {}, nodes: {} } } });
        assert.equal(await hasTab(page), 0);
        await sees(page, /Search/);
        assert.deepEqual(seen.errors, []);
        await page.close();
    });
});

describe('cost', () => {
    test('one name, under 12 KiB, under 20 ms, and no timer once the tab is closed', async () => {
        assert.ok(statSync(built).size < 12 * 1024, `${statSync(built).size} bytes`);
        const without = await visit({ query: '?prs=off', hash: '' });
        await pveWorks(without.page);
        const usual = new Set(await without.page.evaluate(() => Object.keys(window)));
        await without.page.close();
        const { page, seen } = await visit();
        await shown(page, 'prsNodesGrid');
        const names = await page.evaluate(() => Object.keys(window));
        assert.deepEqual(
            names.filter((name) => !usual.has(name)),
            ['PRS'],
        );
        const source = readFileSync(built, 'utf8');
        const times = await page.evaluate((text) => {
            let found = [];
            for (let round = 0; round < 5; round++) {
                delete window.PRS;
                let begin = performance.now();
                // biome-ignore lint/security/noGlobalEval: this is what loading the script does
                window.eval(text);
                found.push(performance.now() - begin);
            }
            return found.sort((a, b) => a - b);
        }, source);
        assert.ok(times[2] < 20, `median ${times[2]} ms`);
        await page.reload();
        await page.locator('.x-treelist-item-text', { hasText: /^Rebalancing$/ }).click();
        await shown(page, 'prsNodesGrid');
        await click(page, 'History');
        await until(
            async () => (await page.evaluate(() => PRS.Poller.running)) === 2,
            'two views that poll',
        );
        await click(page, 'Close');
        await page.locator('.x-treelist-item-text', { hasText: /^Fencing$/ }).click();
        assert.equal(await page.evaluate(() => PRS.Poller.running), 0);
        const asked = [];
        page.on(
            'request',
            (request) => request.url().includes('/api/v1') && asked.push(request.url()),
        );
        await new Promise((done) => setTimeout(done, 4000));
        assert.deepEqual(asked, []);
        assert.deepEqual(seen.errors, []);
        await page.close();
    });
});

describe('hostile words', () => {
    test('names and tags from the cluster stay text everywhere', async () => {
        const { page, seen } = await visit();
        await shown(page, 'prsNodesGrid');
        await until(async () => !(await disabled(page, 'Plan')), 'Plan can be pressed');
        await click(page, 'Plan');
        await shown(page, 'prsPlanGrid');
        await page.locator('.x-panel-header-title', { hasText: 'Guests that stay' }).click();
        await sees(page, /101 \(<img src=x onerror=hacked\(\)>"'&amp;<\/td>\)/);
        for (const row of await page.locator('.x-grid-item:visible').all()) {
            await row.hover({ force: true, timeout: 2000 }).catch(() => undefined);
        }
        await page.evaluate(() => PRS.openDrain('pve1'));
        await sees(page, /pve1 can be emptied/);
        await page.keyboard.press('Escape');
        assert.equal(await page.locator('img[src=x]').count(), 0);
        assert.equal(seen.hacked, false);
        assert.ok(!/[\u202d\u202e]/.test(await page.locator('body').innerText()));
        assert.deepEqual(seen.errors, []);
        await page.close();
    });

    test('every word of every answer may be markup', async () => {
        const { page, seen } = await visit();
        await shown(page, 'prsNodesGrid');
        const evil = '<img src=x onerror=hacked()>';
        const poison = (value, key) => {
            if (typeof value === 'string') {
                const kept = /^(id|state|kind|method|how|csrf|ticket|upid|status|ha|code)$/.test(
                    key,
                );
                return kept ? value : `${value}${evil}`;
            }
            if (Array.isArray(value)) {
                return value.map((one) => poison(one, key));
            }
            if (value && typeof value === 'object') {
                return Object.fromEntries(
                    Object.entries(value).map(([name, one]) => [name, poison(one, name)]),
                );
            }
            return value;
        };
        await page.route(`${stage.backend}/api/v1/**`, async (route) => {
            if (route.request().method() === 'OPTIONS') {
                return route.continue();
            }
            const response = await route.fetch();
            return route.fulfill({ response: response, json: poison(await response.json(), '') });
        });
        await page.reload();
        await shown(page, 'prsNodesGrid');
        await until(async () => !(await disabled(page, 'Plan')), 'Plan can be pressed');
        await page.evaluate(() => Ext.ComponentQuery.query('prsPanel')[0].getController().onPlan());
        await shown(page, 'prsPlanGrid');
        await page.evaluate(() => PRS.openDrain('pve1'));
        await sees(page, /Guest\s+Target/);
        for (const look of ['prsPanel #plan', 'prsPanel #drain', 'prsDrainWindow #drain']) {
            const shownTip = await page.evaluate((query) => {
                let tip =
                    Ext.ComponentQuery.query(query)[0].getEl().dom.getAttribute('data-qtip') || '';
                return Ext.getBody().createChild({ html: tip }).dom.querySelectorAll('img').length;
            }, look);
            assert.equal(shownTip, 0, look);
        }
        await page.evaluate(() => Ext.create('PRS.HistoryWindow', { autoShow: true }));
        await page.waitForTimeout(1500);
        assert.equal(await page.locator('img[src=x]').count(), 0);
        assert.equal(seen.hacked, false);
        assert.deepEqual(seen.errors, []);
        await page.close();
    });
});

describe('a service that misbehaves', () => {
    const answers = {
        'garbage instead of JSON': {
            status: 200,
            body: '<html>proxy</html>',
            expect: /makes no sense \(HTTP 200\)/,
        },
        'an empty object': { status: 200, body: '{}', expect: /makes no sense \(HTTP 200\)/ },
        'data of another shape': { status: 200, body: '{"data": 7}', expect: /makes no sense\./ },
        'an error of a proxy': {
            status: 502,
            body: 'Bad Gateway',
            expect: /makes no sense \(HTTP 502\)/,
        },
        'an error in its own words': {
            status: 503,
            body: '{"error": {"code": "unavailable", "message": "the journal <b>cannot</b> be read", "details": []}}',
            expect: /the journal <b>cannot<\/b> be read/,
        },
        'an expired session': {
            status: 401,
            body: '{"error": {"code": "ticket", "message": "PVE does not accept this ticket", "details": []}}',
            expect: /does not accept this ticket.*Log in again/,
        },
    };
    for (const [name, { status, body, expect }] of Object.entries(answers)) {
        test(name, async () => {
            const { page, seen } = await visit({ hash: '' });
            const origin = new URL(stage.page).origin;
            await page.route(`${stage.backend}/api/v1/**`, (route) =>
                route.request().method() === 'OPTIONS'
                    ? route.continue()
                    : route.fulfill({
                          status: status,
                          body: body,
                          headers: { 'Access-Control-Allow-Origin': origin },
                      }),
            );
            await page.locator('.x-treelist-item-text', { hasText: /^Rebalancing$/ }).click();
            await sees(page, expect);
            assert.equal(await page.locator('.x-message-box:visible').count(), 0);
            await pveWorks(page);
            assert.deepEqual(seen.errors, []);
            await page.unroute(`${stage.backend}/api/v1/**`);
            await page.locator('.x-treelist-item-text', { hasText: /^Rebalancing$/ }).click();
            await shown(page, 'prsNodesGrid');
            await page.close();
        });
    }

    test('no answer at all: the page says what may be wrong, offers help, and comes back by itself', async () => {
        const { page, seen } = await visit();
        await shown(page, 'prsNodesGrid');
        await stage.send('stop', { name: 'web' });
        await sees(page, /cannot be reached from this browser/, 40);
        await sees(page, new RegExp(`Open https://[\\d.]+:${stage.port}`));
        await sees(page, /systemctl status.*firewall.*reverse proxy/);
        assert.equal(await page.locator('.x-message-box:visible').count(), 0);
        const download = page.waitForEvent('download');
        await click(page, 'Download CA certificate');
        assert.equal((await download).suggestedFilename(), 'pve-root-ca.crt');
        await page.screenshot({ path: resolve(built, '../../pictures/unreachable.png') });
        await stage.send('start', { name: 'web' });
        await shown(page, 'prsNodesGrid', 60);
        assert.deepEqual(seen.errors, []);
        await page.close();
    });

    test('a service that hangs becomes the same page after the timeout', async () => {
        const { page } = await visit({ hash: '' });
        await page.route(`${stage.backend}/api/v1/**`, () => undefined);
        await page.evaluate(async () => {
            await PRS.need();
            PRS.Api.timeout = 1000;
        });
        await page.locator('.x-treelist-item-text', { hasText: /^Rebalancing$/ }).click();
        await sees(page, /cannot be reached from this browser/);
        await page.close();
    });

    test('the daemon is down: starting says so in words', async () => {
        const { page } = await visit();
        await shown(page, 'prsNodesGrid');
        await stage.send('stop', { name: 'daemon' });
        await until(
            async () => !(await disabled(page, 'Rebalance now')),
            'Rebalance now can be pressed',
        );
        await click(page, 'Rebalance now');
        await click(page, 'Yes');
        await sees(page, /systemctl start proxmox-rebalancing-service/);
        await click(page, 'OK');
        await stage.send('start', { name: 'daemon' });
        await page.close();
    });
});

describe('rights', () => {
    test('what the user may not do is grey and says why', async () => {
        const { page } = await visit({
            user: 'audit@pve',
            test: { caps: { dc: { 'Sys.Audit': 1 }, vms: {}, nodes: {} } },
        });
        await shown(page, 'prsNodesGrid');
        await until(
            async () => /VM\.Migrate/.test((await tooltip(page, 'Rebalance now')) || ''),
            'the reason',
        );
        assert.equal(await disabled(page, 'Rebalance now'), true);
        await page.locator('.x-tree-node-text', { hasText: /^pve1$/ }).click();
        assert.equal(await disabled(page, 'Drain'), true);
        assert.match(await tooltip(page, 'Drain'), /VM\.Migrate/);
        await page.close();
    });
});

describe('hands and screens', () => {
    test('the keyboard reaches everything, and bars and states have names', async () => {
        const { page, seen } = await visit();
        await shown(page, 'prsNodesGrid');
        await until(async () => !(await disabled(page, 'Plan')), 'Plan can be pressed');
        await page.evaluate(() => Ext.ComponentQuery.query('prsPanel #method')[0].focus());
        await page.keyboard.press('Tab');
        await page.keyboard.press('Enter');
        await shown(page, 'prsPlanGrid');
        const bar = page.locator('[role=progressbar][aria-label="pve1: Now"]');
        assert.equal(await bar.getAttribute('aria-valuenow'), '86');
        assert.ok((await page.locator('[role=status][aria-live=polite]').count()) >= 1);
        await page.evaluate(() => Ext.ComponentQuery.query('prsPanel #drain')[0].focus());
        await page.keyboard.press('ArrowDown');
        await until(async () => menuItem(page, 'pve1').count(), 'the menu by key');
        await page.keyboard.press('Escape');
        await page.evaluate(() => PRS.openDrain('pve1'));
        await sees(page, /Drain node pve1/);
        await page.keyboard.press('Escape');
        await until(
            async () => !(await page.locator('[id^=prsDrainWindow]:visible').count()),
            'closed by Escape',
        );
        assert.deepEqual(seen.errors, []);
        await page.close();
    });

    test('a narrow window shows all of it', async () => {
        const { page, seen } = await visit({ test: { tree: false } });
        await page.setViewportSize({ width: 480, height: 640 });
        await shown(page, 'prsNodesGrid');
        await page.evaluate(() => PRS.openDrain('pve1'));
        await sees(page, /pve1 can be emptied/);
        const box = await page.locator('[id^=prsDrainWindow].x-window:visible').boundingBox();
        assert.ok(box.x >= 0 && box.x + box.width <= 480, JSON.stringify(box));
        await page.screenshot({ path: resolve(built, '../../pictures/narrow.png') });
        assert.deepEqual(seen.errors, []);
        await page.close();
    });
});
