// The service worker's part, in real browsers: the list offline, what is done
// offline, and notifications of the desktop.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { poll } from '../integration/lib/harness.mjs';
import { insert } from '../integration/lib/writer.mjs';
import { openBoth, startKit, Tab } from './lib/kit.mjs';
import { Proxy } from './lib/proxy.mjs';

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

const titles = () =>
	window.store.notifications
		.map(({ title, read }) => title + (read ? '' : '*')).join();

test('offline: the list is there, and what is done is done later', () =>
	Promise.all(browsers.map(async (browser, i) => {
		const user = ['alice', 'bob'][i];
		const profile = await browser.profile();
		const proxy = await Proxy.open(new URL(server.origin).port);
		await server.sql(
			['one', 'two', 'three'].map((title) => insert(user, title)).join(''),
		);
		const tab = await Tab.open(
			profile, server, user, { sw: 1, desktop: 1 }, proxy.origin,
		);
		await tab.is('connected');
		await poll('the list', async () =>
			(await tab.ask(titles)) === 'three*,two*,one*');
		// Other lists are not this one, least of all somebody else's.
		const token = await server.token('carol');
		const asCarol = (secret) => fetch('/api/notifications?limit=50', {
			headers: { Authorization: `Bearer ${secret}` },
		}).then(({ ok }) => ok, String);
		assert.equal(await tab.ask(asCarol, token), true);
		await tab.ask(() => fetch('/api/notifications?limit=1').then(() => {}));
		// The stream is not the service worker's: more than 30 s would tell in
		// Firefox; that its frames come while the worker answers nothing does too.
		proxy.mode = 'refuse';
		proxy.cut();
		await tab.until('offline', () => !window.store.isConnected);
		await tab.ask(async () => {
			const [three, two] = window.store.notifications;
			await window.store.markAsRead(three.id);
			await window.store.remove(two.id);
		});
		// From the cache, with what was done since.
		await tab.ask(() => window.store.refresh());
		assert.equal(await tab.ask(titles), 'three,one*');
		assert.equal(await tab.ask(() => window.store.unreadCount), 1);
		assert.match(await tab.ask(asCarol, token), /TypeError/);
		const rows = () => server.rows(
			`SELECT title, unread FROM inbox WHERE user_id = '${user}' ORDER BY id`,
		);
		assert.equal((await rows()).length, 3, 'nothing has reached the server');
		proxy.mode = 'pass';
		await tab.is('connected');
		await poll('it to be done', async () => (await rows()).length === 2);
		assert.deepEqual(await rows(), [
			{ title: 'one', unread: 1 }, { title: 'three', unread: 0 },
		]);
		assert.equal(await tab.ask(titles), 'three,one*');
		// Signed out: nothing is left for the next person.
		await tab.ask(() => window.store.signOut());
		await tab.until('nothing left', async () =>
			!(await caches.has('belfry')));
		await tab.close();
		await profile.close();
		await proxy.close();
	})));

test('desktop: one notification and one sound, when no tab is looked at', async () => {
	const [chromium] = browsers;
	const profile = await chromium.profile({ permissions: ['notifications'] });
	const tabs = [];
	for (let i = 0; i < 3; i++)
		tabs.push(await Tab.open(profile, server, 'carol', { sw: 1, desktop: 1 }));
	for (const tab of tabs) await tab.is('connected');
	for (const tab of tabs)
		await tab.ask(() => {
			window.played = 0;
			const { play } = HTMLMediaElement.prototype;
			HTMLMediaElement.prototype.play = function played() {
				window.played++;
				return play.call(this);
			};
			window.shown = 0;
			const { showNotification } = ServiceWorkerRegistration.prototype;
			ServiceWorkerRegistration.prototype.showNotification =
				async function shown(...args) {
					await window.gate;
					await showNotification.apply(this, args);
					window.shown++;
				};
		});
	// Whoever asks Chromium for those that are there while one is on its way to
	// the screen makes it forget that one.
	const shown = (count) => poll(`${count} to be shown`, async () => {
		const each = await Promise.all(tabs.map((tab) => tab.ask(() => window.shown)));
		return each.reduce((sum, n) => sum + n) === count;
	});
	// The driver's own asking counts as a person's touch.
	const played = async () =>
		(await Promise.all(tabs.map((tab) => tab.ask(() => window.played))))
			.filter((times) => times > 0);
	const look = (tab, state) => tab.ask((visibility) => {
		Object.defineProperty(document, 'visibilityState', {
			configurable: true, get: () => visibility,
		});
		document.dispatchEvent(new Event('visibilitychange'));
	}, state);
	const there = () => tabs[0].ask(async () => {
		const registration = await navigator.serviceWorker.ready;
		const all = await registration.getNotifications();
		return all.map(({ title, body, tag }) => [title, body, tag]);
	});
	await server.sql(insert('carol', 'while it is looked at'));
	for (const tab of tabs) await tab.shows('while it is looked at');
	assert.deepEqual(await played(), [1]);
	for (const tab of tabs) await look(tab, 'hidden');
	await tabs[0].until('no tab to be looked at', async () =>
		!(await navigator.locks.query()).held.some(
			({ name }) => name === 'belfry visible'));
	await server.sql(insert('carol', 'Disk full', { body: '99 %' }));
	await shown(1);
	await poll('one on the desktop', async () => (await there()).length > 0);
	const [{ id }] = await server.rows(
		"SELECT max(id) AS id FROM notifications WHERE user_id = 'carol'",
	);
	assert.deepEqual(await there(), [['Disk full', '99 %', `belfry-${id}`]]);
	await server.sql(`UPDATE notifications SET read_at = 1 WHERE id = ${id};`);
	await poll('none on the desktop', async () => (await there()).length === 0);
	assert.deepEqual(await played(), [2]);
	// All read elsewhere, but for what is newer than that.
	await server.sql(['a', 'b', 'c'].map((title) => insert('carol', title)).join(''));
	await shown(4);
	await poll('three on the desktop', async () => (await there()).length === 3);
	await server.sql(`INSERT INTO read_marks(user_id, read_through)
		VALUES ('carol', ${id + 2});`);
	await poll('one on the desktop', async () => (await there()).length === 1);
	assert.equal((await there())[0][0], 'c');
	// Read while it is on its way to the screen.
	for (const tab of tabs)
		await tab.ask(() => {
			window.gate = new Promise((resolve) => (window.letThrough = resolve));
			window.early = false;
			const { getNotifications } = ServiceWorkerRegistration.prototype;
			ServiceWorkerRegistration.prototype.getNotifications =
				function asked(...args) {
					window.early = true;
					return getNotifications.apply(this, args);
				};
		});
	await server.sql(insert('carol', 'seen at once'));
	for (const tab of tabs) await tab.shows('seen at once');
	await server.sql(`UPDATE notifications SET read_at = 1
		WHERE title = 'seen at once';`);
	for (const tab of tabs)
		await tab.until('it to be read', () =>
			window.store.notifications[0].read);
	for (const tab of tabs)
		assert.equal(await tab.ask(async () => {
			await navigator.serviceWorker.getRegistration();
			return window.early;
		}), false, 'withdrawn before it was shown');
	for (const tab of tabs) await tab.ask(() => window.letThrough());
	await shown(5);
	await poll('only the other one to stay', async () =>
		(await there()).map(([title]) => title).join() === 'c');
	await profile.close();
});
