// Every flow of the tab, clicked, against the real service and the simulated cluster.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { button, click, disabled, menuItem, rows, sees, shown, tooltip, until } from './hands.mjs';
import { openBrowser, openPage, openStage } from './stage.mjs';

const pictures = resolve(import.meta.dirname, '../../build/ui/pictures');
let stage;
let browser;
let open = [];

before(async () => {
    mkdirSync(pictures, { recursive: true });
    stage = await openStage('ha', 6);
    browser = await openBrowser();
});

afterEach(async () => {
    for (const { page, seen } of open) {
        await page.close();
        assert.deepEqual(seen.errors, []);
        assert.deepEqual(seen.warnings, []);
    }
    open = [];
});

after(async () => {
    await browser.close();
    await stage.close();
});

const visit = async (options) => {
    const found = await openPage(browser, stage, options);
    open.push(found);
    return found.page;
};

const picture = async (page, name) => {
    for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme: colorScheme });
        await page.screenshot({ path: `${pictures}/${name}-${colorScheme}.png` });
    }
    await page.emulateMedia({ colorScheme: 'light' });
};

const percent = (cell) => Number(/(\d+)%/.exec(cell)[1]);
const jobEnded = (page) => sees(page, /(done|is empty), \d+ of \d+ done, .* took/, 60);

test('the menu has one entry behind the other HA entries, and its address opens it again', async () => {
    const page = await visit({ hash: '' });
    await page.locator('.x-treelist-item-text', { hasText: /^Rebalancing$/ }).click();
    await shown(page, 'prsNodesGrid');
    assert.match(page.url(), /=ha-prs-rebalancing$/);
    const entries = await page.locator('.x-treelist-item-text').allTextContents();
    const wanted = ['HA', 'Affinity Rules', 'Fencing', 'Rebalancing', 'Support'];
    assert.deepEqual(entries.slice(1), wanted);
    await page.reload();
    await shown(page, 'prsNodesGrid');
});

test('nodes show the load by the chosen method', async () => {
    const page = await visit();
    await shown(page, 'prsNodesGrid');
    const memory = await rows(page, 'prsNodesGrid');
    assert.deepEqual(
        memory.map((row) => row[0]),
        ['pve1', 'pve2', 'pve3'],
    );
    assert.deepEqual(
        memory.map((row) => percent(row[2])),
        [86, 52, 21],
    );
    await page.evaluate(() => Ext.ComponentQuery.query('prsPanel #method')[0].setValue('cpu'));
    await sees(page, /Nodes: CPU/);
    const cpu = await rows(page, 'prsNodesGrid');
    assert.notDeepEqual(
        cpu.map((row) => row[2]),
        memory.map((row) => row[2]),
    );
    await page.reload();
    await sees(page, /Nodes: CPU/);
    await page.evaluate(() => Ext.ComponentQuery.query('prsPanel #method')[0].setValue('memory'));
});

test('a plan shows numbers and reasons, unticking moves the bars, and a reload keeps the plan', async () => {
    const page = await visit();
    await shown(page, 'prsNodesGrid');
    await until(async () => !(await disabled(page, 'Plan')), 'Plan can be pressed');
    await click(page, 'Plan');
    await shown(page, 'prsPlanGrid');
    const moves = await rows(page, 'prsPlanGrid');
    assert.ok(moves.length >= 2);
    assert.match(moves[0][4], /GiB$/);
    assert.match(moves[0][5], /^\d+:\d\d$/);
    assert.ok(moves.every((move) => move[6].length > 10));
    await sees(page, /Spread 65 points → \d+\. Best reachable/);
    await picture(page, 'plan');
    const planned = await rows(page, 'prsNodesGrid');
    assert.ok(percent(planned[0][3]) < percent(planned[0][2]));
    const boxes = page.locator('[id^=prsPlanGrid] .x-grid-checkcolumn');
    await boxes.first().click();
    const unticked = await until(async () => {
        const now = await rows(page, 'prsNodesGrid');
        return now[0][3] !== planned[0][3] && now;
    }, 'another bar after the plan');
    assert.ok(percent(unticked[0][3]) > percent(planned[0][3]));
    assert.equal(unticked[0][1], `7 → ${7 - (moves.length - 1)}`);
    for (let index = 1; index < moves.length; index++) {
        await boxes.nth(index).click();
    }
    await until(() => disabled(page, 'Rebalance now'), 'nothing ticked, nothing to start');
    assert.equal(await tooltip(page, 'Rebalance now'), 'All guests are unticked.');
    await boxes.first().click();
    assert.equal(await disabled(page, 'Rebalance now'), false);
    await page.locator('.x-panel-header-title', { hasText: 'Guests that stay' }).click();
    const stays = await until(async () => {
        const found = await rows(page, 'prsStaysGrid');
        return found.length && found;
    }, 'guests that stay');
    assert.ok(stays.every((row) => row[2].length > 5));
    await page.reload();
    await shown(page, 'prsPlanGrid');
    assert.equal((await rows(page, 'prsPlanGrid')).length, moves.length);
});

