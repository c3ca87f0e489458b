// The inbox page in Chromium, on the real server: what the tables say is what
// the tabs show, whoever writes and whatever dies meanwhile.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { poll } from '../integration/lib/harness.mjs';
import { inboxRows } from '../integration/lib/model.mjs';
import { insert, quote } from '../integration/lib/writer.mjs';
import {
	Inbox,
	openChromium,
	openFirefox,
	startDemo,
} from './lib/browser.mjs';

const USERS = ['alice', 'bob', 'carol'];
let chromium;
let server;
let reader; // of the tables, one that stays open
let context;
let tabs;

before(async () => {
	[server, chromium] = await Promise.all([startDemo(), openChromium()]);
	reader = server.writer();
});

// Every test has its own rows, and a browser that knows nothing.
beforeEach(async () => {
	await server.sql('DELETE FROM notifications;');
	context = await chromium.context();
	tabs = [];
});

afterEach(async () => {
	for (const tab of tabs) tab.check();
	await context.close();
});

after(async () => {
	await chromium.close();
	await server.stop();
});

async function openTab(user) {
	const tab = await Inbox.open(context, server);
	tabs.push(tab);
	if (user) await tab.choose(user);
	return tab;
}

const comparable = ({ id, title, body, type, priority, broadcast, unread }) => ({
	id, title, body, type, priority, broadcast, unread,
});

// The tab comes to show what the tables say, and to count it right.
async function agrees(tab, user) {
	let rows;
	const expected = async () => {
		rows = (await inboxRows(reader, user))
			.reverse()
			.map((row) =>
				comparable({ ...row, priority: `priority ${row.priority}` }),
			);
		const unread = rows.filter((row) => row.unread).length;
		return {
			title: unread ? `(${unread}) Inbox · Belfry` : 'Inbox · Belfry',
			badge: String(unread),
			items: rows,
		};
	};
	await tab.comesToShow(expected, (now) => ({
		...now, items: now.items.map(comparable),
	}));
	return rows;
}

test('inbox: a row that the sqlite3 CLI inserts appears by itself', async (t) => {
	const tab = await openTab('alice');
	await agrees(tab, 'alice');
	const seen = tab.page.evaluate(
		(title) =>
			new Promise((resolve) => {
				const look = () => {
					const text = document.querySelector('#list').textContent;
					if (text.includes(title)) resolve(Date.now());
				};
				new MutationObserver(look).observe(
					document.querySelector('#list'),
					{ childList: true, subtree: true, characterData: true },
				);
			}),
		'Build finished',
	);
	const start = Date.now();
	await server.sql(
		insert('alice', 'Build finished', {
			body: 'in 3 min\nwithout a warning',
			type: 'success',
			priority: 4,
			link: '/builds/17',
		}),
	);
	const committed = Date.now();
	const shown = await seen;
	t.diagnostic(
		`shown ${shown - start} ms after sqlite3 was started, ` +
			`${shown - committed} ms after it had ended`,
	);
	const [row] = await agrees(tab, 'alice');
	assert.equal(row.body, 'in 3 min\nwithout a warning');
	assert.equal(
		await tab.item('Build finished').locator('a').getAttribute('href'),
		`${server.origin}/builds/17`,
	);
	await tab.page
		.locator('#announcer', { hasText: 'New notification: Build finished' })
		.waitFor({ state: 'attached' });
});

test('inbox: two tabs agree after read, unread, read-all and delete', async () => {
	await server.sql(
		['one', 'two', 'three', 'four'].map((title) =>
			insert('alice', title)).join('\n') + insert('*', 'to all'),
	);
	const one = await openTab('alice');
	const two = await openTab();
	const both = async () => {
		const rows = await agrees(one, 'alice');
		assert.deepEqual(await agrees(two, 'alice'), rows);
		return rows.filter((row) => row.unread).map((row) => row.title);
	};
	const click = async (tab, title, name) => {
		await tab.page.bringToFront();
		const done = tab.page.waitForResponse((answer) =>
			['PATCH', 'DELETE'].includes(answer.request().method()));
		await tab.item(title).getByRole('button', { name }).click();
		assert.ok((await done).ok());
	};
	const readAll = async (tab) => {
		await tab.page.bringToFront();
		const done = tab.page.waitForResponse(/read-all$/);
		await tab.page.getByRole('button', { name: 'Mark all read' }).click();
		assert.ok((await done).ok());
	};

	assert.equal((await both()).length, 5);
	await click(one, 'two', 'Mark read');
	assert.deepEqual(await both(), ['to all', 'four', 'three', 'one']);
	await click(two, 'to all', 'Mark read');
	assert.deepEqual(await both(), ['four', 'three', 'one']);
	await click(two, 'two', 'Mark unread');
	await click(one, 'to all', 'Mark unread');
	assert.equal((await both()).length, 5);
	await readAll(one);
	assert.deepEqual(await both(), []);
	await click(two, 'three', 'Mark unread');
	await click(one, 'to all', 'Mark unread');
	assert.deepEqual(await both(), ['to all', 'three']);
	// The watermark is there already: it takes along what is below it.
	await readAll(two);
	assert.deepEqual(await both(), []);
	await click(one, 'four', 'Delete');
	await click(two, 'to all', 'Delete');
	await both();
	assert.deepEqual(
		(await server.rows("SELECT title FROM notifications WHERE user_id = '*'")),
		[{ title: 'to all' }],
		'a broadcast is hidden for alice only',
	);
	await server.sql(insert('alice', 'five'));
	assert.deepEqual(await both(), ['five']);
});

