// The ways to a server other than a native stream with a cookie, in real browsers
// on the real server: slices, whoever wants them, and credentials that no cookie
// holds.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { poll } from '../integration/lib/harness.mjs';
import { insert } from '../integration/lib/writer.mjs';
import { inEach, openBoth, startKit } from './lib/kit.mjs';

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

const inBoth = (name, body) =>
	test(`ways: ${name}`, () => inEach(browsers, server, body));

const told = (tab) => tab.ask(() => window.told);
const statuses = (tab) => tab.ask(() => window.statuses);

test('ways: a server that answers in slices is understood', async () => {
	const sliced = await startKit({ set: { stream_mode: 'poll' } });
	try {
		await inEach(browsers, sliced, async ({ open, user, proxy, tabs }) => {
			for (const sharing of ['worker', 'locks', 'none'])
				await open({ sharing });
			await open({ sharing: 'none', headers: 1 }); // by fetch
			for (const tab of tabs) await tab.is('connected');
			const titles = ['one', 'two', 'three'];
			for (const title of titles) {
				await sliced.sql(insert(user, title));
				for (const tab of tabs) await tab.shows(title);
			}
			await tabs[0].ask(() => window.store.markAllAsRead());
			for (const tab of tabs) {
				await tab.until('all read', () => !window.store.hasUnread);
				assert.deepEqual(await told(tab), titles);
				// That a slice ends is no news.
				assert.deepEqual(await statuses(tab), ['connected']);
			}
			const slices = proxy.asked.filter((line) =>
				line.startsWith('GET /api/notifications/stream'));
			assert.ok(slices.length > tabs.length, 'they have ended');
		});
	} finally {
		await sliced.stop();
	}
});

inBoth('where streams are held back until they end, slices are asked for', async ({ open, user, proxy }) => {
	proxy.holdsBack = true;
	const tab = await open({ sharing: 'none' });
	await poll('a slice to be asked for', () =>
		proxy.asked.some((line) => line.includes('poll=1')));
	await server.sql(insert(user, 'held back'));
	await tab.shows('held back');
	await tab.is('connected');
	await server.sql(insert(user, 'and again'));
	await tab.shows('and again');
	assert.deepEqual(await told(tab), ['held back', 'and again']);
});

inBoth('a token by fetch, or by a ticket for each native stream', async ({ open, user, proxy, tabs }) => {
	const token = await server.token(user);
	for (const more of [{}, { tickets: 1 }]) {
		const tab = await open({ sharing: 'none', token, ...more });
		await tab.is('connected');
		await server.sql(insert(user, 'for the token'));
		await tab.shows('for the token');
		const tickets = () => proxy.asked.filter((line) =>
			/^GET .*[?&]ticket=/.test(line)).length;
		const before = tickets();
		assert.equal(before > 0, 'tickets' in more);
		proxy.cut();
		await tab.until('a cut', () => !window.store.isConnected);
		await tab.is('connected');
		// Each is good for one stream.
		if (before) assert.ok(tickets() > before);
		await server.sql(`DELETE FROM notifications WHERE user_id = '${user}';`);
		await tabs.pop().close();
	}
	// Revoked: it stops, whichever way.
	await open({ sharing: 'none', token });
	await open({ sharing: 'none', token, tickets: 1 });
	for (const tab of tabs) await tab.is('connected');
	await server.sql(`DELETE FROM tokens WHERE user_id = '${user}';`);
	for (const tab of tabs) {
		await tab.is('error');
		await poll('its reason', () =>
			tab.ask(() => window.store.reason === 401));
	}
});