test('Rebalance now asks in numbers, No moves nothing, Yes runs the ticked moves to their end', async () => {
    const page = await visit();
    await shown(page, 'prsNodesGrid');
    const start = await stage.send('homes');
    await until(async () => !(await disabled(page, 'Plan')), 'Plan can be pressed');
    await click(page, 'Plan');
    await shown(page, 'prsPlanGrid');
    const moves = await rows(page, 'prsPlanGrid');
    await page.locator('[id^=prsPlanGrid] .x-grid-checkcolumn').last().click();
    await click(page, 'Rebalance now');
    await sees(page, new RegExp(`Start ${moves.length - 1} migrations?, [\\d.]+ GiB, about \\d+`));
    await picture(page, 'confirm');
    await click(page, 'No');
    assert.deepEqual(await stage.send('homes'), start);
    await click(page, 'Rebalance now');
    await click(page, 'Yes');
    await sees(page, /started by root@pam on pve1 at \d\d:\d\d/);
    await shown(page, 'prsStepsGrid');
    await picture(page, 'job');
    await jobEnded(page);
    const end = await stage.send('homes');
    const vmid = (row) => /\d+/.exec(row[1])[0];
    for (const move of moves.slice(0, -1)) {
        assert.equal(end[vmid(move)], move[3]);
    }
    assert.equal(end[vmid(moves.at(-1))], start[vmid(moves.at(-1))]);
    const steps = await rows(page, 'prsStepsGrid');
    assert.match(steps[0][4], /^seen on pve\d after \d+:\d\d$/);
    assert.match(steps[0][3], /100%/);
    await page.locator('[id^=prsStepsGrid] .fa-chevron-right').first().click();
    await sees(page, /Task viewer.*UPID:pve1:/);
});

test('a job can be paused, goes on after a resume, survives a reload, and cancel asks what shall become of running ones', async () => {
    const page = await visit();
    await shown(page, 'prsNodesGrid');
    await page.evaluate(() => PRS.openDrain('pve2'));
    await sees(page, /pve2 can be emptied except for 1 guest/);
    await page.locator('label:visible', { hasText: 'Containers (restart)' }).click();
    await sees(page, /pve2 can be emptied\. \d+ migrations/);
    await picture(page, 'drain');
    await page.locator('label:visible', { hasText: 'HA maintenance mode' }).click();
    await click(page, 'Drain');
    await click(page, 'Yes');
    await sees(page, /Drain pve2, .*started by root@pam/);
    // The guest with the large local disks takes long enough for all of this.
    const large = async () =>
        (await rows(page, 'prsStepsGrid')).some(
            (row) => /^109/.test(row[0]) && /left$/.test(row[4]),
        );
    await until(large, 'progress', 60);
    await stage.send('pace', { speed: 1 });
    await click(page, 'Close');
    await page.reload();
    await sees(page, /Drain pve2, .*started by root@pam/);
    await click(page, 'Pause');
    await sees(page, /Drain pve2, paused/);
    await click(page, 'Resume');
    await until(async () => !/paused/.test(await page.locator('body').innerText()), 'resumed');
    await click(page, 'Cancel');
    await sees(page, /Nothing more is started\. \d+ migrations? (is|are) running/);
    await picture(page, 'cancel');
    await click(page, 'Do not cancel');
    await click(page, 'Cancel');
    await click(page, 'Stop them too');
    await stage.send('pace', { speed: 6 });
    await sees(page, /Drain pve2, cancelled/, 60);
    assert.ok((await rows(page, 'prsStepsGrid')).some((row) => /^cancelled/.test(row[4])));
});

test('a node left in HA maintenance mode can be brought out of it', async () => {
    const page = await visit();
    await shown(page, 'prsNodesGrid');
    await stage.send('maintenance', { node: 'pve1' });
    await sees(page, /pve1 \(maintenance\)/, 40);
    await click(page, 'Drain node');
    await menuItem(page, 'End HA maintenance mode of pve1').click();
    const ended = async () => !/maintenance\)/.test(await page.locator('body').innerText());
    await until(ended, 'the mode has ended', 60);
});