test('inbox: changes by SQL show: text, read state, owner, deletion', async () => {
	await server.sql(
		['one', 'two', 'three'].map((title) => insert('alice', title)).join('\n'),
	);
	const tab = await openTab('alice');
	await agrees(tab, 'alice');
	for (const sql of [
		"UPDATE notifications SET title = 'ONE' WHERE title = 'one'",
		"UPDATE notifications SET read_at = 1 WHERE title = 'two'",
		"UPDATE notifications SET user_id = 'bob' WHERE title = 'two'",
		"UPDATE notifications SET user_id = 'alice' WHERE title = 'two'",
		"UPDATE notifications SET read_at = NULL WHERE title = 'two'",
		"DELETE FROM notifications WHERE title = 'three'",
	]) {
		await server.sql(`${sql};`);
		await agrees(tab, 'alice');
	}
});

test('inbox: a broadcast reaches everybody, marked, each with a state of his own', async () => {
	const alice = await openTab('alice');
	const elsewhere = await chromium.context();
	const bob = await Inbox.open(elsewhere, server);
	await bob.choose('bob');
	await server.sql(insert('*', 'Lunch is ready'));
	for (const [tab, user] of [[alice, 'alice'], [bob, 'bob']]) {
		const [row] = await agrees(tab, user);
		assert.deepEqual([row.broadcast, row.unread], [true, true]);
		await tab.item('to everyone').waitFor();
	}
	await bob.item('Lunch').getByRole('button', { name: 'Mark read' }).click();
	await bob.until((now) => !now.items[0].unread);
	await agrees(alice, 'alice');
	const [row] = await agrees(bob, 'bob');
	assert.equal(row.unread, false);
	bob.check();
	await elsewhere.close();
});

test('inbox: another user sees his own only, in all tabs of the browser', async () => {
	await server.sql(
		USERS.map((user) => insert(user, `secret of ${user}`)).join('\n'),
	);
	const one = await openTab('alice');
	const two = await openTab();
	for (const user of ['bob', 'carol', 'alice']) {
		await one.choose(user);
		for (const tab of [one, two]) {
			const rows = await agrees(tab, user);
			assert.deepEqual(rows.map((row) => row.title), [`secret of ${user}`]);
		}
		await server.sql(
			USERS.map((name) => insert(name, `another of ${name}`)).join('\n'),
		);
		for (const tab of [one, two]) {
			const rows = await agrees(tab, user);
			assert.ok(rows.every((row) => row.title.endsWith(` of ${user}`)));
		}
		await server.sql("DELETE FROM notifications WHERE title LIKE 'another%';");
	}
});

test('inbox: kill -9 of the responder while rows go in leaves no gap', async () => {
	const tab = await openTab('alice');
	const writer = server.writer();
	let number = 0;
	const write = async (rows) => {
		for (const end = number + rows; number < end; number++) {
			await writer.exec(insert('alice', `row ${number}`));
			if (number % 10 === 0) await writer.exec(insert('*', `all ${number}`));
			if (number % 7 === 0)
				await writer.exec(
					`UPDATE notifications SET read_at = 1
					WHERE title = 'row ${number - 3}';`,
				);
			if (number % 9 === 0)
				await writer.exec(
					`DELETE FROM notifications WHERE title = 'row ${number - 5}';`,
				);
		}
	};
	for (let round = 0; round < 3; round++) {
		await tab.connected();
		const writing = write(40);
		await tab.until((now) => now.items.length > 0);
		// Looked for from before the kill on: it may be back in a moment.
		const cut = tab.page
			.locator('#connection:not([data-status="connected"])')
			.waitFor();
		await server.killResponder();
		await writing;
		await cut;
		await write(5);
	}
	await tab.connected();
	const rows = await agrees(tab, 'alice');
	assert.ok(rows.length > 100);
});

