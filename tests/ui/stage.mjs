// Starts the scene (stage.py) and Chromium, and speaks to both.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const root = resolve(import.meta.dirname, '../..');
const cache =
    process.env.UI_CACHE ||
    join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'prs-test/ui');
const { chromium } = createRequire(join(cache, 'package.json'))('playwright-core');

// The simulated cluster with a node's services; `send` obeys one command at a time.
export const openStage = async (scene = 'small', speed = 10) => {
    const python = process.env.PRS_PYTHON || join(root, '.venv/bin/python');
    const command = [join(root, 'tests/ui/stage.py'), '--scene', scene, '--cache', cache];
    const child = spawn(python, [...command, '--speed', String(speed)], {
        env: { ...process.env, PYTHONPATH: `${root}/backend:${root}/tests` },
        stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async () => {
        const { value, done } = await lines.next();
        if (done) {
            throw new Error('the stage has ended');
        }
        return JSON.parse(value);
    };
    const facts = await next();
    let turn = Promise.resolve();
    const send = (name, args = {}) => {
        const before = turn.catch(() => undefined);
        turn = before.then(async () => {
            child.stdin.write(`${JSON.stringify({ do: name, with: args })}\n`);
            const { answer, error } = await next();
            if (error) {
                throw new Error(error);
            }
            return answer;
        });
        return turn;
    };
    const close = async () => {
        child.stdin.end();
        await new Promise((done) => child.once('exit', done));
    };
    return { ...facts, send, close };
};

// One Chromium with an empty profile.
export const openBrowser = async (options = {}) => {
    const profile = mkdtempSync(join(tmpdir(), 'prs-chromium-'));
    const context = await chromium.launchPersistentContext(profile, {
        executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
        headless: true,
        ignoreHTTPSErrors: true,
        viewport: { width: 1280, height: 900 },
        acceptDownloads: true,
        args: [
            '--no-sandbox',
            '--disable-gpu',
            '--disable-quic',
            '--no-first-run',
            '--disable-background-networking',
            '--disable-component-update',
            '--disable-sync',
        ],
        ...options,
    });
    const close = async () => {
        await context.close();
        rmSync(profile, { recursive: true, force: true, maxRetries: 3 });
    };
    return { context, close };
};

// A page as PVE would serve it to that user. `test` is what the page's scripts find in window.test; functions go as text.
export const openPage = async (browser, stage, options = {}) => {
    const {
        user = 'root@pam',
        hash = '#v1:0:18:4:::::::=ha-prs-rebalancing',
        query = '',
    } = options;
    const page = await browser.context.newPage();
    const session = await stage.send('ticket', { user });
    await browser.context.addCookies([
        { name: 'PVEAuthCookie', value: encodeURIComponent(session.ticket), url: stage.page },
    ]);
    const given = JSON.stringify({
        user: user,
        csrf: session.csrf,
        backend: options.backend || `:${stage.port}`,
        ...options.test,
    });
    const before = options.before ? `window.test.before = ${options.before};` : '';
    await page.addInitScript(`window.test = ${given}; ${before}`);
    const seen = { errors: [], warnings: [], hacked: false };
    page.on('pageerror', (error) => seen.errors.push(String(error)));
    page.on('console', (message) => {
        if (message.type() === 'warning') {
            seen.warnings.push(message.text());
        }
    });
    await page.exposeFunction('hacked', () => {
        seen.hacked = true;
    });
    await page.goto(`${stage.page}${query}${hash}`);
    await page.waitForFunction(() => window.Ext && Ext.isReady);
    return { page, seen };
};
