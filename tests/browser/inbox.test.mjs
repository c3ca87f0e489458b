// The inbox page in Chromium, on the real server: what the tables say is what
// the tabs show, whoever writes and whatever dies meanwhile.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { poll, run } from '../integration/lib/harness.mjs';
import { inboxRows } from '../integration/lib/model.mjs';
import { insert, quote } from '../integration/lib/writer.mjs';
import { axe } from './lib/axe.mjs';
import { openChromium, openFirefox } from './lib/browser.mjs';
import { Inbox, startDemo } from './lib/inbox.mjs';

const USERS = ['alice', 'bob', 'carol'];
const PAGE = 50; // notifications in the document
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

async function openTab(...users) {
	const tab = await Inbox.open(context, server, ...users);
	tabs.push(tab);
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
			badge: String(unread),
			items: rows.slice(0, PAGE),
		};
	};
	await tab.comesToShow(expected, ({ badge, items }) => ({
		badge, items: items.map(comparable),
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
					const text = document.querySelector('.list').textContent;
					if (text.includes(title)) resolve(Date.now());
				};
				new MutationObserver(look).observe(
					document.querySelector('.list'),
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
	await tab.pane
		.locator('[role=status]', {
			hasText: 'New notification for alice: Build finished',
		})
		.waitFor({ state: 'attached' });
	assert.equal(await tab.page.title(), '(1) Belfry');
	// The toast says it too, and leads to it.
	await tab.page.locator('.toast-text', { hasText: 'Build finished' }).click();
	await tab.page.locator('.toast').waitFor({ state: 'detached' });
	assert.equal(
		await tab.page.evaluate(() => document.activeElement.ariaLabel),
		'Mark read',
	);
});

test('inbox: two tabs agree after read, unread, read-all and delete', async () => {
	await server.sql(
		['one', 'two', 'three', 'four'].map((title) =>
			insert('alice', title)).join('\n') + insert('*', 'to all'),
	);
	const one = await openTab('alice');
	const two = await openTab('alice');
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
		await tab.button('Mark all read').click();
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

test('inbox: a broadcast reaches everybody, each with a state of their own', async () => {
	const alice = await openTab('alice', 'bob');
	const bob = alice.of('bob');
	await server.sql(insert('*', 'Lunch is ready'));
	for (const tab of [alice, bob]) {
		const [row] = await agrees(tab, tab.user);
		assert.deepEqual([row.broadcast, row.unread], [true, true]);
		await tab.item('to everyone').waitFor();
	}
	// One toast, whoever sees it.
	assert.equal(await alice.page.locator('.toast').count(), 1);
	assert.equal(await alice.page.locator('.toast .avatar').count(), 2);
	await bob.item('Lunch').getByRole('button', { name: 'Mark read' }).click();
	await bob.until((now) => !now.items[0].unread);
	await agrees(alice, 'alice');
	const [row] = await agrees(bob, 'bob');
	assert.equal(row.unread, false);
});

test('inbox: side by side, everybody sees their own only', async () => {
	await server.sql(
		USERS.map((user) => insert(user, `secret of ${user}`)).join('\n'),
	);
	const page = await openTab('alice', 'bob');
	const other = await openTab('carol');
	const panes = [page, page.of('bob'), other];
	for (const tab of panes) {
		const rows = await agrees(tab, tab.user);
		assert.deepEqual(rows.map((row) => row.title), [`secret of ${tab.user}`]);
	}
	assert.equal(await page.page.title(), '(2) Belfry');
	const chip = (name) => page.page.locator('.person', { hasText: name });
	await chip('carol').click();
	panes.push(page.of('carol'));
	await chip('alice').click();
	await page.pane.waitFor({ state: 'detached' });
	assert.equal(new URL(page.page.url()).hash, '#bob,carol');
	await server.sql(
		USERS.map((name) => insert(name, `another of ${name}`)).join('\n'),
	);
	for (const tab of panes.slice(1)) {
		const rows = await agrees(tab, tab.user);
		assert.ok(rows.every((row) => row.title.endsWith(` of ${tab.user}`)));
		assert.equal(rows.length, 2);
	}
	// In the order of the people, the last of them stays.
	await chip('alice').click();
	await page.connected();
	assert.deepEqual(
		await page.page.locator('.pane-who h2').allTextContents(), USERS,
	);
	for (const name of USERS) await chip(name).click();
	assert.deepEqual(
		await page.page.locator('.pane-who h2').allTextContents(), ['carol'],
	);
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
		const cut = tab.pane
			.locator('.connection:not([data-status="connected"])')
			.waitFor();
		await server.killResponder();
		await writing;
		await cut;
		await write(5);
	}
	await tab.connected();
	const rows = await agrees(tab, 'alice');
	assert.ok(rows.length > 100);
	const seen = [];
	for (;;) {
		seen.push(...(await tab.shown()).items);
		if (await tab.button('Older').isDisabled()) break;
		await tab.button('Older').click();
		await tab.until(({ items }) => items[0].id < seen.at(-1).id);
	}
	assert.deepEqual(seen.map(comparable), rows);
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
	const listed = tab.page.waitForResponse(/\?limit=100$/);
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

test('inbox: of ten thousand one page is in the document, and all can be had', async () => {
	await server.sql(`
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
			WHERE i < 10000)
		INSERT INTO notifications(user_id, title, type)
		SELECT iif(i % 5, 'alice', '*'), 'row ' || i,
			iif(i % 250 = 1, 'rare', 'info') FROM n;`);
	const tab = await openTab('alice');
	const nodes = () => tab.page.evaluate(() =>
		document.querySelectorAll('*').length);
	const range = (text) => tab.pane.locator('.range', { hasText: text }).waitFor();
	await tab.until(({ items }) => items.length === PAGE);
	const begin = await nodes();
	for (let i = 0; i < 5; i++) await tab.button('Older').click();
	await range(/^251–300 of 300\+$/);
	await tab.until(({ items }) => items[0].title === 'row 9750');
	assert.ok(await nodes() <= begin + 50, `${begin} nodes, then ${await nodes()}`);
	// Of what is not loaded: the count stays right, and so does the list.
	await server.sql(`
		UPDATE notifications SET read_at = 1 WHERE title = 'row 3';
		UPDATE notifications SET title = 'row five' WHERE title = 'row 5';
		DELETE FROM notifications WHERE title = 'row 7';`);
	await tab.until(({ badge }) => badge === '9998');
	// What is rare is looked for in those that are not loaded, too.
	await tab.pane.getByLabel('Type').selectOption('rare');
	const rare = (count) => tab.until(({ items }) =>
		items.length === count && items.every(({ type }) => type === 'rare'));
	await rare(1);
	await tab.button('Older').click();
	await rare(3);
	await tab.pane.getByLabel('Type').selectOption('');
	await tab.until(({ items }) => items[0].title === 'row 10000');
	assert.ok(await nodes() <= begin + 50);
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
	assert.equal(await tab.page.locator('.list a:visible').count(), 0);
	assert.equal(await tab.page.locator('.list a[href]').count(), 0);
	assert.equal(await tab.page.locator('.list :is(img, script, b)').count(), 0);
	assert.equal(await tab.page.evaluate(() => window.hacked), undefined);
	await server.sql(
		['https://example.org/a?b#c', 'http://example.org/', 'x/y', '/z', '//h/p', '?q']
			.map((link) => insert('alice', `to ${link}`, { link }))
			.join('\n'),
	);
	await agrees(tab, 'alice');
	const hrefs = await tab.page
		.locator('.list a:visible')
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

test('inbox: a credential that is revoked stops it with a word', async () => {
	const tab = await openTab('carol');
	const rows = await server.rows(
		"SELECT * FROM tokens WHERE user_id = 'carol'",
	);
	assert.equal(rows.length, 1);
	await server.sql("DELETE FROM tokens WHERE user_id = 'carol';");
	await tab.status('error');
	assert.equal(
		await tab.pane.locator('.connection-text').textContent(),
		'Stopped · signed out',
	);
	const [row] = rows;
	await server.sql(
		`INSERT INTO tokens(${Object.keys(row)})
		VALUES (${Object.values(row).map(quote)});`,
	);
	await tab.button('Try now').click();
	await tab.connected();
	await agrees(tab, 'carol');
});

test('inbox: disconnected by hand it waits, and says when it tries again', async () => {
	const tab = await openTab('alice');
	await tab.button('Disconnect').click();
	await tab.pane.getByText('Disconnected · switched off').waitFor();
	await server.sql(insert('alice', 'meanwhile'));
	await tab.button('Connect').click();
	await tab.connected();
	await agrees(tab, 'alice');
	await context.setOffline(true);
	await tab.pane.getByText(/^Next try in \d+ s/).waitFor();
	await tab.pane.locator('.countdown').waitFor();
	await context.setOffline(false);
	await tab.connected();
	await tab.pane.locator('.countdown').waitFor({ state: 'hidden' });
});

test('inbox: what the form sends arrives, and so does what it says for a shell', async () => {
	const tab = await openTab('alice', 'bob');
	const { page } = tab;
	await page.getByLabel('Title').fill("It's “done”");
	await page.getByLabel('Text', { exact: true }).fill('with a body');
	await page.getByLabel('Link').fill('/x');
	await page.locator('#type').fill('success');
	await page.getByLabel('4', { exact: true }).check({ force: true });
	await page.getByLabel('To').selectOption('bob');
	await page.getByRole('button', { name: 'Send', exact: true }).click();
	await page.locator('#sent', { hasText: /^#\d+ sent, on the stream/ }).waitFor();
	const [row] = await agrees(tab.of('bob'), 'bob');
	const { id, ...sent } = row;
	assert.deepEqual(sent, {
		title: "It's “done”", body: 'with a body', type: 'success',
		priority: 'priority 4', broadcast: false, unread: true,
	});
	const done = await run('bash', [
		'-c', await page.locator('#command').textContent(),
	]);
	assert.equal(done.code, 0, done.stderr);
	const [again] = await agrees(tab.of('bob'), 'bob');
	assert.deepEqual({ ...again, id }, row);
	await page.getByLabel('To').selectOption('everyone');
	await page.getByRole('button', { name: 'Send 25' }).click();
	await page.locator('#sent', { hasText: '25 sent' }).waitFor();
	assert.equal((await agrees(tab, 'alice')).length, 25);
	assert.ok(await page.locator('.toast').count() <= 3);
	await page.getByLabel('Title').fill('');
	await page.getByRole('button', { name: 'Send', exact: true }).click();
	assert.equal((await agrees(tab, 'alice')).length, 25, 'a title is needed');
});

test('inbox: the streams as they come, the last two hundred events', async () => {
	const tab = await openTab('alice', 'bob');
	const { page } = tab;
	const frames = page.locator('#wire-log .frame:visible');
	const last = async (user) => (await page
		.locator(`.frame.notification[data-user="${user}"]`).last().allTextContents())[0];
	await server.sql(insert('alice', 'hers'));
	await agrees(tab, 'alice');
	const [{ id }] = await server.rows('SELECT max(id) AS id FROM events');
	assert.match(
		await last('alice'),
		new RegExp(`event: notification *id: ${id} *data: \\{"action":"created","notification":\\{.*"title":"hers"`),
	);
	assert.equal(await last('bob'), undefined);
	await page.getByLabel('Whose events are shown').selectOption('bob');
	assert.equal(await frames.filter({ hasText: 'alice' }).count(), 0);
	await page.getByLabel('Whose events are shown').selectOption('');
	await page.getByRole('button', { name: 'Pause' }).click();
	await server.sql(insert('alice', 'not shown'));
	await agrees(tab, 'alice');
	assert.ok(!(await last('alice')).includes('not shown'));
	await page.getByRole('button', { name: 'Go on' }).click();
	await server.sql(`
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
			WHERE i < 300)
		INSERT INTO notifications(user_id, title) SELECT '*', 'row ' || i FROM n;`);
	await tab.until(({ badge }) => badge === '302');
	assert.equal(await frames.count(), 200);
	await page.getByRole('button', { name: 'Clear' }).click();
	assert.equal(await frames.count(), 0);
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
			return `${on.ariaLabel}: ${title}`;
		});
	await tab.item('two').getByRole('button', { name: 'Delete' }).focus();
	await tab.page.keyboard.press('Enter');
	await tab.until((now) => now.items.length === 2);
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
	await tab.until((now) => now.items.length === 0);
	assert.equal(
		await tab.page.evaluate(() => document.activeElement.localName), 'h2',
	);
});

test('inbox: nothing sticks out, and a phone has a part at a time', async () => {
	await server.sql(
		insert('alice', 'W'.repeat(400), {
			body: 'nobreak'.repeat(100), link: `/${'x'.repeat(300)}`,
			type: 'a-type-that-is-quite-long-for-what-it-is', priority: 5,
		}) + insert('*', 'short'),
	);
	for (const width of [320, 360, 768, 1024, 1440, 2200]) {
		const sized = await chromium.context({ viewport: { width, height: 740 } });
		const tab = await Inbox.open(
			sized, server, ...(width < 1024 ? ['alice'] : USERS),
		);
		const views = width < 1024 ? ['Inbox', 'Send', 'Stream'] : [null];
		for (const view of views) {
			if (view)
				await tab.page.locator('.views button', { hasText: view }).click();
			if (view === 'Inbox') {
				await tab.button('More filters').click();
				await tab.pane.getByRole('button', { name: /^Notifications/ })
					.click();
			}
			const out = await tab.page.evaluate(() => [...document.querySelectorAll(
				'main *, .bar *, .views *, .toasts *',
			)].filter((one) => {
				if (one.closest('.unseen, .title, .link, option, datalist'))
					return false;
				const { left, right, width: wide } = one.getBoundingClientRect();
				return wide > 0 && (left < -1 || right > innerWidth + 1);
			}).map((one) => one.outerHTML.slice(0, 100)));
			assert.deepEqual(out, [], `${view} at ${width}`);
			assert.equal(
				await tab.page.evaluate(() =>
					document.documentElement.scrollWidth - innerWidth),
				0, `${view} at ${width}`,
			);
		}
		tab.check();
		await sized.close();
	}
});

// Its own world: the page's policy would not let it in.
test('inbox: axe-core finds nothing, on a phone and on a desktop, light and dark', async () => {
	await server.sql(
		insert('alice', 'Build finished', {
			body: 'in 3 min', link: '/builds/17', type: 'success', priority: 4,
		}) + insert('alice', 'Disk full', { type: 'alert', priority: 5 }) +
			insert('*', 'Lunch', { type: 'maintenance' }),
	);
	for (const colorScheme of ['light', 'dark'])
		for (const [width, height] of [[1440, 900], [360, 740]]) {
			const sized = await chromium.context({
				bypassCSP: true, colorScheme, viewport: { width, height },
				reducedMotion: 'reduce',
			});
			const tab = await Inbox.open(sized, server, 'alice');
			const { page } = tab;
			await tab.until(({ items }) => items.length >= 3);
			await tab.item('Lunch').locator('.toggle').click();
			if (width < 1280) await tab.button('More filters').click();
			await server.sql(insert('alice', 'a toast'));
			await page.locator('.toast').waitFor();
			const views = width < 1024 ? ['Inbox', 'Send', 'Stream'] : [null];
			for (const view of views) {
				if (view)
					await page.locator('.views button', { hasText: view }).click();
				assert.deepEqual(await axe(page), [], `${view} ${colorScheme}`);
			}
			await sized.close();
		}
});

test('inbox: in Firefox too, whose own EventSource would give up', async () => {
	const firefox = await openFirefox();
	try {
		const page = await firefox.newPage();
		await page.setViewport({ width: 1280, height: 800 });
		await page.goto(`${server.origin}/#alice,bob`);
		const sees = (what, look, expected) =>
			poll(`${what} in Firefox`, async () =>
				(await page.evaluate(look)) === expected);
		const shows = (titles) => sees(titles, () =>
			[...document.querySelectorAll('[data-user=alice] .title bdi')]
				.map((title) => title.textContent)
				.join(), titles);
		const connected = () => sees('connected', () =>
			[...document.querySelectorAll('.connection')]
				.map((one) => one.dataset.status).join(), 'connected,connected');
		await connected();
		await server.sql(insert('alice', 'one'));
		await shows('one');
		await server.killResponder();
		await server.sql(insert('alice', 'two') + insert('bob', 'not hers'));
		await shows('two,one');
		await connected();
		await page.click('[data-user=alice] .delete');
		await shows('one');
		await poll('the row to be gone', async () =>
			(await server.rows("SELECT 1 FROM notifications WHERE title = 'two'"))
				.length === 0,
		);
		await page.click('#form .primary');
		await shows('Build finished,one');
		await page.type('[data-user=alice] .search', 'finish');
		await shows('Build finished');
		await sees('its event', () => [...document.querySelectorAll(
			'.frame.notification[data-user=alice]',
		)].at(-1)?.textContent.includes('"title":"Build finished"'), true);
		await page.setViewport({ width: 360, height: 740 });
		await sees('no overflow', () =>
			document.documentElement.scrollWidth <= innerWidth, true);
	} finally {
		await firefox.close();
	}
});
