// What becomes of tabs, of their processes, and of answers on their way, in real
// browsers on the real server: nothing of it loses or doubles anything.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import fs from 'node:fs';

import { poll } from '../integration/lib/harness.mjs';
import { descendants } from '../integration/lib/process.mjs';
import { insert } from '../integration/lib/writer.mjs';
import { inEach, openBoth, startKit } from './lib/kit.mjs';

let browsers;
let server;

before(async () => {
	server = await startKit({ set: { heartbeat: '1s' } });
	browsers = await openBoth({ plain: true });
});

after(async () => {
	await Promise.all((browsers ?? []).map((browser) => browser.close()));
	await server?.stop();
});

beforeEach(() => server.sql('DELETE FROM notifications;'));

const inBoth = (name, body) =>
	test(`life: ${name}`, () => inEach(browsers, server, body));

const isVisible = (state) => document.visibilityState === state;

inBoth('a tab in the background goes on, or rests on request', async ({ open, user, profile, streams, tabs }) => {
	for (const closeHidden of ['', '100']) {
		const tab = await open({
			sharing: 'none', ...(closeHidden ? { closeHidden } : {}),
		});
		await tab.page.bringToFront();
		await tab.is('connected');
		const other = await profile.newPage();
		await other.bringToFront();
		await tab.until('hidden', isVisible, 'hidden');
		if (closeHidden) {
			await streams(0);
			assert.equal(await tab.status(), 'disconnected');
		}
		const title = `in the background ${closeHidden}`;
		await server.sql(insert(user, title));
		if (!closeHidden) await tab.shows(title);
		await tab.page.bringToFront();
		await tab.until('visible', isVisible, 'visible');
		await tab.shows(title);
		await tab.is('connected');
		assert.deepEqual(await tab.ask(() => window.told), [title]);
		await other.close();
		await tabs.pop().close();
	}
});

inBoth('away and back again, whether the page was kept or not', async ({ name, open, user, proxy, streams, tabs }) => {
	const kept = {};
	for (const sharing of ['worker', 'locks', 'none']) {
		const tab = await open({ sharing });
		await tab.is('connected');
		await tab.page.goto(`${proxy.origin}/nothing-here`);
		await streams(0);
		await server.sql(insert(user, `while away ${sharing}`));
		await tab.back();
		await tab.shows(`while away ${sharing}`);
		await tab.is('connected');
		kept[sharing] = await tab.ask(() => window.thawed);
		await tabs.pop().close();
	}
	// Firefox keeps none that had a stream of its own.
	const own = name === 'chromium';
	assert.deepEqual(kept, { worker: true, locks: own, none: own }, name);
});

// The one that has taken the most memory.
function largestProcess(pid) {
	const size = (one) => Number(
		/^VmRSS:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${one}/status`, 'utf8'))?.[1]
			?? 0,
	);
	return descendants(pid).sort((a, b) => size(b) - size(a))[0];
}

for (const sharing of ['worker', 'locks'])
	inBoth(`the process of the first tab is killed, by ${sharing}`, async ({ browser, open, user, streams, tabs }) => {
		for (let i = 0; i < 3; i++) await open({ sharing });
		for (const tab of tabs) await tab.is('connected');
		const [first, ...others] = tabs;
		await first.ask(() => {
			window.ballast = new Uint8Array(300e6).fill(1);
		});
		tabs.shift();
		process.kill(largestProcess(browser.pid), 'SIGKILL');
		await server.sql(insert(user, 'after the kill'));
		for (const tab of others) await tab.shows('after the kill');
		for (const tab of others) await tab.is('connected');
		for (const tab of others)
			assert.deepEqual(
				await tab.ask(() => window.told), ['after the kill'],
			);
		await streams(1);
		await first.close().catch(() => {});
	});

inBoth('a list that comes late undoes nothing', async ({ open, user, proxy }) => {
	await server.sql(
		['one', 'two', 'three'].map((title) => insert(user, title)).join(''),
	);
	const tab = await open({ sharing: 'none' });
	await tab.is('connected');
	const list = () => tab.ask(() => window.store.notifications
		.map(({ title, read }) => title + (read ? '' : '*')).join());
	assert.equal(await list(), 'three*,two*,one*');
	const given = proxy.holdNext('GET /api/notifications?limit=50');
	await tab.ask(() => {
		window.refreshed = window.store.refresh();
	});
	const release = await given;
	await tab.ask(() => window.store.markAsRead(
		window.store.notifications.at(-1).id));
	await server.sql(`
		DELETE FROM notifications WHERE user_id = '${user}' AND title = 'two';
		UPDATE notifications SET title = 'THREE'
		WHERE user_id = '${user}' AND title = 'three';
		${insert(user, 'four')}`);
	await tab.shows('four');
	assert.equal(await list(), 'four*,THREE*,one');
	release();
	await tab.ask(() => window.refreshed.then(() => {}));
	assert.equal(await list(), 'four*,THREE*,one');
	assert.equal(await tab.ask(() => window.store.unreadCount), 2);
});

inBoth('what comes a second time changes nothing', async ({ open, user, proxy }) => {
	const tab = await open({ sharing: 'none' });
	await tab.is('connected');
	const [{ id }] = await server.rows('SELECT max(id) AS id FROM events');
	await server.sql(
		['one', 'two'].map((title) => insert(user, title)).join(''),
	);
	await tab.shows('two');
	await tab.ask(() => window.store.markAllAsRead());
	await server.sql(insert(user, 'three'));
	await tab.shows('three');
	const before = await tab.ask(() => [
		window.store.notifications, window.store.unreadCount,
	]);
	// All of it again, as when the cursor was lost on its way.
	proxy.rewind = id;
	await tab.ask(() => {
		window.frames = [];
		window.store.on('frame', ({ event, id: at }) =>
			window.frames.push([event, at]));
		window.store.reconnect();
	});
	await poll('all frames again', () => tab.ask(() =>
		window.frames.filter(([event]) => event === 'notification').length >= 4));
	assert.deepEqual(
		await tab.ask(() => [
			window.store.notifications, window.store.unreadCount,
		]),
		before,
	);
	assert.equal(before[1], 1);
	assert.deepEqual(
		await tab.ask(() => window.told), ['one', 'two', 'three'],
	);
	proxy.rewind = null;
	await server.sql(insert(user, 'four'));
	await tab.shows('four');
});