test('inbox: a reset brings the list anew, whatever was missed', async () => {
	await server.sql(
		['one', 'two', 'three'].map((title) => insert('alice', title)).join('\n'),
	);
	const tab = await openTab('alice');
	await agrees(tab, 'alice');
	await context.setOffline(true);
	await server.killResponder();
	await tab.status('disconnected');
	await server.sql(`
		BEGIN;
		${insert('alice', 'four')}
		UPDATE notifications SET title = 'ONE', read_at = 1 WHERE title = 'one';
		DELETE FROM notifications WHERE title = 'two';
		UPDATE meta SET value = (SELECT max(id) - 1 FROM events)
		WHERE key = 'floor';
		DELETE FROM events WHERE id < (SELECT max(id) FROM events);
		COMMIT;`);
	const listed = tab.page.waitForResponse(/\?limit=50$/);
	await context.setOffline(false);
	assert.ok((await listed).ok());
	await tab.connected();
	await agrees(tab, 'alice');
	await server.sql(insert('alice', 'five'));
	await agrees(tab, 'alice');
});

test('inbox: one that came cut from the stream is shown whole on demand', async () => {
	const tab = await openTab('alice');
	const body = 'all of it, '.repeat(40_000);
	await server.sql(insert('alice', 'long', { body }));
	await tab.until(({ items }) => items.length === 1);
	assert.ok((await tab.shown()).items[0].body.length < body.length);
	await tab.item('long').getByRole('button', { name: 'Show all' }).click();
	await tab.until(({ items }) => items[0].body === body);
	const less = tab.item('long').getByRole('button', { name: 'Show less' });
	assert.equal(await less.getAttribute('aria-expanded'), 'true');
	await agrees(tab, 'alice');
});

test('inbox: what fails is said and taken back', async () => {
	await server.sql(insert('alice', 'one'));
	const tab = await openTab('alice');
	const mark = tab.item('one').getByRole('button', { name: 'Mark read' });
	await tab.page.route('**/notifications/*', (route) => route.abort());
	await mark.click();
	await tab.page
		.getByRole('alert')
		.filter({ hasText: 'That did not work: The server does not answer.' })
		.waitFor();
	await agrees(tab, 'alice');
	await tab.page.unroute('**/notifications/*');
	await mark.click();
	await tab.until(({ items }) => !items[0].unread);
	await tab.page.getByRole('alert').waitFor({ state: 'hidden' });
});

test('inbox: more than a page: older ones on demand, whatever comes meanwhile', async () => {
	const many = Array.from({ length: 120 }, (_, i) =>
		insert(i % 5 ? 'alice' : '*', `row ${i}`));
	await server.sql(`BEGIN;${many.join('\n')}COMMIT;`);
	const tab = await openTab('alice');
	const more = tab.page.getByRole('button', { name: 'Load more' });
	await tab.until((now) => now.items.length === 50 && now.badge === '120');
	await more.click();
	await tab.until((now) => now.items.length === 100);
	// Of what is not loaded: the count stays right, and so does the list.
	await server.sql(`
		UPDATE notifications SET read_at = 1 WHERE title = 'row 3';
		UPDATE notifications SET title = 'row five' WHERE title = 'row 5';
		DELETE FROM notifications WHERE title = 'row 7';
		${insert('alice', 'row 120')}`);
	await tab.until((now) => now.badge === '119');
	await more.click();
	await more.waitFor({ state: 'hidden' });
	await agrees(tab, 'alice');
});

