// The kit in real browsers on the real server: one stream for all tabs, and
// nothing lost whatever goes away, under a strict Content-Security-Policy, built
// files as they are.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import { poll } from '../integration/lib/harness.mjs';
import { insert } from '../integration/lib/writer.mjs';
import { openBoth, startKit, streamsOf, Tab } from './lib/kit.mjs';
import { Proxy } from './lib/proxy.mjs';

const TABS = 12;
let browsers;
let server;

before(async () => {
	[server, browsers] = await Promise.all([
		startKit({ set: { heartbeat: '1s' } }),
		openBoth(),
	]);
});

after(async () => {
	await Promise.all((browsers ?? []).map((browser) => browser.close()));
	await server?.stop();
});

beforeEach(() => server.sql('DELETE FROM notifications;'));

// Each browser has a user of its own, so that they may run side by side.
const inBoth = (name, body) =>
	test(`kit: ${name}`, () =>
		Promise.all(
			browsers.map((browser, i) => body(browser, ['alice', 'bob'][i])),
		));

const oneStream = (user) =>
	poll(`one stream of ${user}`, async () =>
		(await streamsOf(server, user)) === 1);

for (const sharing of ['worker', 'locks'])
	inBoth(`${TABS} tabs by ${sharing} are one stream`, async (browser, user) => {
		const tabs = [];
		for (let i = 0; i < TABS; i++)
			tabs.push(await Tab.open(browser, server, user, { sharing }));
		const all = (what) => Promise.all(tabs.map(what));
		await all((tab) => tab.is('connected'));
		await oneStream(user);
		await server.sql(insert(user, 'to all tabs'));
		await all((tab) => tab.shows('to all tabs'));
		// Requests are alive in every one: six streams would hold them up.
		await all((tab) => tab.ask(() => window.store.refresh()));
		await tabs[5].ask(() => window.store.markAllAsRead());
		await all((tab) =>
			tab.until('all read', () => !window.store.hasUnread));

		// Whoever had the stream, or whatever it was that went: it goes on.
		for (let i = 0; tabs.length > 2; i++) {
			await tabs.shift().close();
			if (i % 3) continue;
			await server.sql(insert(user, `after ${i}`));
			await all((tab) => tab.shows(`after ${i}`));
		}
		await all((tab) => tab.is('connected'));
		await oneStream(user);
		await all(async (tab) =>
			assert.deepEqual(
				await tab.ask(() => window.told),
				[...new Set(await tab.ask(() => window.told))],
				'told once',
			));
		await all((tab) => tab.close());
		await poll('no stream', async () =>
			(await streamsOf(server, user)) === 0);
	});

inBoth('signing out in one tab stops all', async (browser, user) => {
	for (const sharing of ['worker', 'locks']) {
		const tabs = [];
		for (let i = 0; i < 3; i++)
			tabs.push(await Tab.open(browser, server, user, { sharing }));
		for (const tab of tabs) await tab.is('connected');
		await tabs[1].ask(() => window.store.signOut());
		await tabs[0].is('error');
		await tabs[2].is('error');
		assert.equal(await tabs[0].ask(() => window.store.reason), 'signed out');
		await poll('no stream', async () =>
			(await streamsOf(server, user)) === 0);
		for (const tab of tabs) await tab.close();
	}
});

inBoth('a restart loses nothing', async (browser, user) => {
	const tabs = [];
	for (const sharing of ['worker', 'locks', 'none'])
		tabs.push(await Tab.open(browser, server, user, { sharing }));
	tabs.push(await Tab.open(browser, server, user, {
		sharing: 'none', headers: 1, // the fetch tier
	}));
	for (const tab of tabs) await tab.is('connected');
	for (let i = 0; i < 2; i++) {
		if (user === 'alice') await server.killResponder();
		await server.sql(insert(user, `meanwhile ${i}`));
		for (const tab of tabs) await tab.shows(`meanwhile ${i}`);
		for (const tab of tabs) await tab.is('connected');
	}
	for (const tab of tabs)
		assert.deepEqual(
			(await tab.ask(() => window.told)).sort(),
			['meanwhile 0', 'meanwhile 1'],
		);
	for (const tab of tabs) await tab.close();
});

inBoth('what networks do: silence, cuts, refusals, 503', async (browser, user) => {
	for (const sharing of ['worker', 'locks', 'none']) {
		const proxy = await Proxy.open(new URL(server.origin).port);
		const tab = await Tab.open(browser, server, user, { sharing }, proxy.origin);
		await tab.is('connected');
		for (const mode of ['silent', '503', 'refuse']) {
			const title = `${mode} ${sharing}`;
			proxy.mode = mode;
			if (mode !== 'silent') proxy.cut();
			// Silence is noticed by the clock, as no heartbeat comes.
			await tab.until(mode, () => !window.store.isConnected);
			await server.sql(insert(user, title));
			proxy.mode = 'pass';
			if (mode === 'silent') proxy.cut();
			await tab.shows(title);
			await tab.is('connected');
		}
		await tab.close();
		await proxy.close();
	}
});

inBoth('a session that is revoked stops all tabs, a new one goes on', async (browser, user) => {
	const tabs = [];
	for (const sharing of ['worker', 'worker', 'locks', 'none'])
		tabs.push(await Tab.open(browser, server, user, { sharing }));
	for (const tab of tabs) await tab.is('connected');
	const [row] = await server.rows(
		`SELECT * FROM sessions WHERE user_id = '${user}'`,
	);
	await server.sql(`DELETE FROM sessions WHERE user_id = '${user}';`);
	for (const tab of tabs) {
		await tab.is('error');
		assert.equal(await tab.ask(() => window.store.reason), 401);
	}
	await server.sql(
		`INSERT INTO sessions(id, secret_sha256, user_id, scopes, created_at)
		VALUES (${row.id}, '${row.secret_sha256}', '${user}', '${row.scopes}', 1);
		${insert(user, 'back again')}`,
	);
	for (const tab of tabs) await tab.ask(() => window.store.reconnect());
	for (const tab of tabs) await tab.shows('back again');
	for (const tab of tabs) await tab.close();
});

inBoth('away and back again, whether the page was kept or not', async (browser, user) => {
	for (const sharing of ['worker', 'locks', 'none']) {
		const tab = await Tab.open(browser, server, user, { sharing });
		await tab.is('connected');
		await tab.page.goto(`${server.origin}/nothing-here`);
		await poll('no stream', async () =>
			(await streamsOf(server, user)) === 0);
		await server.sql(insert(user, `while away ${sharing}`));
		await tab.page.goBack();
		await tab.shows(`while away ${sharing}`);
		await tab.is('connected');
		await tab.close();
	}
});
