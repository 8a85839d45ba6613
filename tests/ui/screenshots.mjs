// Draws the README's pictures: a tab with a plan, a drain, a running job. Usage: node screenshots.mjs FOLDER
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { click, disabled, rows, sees, shown, until } from './hands.mjs';
import { openBrowser, openPage, openStage } from './stage.mjs';

const folder = resolve(process.argv[2] || '../../docs');
mkdirSync(folder, { recursive: true });
const stage = await openStage('ha', 1);
const browser = await openBrowser({ viewport: { width: 1100, height: 560 } });
try {
    const { page } = await openPage(browser, stage, { test: { tree: false } });
    // A lab without the other nodes' services would put a warning on top of every picture.
    await page.route(`${stage.backend}/api/v1/jobs?*`, async (route) => {
        const response = await route.fetch();
        const answer = await response.json();
        answer.data.peers = [];
        await route.fulfill({ response: response, json: answer });
    });
    await page.reload();
    const shoot = (name) => page.screenshot({ path: `${folder}/${name}.png` });
    await shown(page, 'prsNodesGrid');
    await until(async () => !(await disabled(page, 'Plan')), 'Plan can be pressed');
    await click(page, 'Plan');
    await shown(page, 'prsPlanGrid');
    await page.mouse.move(5, 5);
    await page.waitForTimeout(500);
    await shoot('plan');
    await page.evaluate(() => PRS.openDrain('pve2'));
    await sees(page, /pve2 can be emptied/);
    await page.locator('label:visible', { hasText: 'Containers (restart)' }).click();
    await sees(page, /pve2 can be emptied\. \d+ migrations/);
    await page.waitForTimeout(500);
    await shoot('drain');
    await click(page, 'Close');
    await click(page, 'Rebalance now');
    await click(page, 'Yes');
    await until(
        async () => (await rows(page, 'prsStepsGrid')).some((row) => /left$/.test(row[4])),
        'a migration under way',
        60,
    );
    await page.mouse.move(5, 5);
    await page.waitForTimeout(500);
    await shoot('job');
} finally {
    await browser.close();
    await stage.close();
}
