// Native EventSource behind an Apache that holds answers back until they end, with
// nothing but a .htaccess of ours (scripts/serve --server apache-htaccess): the
// browser's own reconnecting makes one stream of the polls.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { poll, startServer } from '../integration/lib/harness.mjs';
import { insert } from '../integration/lib/writer.mjs';
import { openBoth } from './lib/kit.mjs';

let browsers;
let server;

before(async () => {
	[browsers, server] = await Promise.all([
		openBoth(),
		startServer({
			users: ['alice', 'bob'],
			args: ['--server', 'apache-htaccess'],
		}),
	]);
});

after(async () => {
	await Promise.all((browsers ?? []).map((browser) => browser.close()));
	await server?.stop({ ignoreStarts: true });
});

// In the page.
function listen() {
	const source = new EventSource('/api/notifications/stream');
	window.seen = { source, connected: [], titles: [], opened: 0 };
	source.onopen = () => window.seen.opened++;
	source.addEventListener('connected', ({ data, lastEventId }) => {
		const { poll, resumed } = JSON.parse(data);
		window.seen.connected.push({ poll, resumed, lastEventId });
	});
	source.addEventListener('notification', ({ data }) =>
		window.seen.titles.push(JSON.parse(data).notification.title),
	);
}

test('polls are one stream to a native EventSource', () =>
	Promise.all(browsers.map(async (browser, i) => {
		const user = ['alice', 'bob'][i];
		const profile = await browser.profile();
		const page = await profile.newPage();
		const seen = () => page.evaluate(() => {
			const { source, ...rest } = window.seen;
			return { ...rest, state: source.readyState };
		});
		const until = (what, check) =>
			poll(`${what} in ${browser.name}`, async () => check(await seen()));

		await page.goto(`${server.origin}/nothing-here`);
		await page.evaluate((secret) => {
			document.cookie = `belfry_session=${secret}; path=/; SameSite=Lax`;
		}, await server.session(user));
		await page.evaluate(listen);
		// At once, though nothing is due: from here on nothing can be missed.
		await until('a cursor', ({ connected }) => connected[0]?.lastEventId);
		const titles = [];
		const write = async (title) => {
			titles.push(title);
			await server.sql(insert(user, title));
		};
		for (let n = 0; n < 3; n++) {
			await write(`one by one ${n}`);
			await until('the row', (now) => now.titles.includes(titles.at(-1)));
		}
		// More than fit between two polls.
		for (let n = 0; n < 30; n++) await write(`many ${n}`);
		await until('the last', (now) => now.titles.includes(titles.at(-1)));
		const end = await seen();
		assert.deepEqual(end.titles, titles);
		assert.notEqual(end.state, 2, 'closed for good');
		assert.ok(end.connected.length > 3, 'it was no poll');
		assert.ok(end.connected.every((one) => one.poll));
		assert.ok(end.connected.slice(1).every((one) => one.resumed));
		assert.ok(end.opened >= end.connected.length - 1);
		await profile.close();
	})));
