// <belfry-bell> on a plain page with a strict policy, in real browsers: what the
// tables say is what it shows, by mouse and by keyboard, for eyes and for screen
// readers.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import { poll } from '../integration/lib/harness.mjs';
import { insert } from '../integration/lib/writer.mjs';
import { axe } from './lib/axe.mjs';
import { openBoth, startKit } from './lib/kit.mjs';

let browsers;
let server;

before(async () => {
	server = await startKit();
	browsers = await openBoth();
});

after(async () => {
	await Promise.all((browsers ?? []).map((browser) => browser.close()));
	await server?.stop();
});

beforeEach(() => server.sql('DELETE FROM notifications;'));

async function openPage(profile, user) {
	const page = await profile.newPage();
	const wrong = [];
	page.on('pageerror', (error) => wrong.push(String(error)));
	await page.goto(`${server.origin}/nothing-here`);
	await page.evaluate((secret) => {
		document.cookie = `belfry_session=${secret}; path=/; SameSite=Lax`;
	}, await server.session(user));
	await page.goto(`${server.origin}/bell.html`);
	// Reaches into the shadow, as a person's eyes do.
	await page.evaluate(() => {
		window.inside = (selector) => [
			...document.querySelector('belfry-bell').shadowRoot
				.querySelectorAll(selector),
		];
	});
	const until = (what, condition, more) =>
		poll(`${what} in ${profile.name}`, () => page.evaluate(condition, more));
	return { page, until, wrong };
}

const inBoth = (name, body) =>
	test(`bell: ${name}`, () =>
		Promise.all(
			browsers.map(async (browser, i) => {
				const profile = await browser.profile();
				const user = ['alice', 'bob'][i];
				try {
					const tab = await openPage(profile, user);
					await body({ ...tab, profile, user });
					assert.deepEqual(tab.wrong, []);
				} finally {
					await profile.close();
				}
			}),
		));

const TITLES = () => window.inside('li bdi').map((one) => one.textContent).join();

inBoth('two lines of HTML are enough', async ({ page, until, user }) => {
	await server.sql(insert(user, 'one') + insert(user, 'two', {
		link: 'javascript:alert(1)', body: '<b>bold</b>',
	}));
	await until('2', () => window.inside('.badge')[0].textContent === '2');
	// Styled in spite of the policy.
	const style = await page.evaluate(() => {
		const { position, width } = getComputedStyle(window.inside('.badge')[0]);
		return { position, wide: parseFloat(width) >= 16 };
	});
	assert.deepEqual(style, { position: 'absolute', wide: true });
	await page.keyboard.press('Tab');
	await page.keyboard.press('Enter');
	await until('the list', () => window.inside('li').length === 2);
	assert.equal(await page.evaluate(TITLES), 'two,one');
	assert.equal(await page.evaluate(() => window.inside('a, b').length), 0);
	// Down to the first one's buttons: mark it read, then delete it.
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('Enter');
	await until('1', () => window.inside('.badge')[0].textContent === '1');
	await page.keyboard.press('Tab');
	await page.keyboard.press('Enter');
	await until('one', () => window.inside('li').length === 1);
	await poll('the row to be gone', async () =>
		(await server.rows(
			`SELECT 1 FROM notifications WHERE user_id = '${user}'`,
		)).length === 1);
	await server.sql(insert(user, 'three'));
	await until('the announcement', () =>
		window.inside('[role=status]')[0].textContent ===
		'New notification: three');
	await page.keyboard.press('Escape');
	assert.equal(
		await page.evaluate(() =>
			document.activeElement.shadowRoot.activeElement.className),
		'bell',
	);
	assert.equal(
		await page.evaluate(() => document.querySelector('belfry-bell').open),
		false,
	);
});

inBoth('of ten thousand it keeps a bounded number of nodes', async ({ page, until, user }) => {
	await server.sql(`
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
			WHERE i < 10000)
		INSERT INTO notifications(user_id, title)
		SELECT '${user}', 'row ' || i FROM n;`);
	await until('99+', () => window.inside('.badge')[0].textContent === '99+');
	await until('all of them', async () => {
		const { store } = document.querySelector('belfry-bell');
		for (let i = 0; i < 20 && store.hasMore; i++) await store.loadMore();
		return store.notifications.length === 10000;
	});
	await page.evaluate(() => window.inside('.bell')[0].click());
	await until('the list', () => window.inside('li').length === 50);
	assert.ok(await page.evaluate(() => window.inside('*').length) < 1000);
	await server.sql(insert(user, 'the newest'));
	await until('the newest', () =>
		window.inside('li bdi')[0].textContent === 'the newest');
	assert.equal(await page.evaluate(() => window.inside('li').length), 50);
});

// axe-core in its own world: the page's policy would not let it in.
test('bell: axe-core finds nothing, light and dark', async () => {
	const [chromium] = browsers;
	await server.sql(
		insert('alice', 'Build finished', {
			body: 'in 3 min', link: '/builds/17', type: 'success',
		}) + insert('alice', 'Disk full') + insert('*', 'Lunch'),
	);
	for (const colorScheme of ['light', 'dark']) {
		const profile = await chromium.profile({ bypassCSP: true, colorScheme });
		const { page, until } = await openPage(profile, 'alice');
		await until('a count', () => !window.inside('.badge')[0].hidden);
		await page.evaluate(() =>
			document.querySelector('belfry-bell').store.markAsRead(
				document.querySelector('belfry-bell').store.notifications[0].id,
			));
		for (const open of [false, true]) {
			await page.evaluate((wanted) => {
				document.querySelector('belfry-bell').open = wanted;
			}, open);
			assert.deepEqual(await axe(page), []);
			if (process.env.SCREENSHOTS)
				await page.screenshot({
					path: `${process.env.SCREENSHOTS}/bell-${colorScheme}-${open}.png`,
				});
		}
		await profile.close();
	}
});