test('inbox: what a row says is text, and a link that is not one is none', async () => {
	const hostile = [
		['<img src=x onerror="window.hacked=1">', 'javascript:window.hacked=1'],
		['</template><script>window.hacked=1</script>', 'data:text/html,x'],
		['&lt;b&gt; "\'`${1}', ' JaVaScRiPt:alert(1)'],
		['\u202Eright to left', 'vbscript:x'],
		['line\nbreak', 'blob:null/x'],
	];
	const tab = await openTab('alice');
	await server.sql(
		hostile
			.map(([text, link]) => insert('alice', text, { body: text, link, type: text }))
			.join('\n'),
	);
	await agrees(tab, 'alice');
	assert.equal(await tab.page.locator('#list a:visible').count(), 0);
	assert.equal(await tab.page.locator('#list a[href]').count(), 0);
	assert.equal(await tab.page.locator('#list :is(img, script, b)').count(), 0);
	assert.equal(await tab.page.evaluate(() => window.hacked), undefined);
	await server.sql(
		['https://example.org/a?b#c', 'http://example.org/', 'x/y', '/z', '//h/p', '?q']
			.map((link) => insert('alice', `to ${link}`, { link }))
			.join('\n'),
	);
	await agrees(tab, 'alice');
	const hrefs = await tab.page
		.locator('#list a:visible')
		.evaluateAll((links) => links.map((a) => a.getAttribute('href')));
	assert.deepEqual(hrefs.reverse(), [
		'https://example.org/a?b#c',
		'http://example.org/',
		`${server.origin}/x/y`,
		`${server.origin}/z`,
		'http://h/p',
		`${server.origin}/?q`,
	]);
});

test('inbox: a session that is revoked stops the page with a word', async () => {
	const tab = await openTab('carol');
	const rows = await server.rows(
		"SELECT * FROM sessions WHERE user_id = 'carol'",
	);
	assert.equal(rows.length, 1);
	await server.sql("DELETE FROM sessions WHERE user_id = 'carol';");
	await tab.status('error');
	assert.equal(
		await tab.page.locator('#connection-text').textContent(),
		'Stopped (signed out)',
	);
	const [row] = rows;
	await server.sql(
		`INSERT INTO sessions(${Object.keys(row)})
		VALUES (${Object.values(row).map(quote)});`,
	);
	await tab.page.getByRole('button', { name: 'Try now' }).click();
	await tab.connected();
	await agrees(tab, 'carol');
});

test('inbox: the keyboard is enough, and the focus is never lost', async () => {
	await server.sql(
		['one', 'two', 'three'].map((title) => insert('alice', title)).join('\n'),
	);
	const tab = await openTab('alice');
	await agrees(tab, 'alice');
	const focus = () =>
		tab.page.evaluate(() => {
			const on = document.activeElement;
			const title = on.closest('.item')?.querySelector('bdi').textContent;
			return `${on.textContent}: ${title}`;
		});
	await tab.item('two').getByRole('button', { name: 'Delete' }).focus();
	await tab.page.keyboard.press('Enter');
	await agrees(tab, 'alice');
	assert.equal(await focus(), 'Delete: one');
	await tab.page.keyboard.press('Enter');
	await tab.until((now) => now.items.length === 1);
	assert.equal(await focus(), 'Delete: three');
	await tab.page.keyboard.press('Shift+Tab');
	assert.equal(await focus(), 'Mark read: three');
	await tab.page.keyboard.press('Space');
	await tab.until((now) => !now.items[0].unread);
	assert.equal(await focus(), 'Mark unread: three');
	await server.sql(insert('alice', 'new'));
	await agrees(tab, 'alice');
	assert.equal(await focus(), 'Mark unread: three');
	await tab.item('three').getByRole('button', { name: 'Delete' }).focus();
	await server.sql('DELETE FROM notifications;');
	await agrees(tab, 'alice');
	assert.notEqual(await focus(), ': undefined');
});

test('inbox: in Firefox too, whose own EventSource would give up', async () => {
	const firefox = await openFirefox();
	try {
		const page = await firefox.newPage();
		await page.goto(`${server.origin}/`);
		const shows = (titles) =>
			poll(`${titles} in Firefox`, () =>
				page.evaluate(
					(expected) =>
						[...document.querySelectorAll('.title bdi')]
							.map((title) => title.textContent)
							.join() === expected,
					titles,
				),
			);
		const status = (name) =>
			poll(`${name} in Firefox`, () =>
				page.evaluate(
					(expected) =>
						document.querySelector('#connection').dataset.status ===
						expected,
					name,
				),
			);
		await status('connected');
		await server.sql(insert('alice', 'one'));
		await shows('one');
		await server.killResponder();
		await server.sql(insert('alice', 'two') + insert('bob', 'not hers'));
		await shows('two,one');
		await status('connected');
		await page.click('.item .delete');
		await shows('one');
		await poll('the row to be gone', async () =>
			(await server.rows("SELECT 1 FROM notifications WHERE title = 'two'"))
				.length === 0,
		);
	} finally {
		await firefox.close();
	}
});