test('a drain by the node’s button ends green when the node is empty, and brings its guests back', async () => {
    const page = await visit();
    await page.locator('.x-tree-node-text', { hasText: /^pve3$/ }).click();
    const bar = await page.locator('.x-toolbar:visible .x-btn-inner').allTextContents();
    assert.deepEqual(bar.slice(-2), ['Drain', 'Help']);
    await click(page, 'Drain');
    await sees(page, /pve3 can be emptied except for \d guests?/);
    assert.equal(await disabled(page, 'Drain'), true);
    assert.match(await tooltip(page, 'Drain'), /cannot move/);
    await page.locator('label:visible', { hasText: 'Containers (restart)' }).click();
    await sees(page, /pve3 can be emptied\. \d+ migrations/);
    const guests = await rows(page, 'prsDrainGrid');
    assert.ok(guests.some((row) => row[2] === 'restart'));
    assert.ok(guests.every((row) => row[2] === 'stays' || /^pve[12]$/.test(row[1])));
    const before = await stage.send('homes');
    await click(page, 'Drain');
    await sees(page, /Start \d+ migrations.*containers? (is|are) restarted/);
    await click(page, 'Yes');
    await sees(page, /pve3 is empty/, 90);
    await picture(page, 'drained');
    for (const row of await rows(page, 'prsStepsGrid')) {
        assert.match(row[4], /^seen on pve[12]( after \d+:\d\d|: .*|)$/);
    }
    const drained = await stage.send('homes');
    assert.deepEqual(
        Object.entries(drained).filter(([vmid, node]) => node === 'pve3' && vmid !== '900'),
        [],
    );
    const held = () =>
        page.evaluate(
            async () => (await PRS.Api.get('/cluster')).nodes.find((node) => node.held).name,
        );
    assert.equal(await held(), 'pve3');
    // The load of a container that was just restarted is not known at once, and so long it stays.
    const asked = async () => {
        await click(page, 'Bring guests back');
        await sees(page, /Start \d+ migrations?|Nothing to bring back/, 60);
        const words = await page.locator('.x-message-box:visible').innerText();
        if (/Start \d+ migration/.test(words) && !/stays/.test(words)) {
            return true;
        }
        await click(page, /Start/.test(words) ? 'No' : 'OK');
        await new Promise((done) => setTimeout(done, 3000));
        return false;
    };
    await until(asked, 'a plan for the way back', 90);
    await click(page, 'Yes');
    await jobEnded(page);
    // What HA itself moved away comes back by HA.
    const away = async () => {
        const now = await stage.send('homes');
        return Object.keys(before).filter((one) => before[one] === 'pve3' && now[one] !== 'pve3');
    };
    await until(async () => !(await away()).length, 'all guests of pve3 are back on it', 60);
});

test('the context menu of a node has Drain behind Bulk Migrate', async () => {
    const page = await visit();
    await page.locator('.x-tree-node-text', { hasText: /^pve1$/ }).click({ button: 'right' });
    await until(async () => menuItem(page, 'Drain').count(), 'the menu');
    const items = await page.locator('.x-menu-item-text:visible').allTextContents();
    assert.deepEqual(items, ['Bulk Start', 'Bulk Migrate', 'Drain', 'Shell']);
    await menuItem(page, 'Drain').click();
    await sees(page, /Drain node pve1/);
    await page.keyboard.press('Escape');
});

test('the history names who, when, what and how it ended, with the nodes before and after', async () => {
    const page = await visit();
    await shown(page, 'prsNodesGrid');
    await click(page, 'History');
    const list = await until(async () => {
        const found = await rows(page, 'prsHistoryWindow');
        return found.length >= 3 && found;
    }, 'past jobs');
    assert.ok(list.every((row) => row[1] === 'root@pam' && /^\d\d:\d\d$/.test(row[0])));
    assert.ok(list.some((row) => row[2] === 'Drain pve2' && row[3] === 'cancelled'));
    await picture(page, 'history');
    await page.locator('[id^=prsHistoryWindow] .x-grid-item:visible').last().dblclick();
    await shown(page, 'prsNodesAfter');
    const nodes = await rows(page, 'prsNodesAfter');
    assert.equal(nodes.length, 3);
    assert.notEqual(nodes[0][1], nodes[0][2]);
    await picture(page, 'past-job');
});

test('a plan that no longer holds is refused in words', async () => {
    const page = await visit();
    await shown(page, 'prsNodesGrid');
    await until(async () => !(await disabled(page, 'Plan')), 'Plan can be pressed');
    await page.evaluate(() => PRS.openDrain('pve1'));
    await page.locator('label:visible', { hasText: 'Containers (restart)' }).click();
    await sees(page, /pve1 can be emptied\. \d+ migrations/);
    const first = (await rows(page, 'prsDrainGrid')).find((row) => row[1]);
    const vmid = Number(/\d+/.exec(first[0])[0]);
    const home = (await stage.send('homes'))[vmid];
    await stage.send('move', { guest: vmid, target: first[1] });
    await click(page, 'Drain');
    await click(page, 'Yes');
    await sees(page, /The cluster has changed since the plan was made/);
    await picture(page, 'drift');
    await click(page, 'OK');
    await stage.send('move', { guest: vmid, target: home });
    await page.keyboard.press('Escape');
});

test('nothing to do says so', async () => {
    const page = await visit();
    await shown(page, 'prsNodesGrid');
    // Level it until the planner has nothing left to move.
    for (let tries = 0; tries < 6; tries++) {
        await until(async () => !(await disabled(page, 'Plan')), 'Plan can be pressed', 60);
        await click(page, 'Plan');
        await sees(page, /(Nothing to do|\d+ migrations?, )/);
        if (/Nothing to do/.test(await page.locator('body').innerText())) {
            break;
        }
        await click(page, 'Rebalance now');
        await click(page, 'Yes');
        await sees(page, /started by root@pam on/);
        await jobEnded(page);
        await new Promise((done) => setTimeout(done, 6000)); // figures of PVE lag by some seconds
    }
    await sees(page, /Nothing to do/);
    await sees(page, /Best reachable with any number of migrations: \d+/);
    await picture(page, 'nothing');
    assert.equal(await button(page, 'Rebalance now').count(), 1);
});
