// The panel without PVE's interface: login, the same flows, its own address, logout.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { click, disabled, rows, sees, shown, until } from './hands.mjs';
import { openBrowser, openStage } from './stage.mjs';

let stage;
let browser;

before(async () => {
    stage = await openStage('small', 6);
    browser = await openBrowser();
});

after(async () => {
    await browser.close();
    await stage.close();
});

const visit = async (hash = '') => {
    const page = await browser.context.newPage();
    const seen = { errors: [], foreign: [] };
    page.on('pageerror', (error) => seen.errors.push(String(error)));
    page.on('request', (request) => {
        if (!request.url().startsWith(stage.backend) && !request.url().startsWith('data:')) {
            seen.foreign.push(request.url());
        }
    });
    await page.goto(`${stage.backend}/${hash}`);
    return { page, seen };
};

const login = async (page, name, password) => {
    await sees(page, /User name/);
    const fields = page.locator('.x-form-text:visible');
    await fields.nth(0).fill(name);
    await fields.nth(1).fill(password);
    await fields.nth(1).press('Enter');
};

test('a wrong password is refused in words, the right one opens the panel', async () => {
    const { page, seen } = await visit();
    await login(page, 'root', 'wrong');
    await sees(page, /refuses the login/);
    const password = page.locator('.x-form-text:visible').nth(1);
    await password.fill('secret');
    await password.press('Enter');
    await shown(page, 'prsNodesGrid');
    await sees(page, /root@pam/);
    assert.deepEqual(seen.errors, []);
    assert.deepEqual(seen.foreign, []);
    await page.close();
});

test('who is logged in at PVE is logged in here, and the address keeps method and plan', async () => {
    const { page, seen } = await visit('#method=cpu');
    await sees(page, /Nodes: CPU/);
    await until(async () => !(await disabled(page, 'Plan')), 'Plan can be pressed');
    await click(page, 'Plan');
    await sees(page, /Spread \d+ points →/);
    assert.match(page.url(), /method=cpu&plan=[0-9a-f]{12}/);
    await page.reload();
    await sees(page, /Spread \d+ points →/);
    await page.evaluate(() => Ext.ComponentQuery.query('prsPanel #method')[0].setValue('memory'));
    await click(page, 'Rebalance now');
    await click(page, 'Yes');
    await sees(page, /Rebalancing by Memory, done/, 60);
    assert.ok((await rows(page, 'prsStepsGrid')).length >= 1);
    assert.deepEqual(seen.errors, []);
    assert.deepEqual(seen.foreign, []);
    await page.close();
});

test('logging out ends the session', async () => {
    const { page } = await visit();
    await shown(page, 'prsNodesGrid');
    await click(page, 'Logout');
    await sees(page, /User name/);
    const cookies = await browser.context.cookies(stage.backend);
    assert.deepEqual(
        cookies.filter((cookie) => cookie.name === 'PVEAuthCookie'),
        [],
    );
    await page.close();
});

test('without ExtJS on the machine the page says what is missing', async () => {
    const { page } = await visit();
    await page.route('**/pve2/ext6/**', (route) => route.fulfill({ status: 404, body: '' }));
    await page.reload();
    await sees(page, /built on the ExtJS library of a Proxmox VE node/);
    await page.close();
});
