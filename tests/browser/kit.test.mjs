// The kit in real browsers on the real server: one stream for all tabs, and
// nothing lost whatever goes away, under a strict Content-Security-Policy, built
// files as they are.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import { insert } from '../integration/lib/writer.mjs';
import { inEach, openBoth, startKit } from './lib/kit.mjs';

const TABS = 12;
let browsers;
let server;

before(async () => {
	server = await startKit({ set: { heartbeat: '1s' } });
	browsers = await openBoth();
});

after(async () => {
	await Promise.all((browsers ?? []).map((browser) => browser.close()));
	await server?.stop();
});

beforeEach(() => server.sql('DELETE FROM notifications;'));

const inBoth = (name, body) =>
	test(`kit: ${name}`, () => inEach(browsers, server, body));

for (const sharing of ['worker', 'locks'])
	inBoth(`${TABS} tabs by ${sharing} are one stream`, async ({ open, user, streams, tabs }) => {
		for (let i = 0; i < TABS; i++) await open({ sharing });
		const all = (what) => Promise.all(tabs.map(what));
		await all((tab) => tab.is('connected'));
		await streams(1);
		const { held } = await tabs[0].ask(() => navigator.locks.query());
		assert.deepEqual(
			held.filter(({ name }) => name.startsWith('belfry')).length,
			sharing === 'locks' ? 1 : 0,
		);
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
		await streams(1);
		await all(async (tab) =>
			assert.deepEqual(
				await tab.ask(() => window.told),
				[...new Set(await tab.ask(() => window.told))],
				'told once',
			));
		for (const tab of tabs.splice(0)) await tab.close();
		await streams(0);
	});

inBoth('signing out in one tab stops all', async ({ open, streams, tabs }) => {
	for (const sharing of ['worker', 'locks']) {
		for (let i = 0; i < 3; i++) await open({ sharing });
		for (const tab of tabs) await tab.is('connected');
		await tabs[1].ask(() => window.store.signOut());
		await tabs[0].is('error');
		await tabs[2].is('error');
		assert.equal(await tabs[0].ask(() => window.store.reason), 'signed out');
		await streams(0);
		for (const tab of tabs.splice(0)) await tab.close();
	}
});

inBoth('a restart loses nothing', async ({ open, user, tabs, together }) => {
	for (const sharing of ['worker', 'locks', 'none']) await open({ sharing });
	await open({ sharing: 'none', headers: 1 }); // the fetch tier
	for (const tab of tabs) await tab.is('connected');
	for (let i = 0; i < 2; i++) {
		await together();
		if (user === 'alice')
			await (i ? server.restartWebServer() : server.killResponder());
		await server.sql(insert(user, `meanwhile ${i}`));
		for (const tab of tabs) await tab.shows(`meanwhile ${i}`);
		for (const tab of tabs) await tab.is('connected');
	}
	for (const tab of tabs)
		assert.deepEqual(
			(await tab.ask(() => window.told)).sort(),
			['meanwhile 0', 'meanwhile 1'],
		);
});

inBoth('what networks do: silence, cuts, refusals, 503', async ({ open, user, proxy, tabs }) => {
	for (const sharing of ['worker', 'locks', 'none']) {
		const tab = await open({ sharing });
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
		await tabs.pop().close();
	}
});

inBoth('a session that is revoked or expires stops all tabs, a new one goes on', async ({ open, user, tabs }) => {
	for (const sharing of ['worker', 'worker', 'locks', 'none'])
		await open({ sharing });
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
	// One that expires by itself: the stream ends, and so do all tries.
	const expire = (at) => server.sql(
		`UPDATE sessions SET expires_at = ${at} WHERE id = ${row.id};`,
	);
	await expire(Date.now() + 1500);
	for (const tab of tabs) {
		await tab.is('error');
		assert.equal(await tab.ask(() => window.store.reason), 401);
	}
	await expire('NULL');
});

// As a debugger would, or a loop without end.
inBoth('a leader that hangs is replaced', async ({ name, open, user, streams, tabs }) => {
	if (name !== 'chromium') return; // whose protocol can halt a page
	for (let i = 0; i < 3; i++) await open({ sharing: 'locks' });
	for (const tab of tabs) await tab.is('connected');
	const [leader, ...others] = tabs;
	const session = await leader.page.context().newCDPSession(leader.page);
	await session.send('Debugger.enable');
	const paused = new Promise((resolve) =>
		session.once('Debugger.paused', resolve));
	await session.send('Debugger.pause');
	// Where it next runs a script; this is one, should nothing else come.
	const script = leader.page.evaluate(() => {});
	await paused;
	await server.sql(insert(user, 'while it hangs'));
	for (const tab of others) await tab.shows('while it hangs');
	for (const tab of others) await tab.is('connected');
	await session.send('Debugger.resume');
	await session.detach();
	await script;
	await leader.shows('while it hangs');
	await leader.is('connected');
	await streams(1);
});
