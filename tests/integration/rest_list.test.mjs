// The inbox over REST: order, pages, filters, ETag, and whatever SQL wrote.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { BASE, startServer } from './lib/harness.mjs';
import { Rest, assertProblem, ids } from './lib/rest.mjs';
import { insert, quote } from './lib/writer.mjs';

let server;
let rest;
before(async () => {
	server = await startServer();
	rest = await Rest.start(server);
});
after(() => server.stop());

test('list: members, order, pages, and the link to the next', async () => {
	const user = await rest.newUser();
	const made = await rest.publish(
		Array.from({ length: 7 }, (_, i) => ({ userId: user, title: `t${i}` })),
	);
	const newest = made.json.map((n) => n.id).reverse();
	const page = await rest.request(user, 'GET', '?limit=3');
	assert.deepEqual(Object.keys(page.json), [
		'notifications',
		'next',
		'unreadCount',
		'lastEventId',
		'epoch',
	]);
	assert.deepEqual(ids(page.json), newest.slice(0, 3));
	assert.equal(page.json.next, String(newest[2]));
	assert.equal(
		page.headers.link,
		`<${BASE}?limit=3&before=${newest[2]}>; rel="next"`,
	);
	assert.equal(page.json.unreadCount, 7);
	assert.equal(page.json.lastEventId, String(await rest.lastEvent()));
	const [{ value }] = await server.rows(
		"SELECT value FROM meta WHERE key = 'epoch';",
	);
	assert.equal(page.json.epoch, value);

	// What comes in between moves no page.
	await rest.send(user, 'in between');
	const [, at] = /<\/api\/notifications(.*)>/.exec(page.headers.link);
	const second = await rest.request(user, 'GET', at);
	assert.deepEqual(ids(second.json), newest.slice(3, 6));
	await rest.db.exec(`DELETE FROM notifications WHERE id = ${newest[5]};`);
	const third = await rest.list(user, `limit=3&before=${second.json.next}`);
	assert.deepEqual(ids(third).slice(0, 1), newest.slice(6));

	// Exactly full is not "more".
	const all = await rest.list(user, `limit=7&before=${newest[0] + 1}`);
	assert.equal(all.notifications.length >= 6, true);
	const exact = await rest.list(user, `limit=2&before=${newest[0] + 1}&type=info`);
	assert.equal(exact.next, String(newest[1]));
});

test('list: the last page has neither next nor Link', async () => {
	const user = await rest.newUser({ seen: false });
	await rest.db.exec("DELETE FROM notifications WHERE user_id = '*';");
	await rest.send(user, 'a');
	await rest.send(user, 'b');
	const page = await rest.request(user, 'GET', '?limit=2');
	assert.equal(page.json.notifications.length, 2);
	assert.equal(page.json.next, null);
	assert.equal(page.headers.link, undefined);
	const empty = await rest.list(user, 'before=1');
	assert.deepEqual(empty.notifications, []);
	assert.equal(empty.next, null);
	// 50 unless told, and not more than 200
	await rest.publish(Array.from({ length: 210 }, () => ({ userId: user, title: 'x' })));
	assert.equal((await rest.list(user)).notifications.length, 50);
	assert.equal((await rest.list(user, 'limit=')).notifications.length, 50);
	assert.equal((await rest.list(user, 'limit=200')).notifications.length, 200);
	assertProblem(await rest.request(user, 'GET', '?limit=201'), 400, /1 to 200/);
});

test('list: filters by type and unread, also from page to page', async () => {
	const user = await rest.newUser();
	const made = {};
	for (const type of ['a', 'b', 'c&d=e +', 'a,b', 'a', 'b'])
		(made[type] ??= []).push((await rest.send(user, 'x', { type })).id);
	const find = async (type) =>
		ids(await rest.list(user, `type=${encodeURIComponent(type)}`));
	assert.deepEqual(await find('a'), made.a.toReversed());
	assert.deepEqual(await find('c&d=e +'), made['c&d=e +']);
	assert.deepEqual(
		await find('a,b'),
		[...made.a, ...made.b].sort((x, y) => y - x),
	);
	assert.deepEqual(await find('A'), []);
	assert.deepEqual(await find('%'), []);
	assert.equal((await rest.list(user, 'type=')).notifications.length, 6);

	await rest.request(user, 'POST', `/${made.a[0]}/read`);
	const page = await rest.request(user, 'GET', '?limit=1&unread=1&type=c%26d%3De+%2B,a');
	assert.deepEqual(ids(page.json), [made.a[1]]);
	const [, at] = /<\/api\/notifications(.*)>/.exec(page.headers.link);
	assert.match(at, /unread=1/);
	assert.deepEqual(ids((await rest.request(user, 'GET', at)).json), made['c&d=e +']);
});

test('list: unread is what the watermark, reads and un-reads say', async () => {
	const user = await rest.newUser();
	const made = [];
	for (let i = 0; i < 8; i++) made.push((await rest.send(i % 2 ? '*' : user, 'x')).id);
	await rest.request(user, 'POST', '/read-all', { through: made[3] });
	await rest.request(user, 'PATCH', `/${made[0]}`, { read: false });
	await rest.request(user, 'PATCH', `/${made[1]}`, { read: false });
	await rest.request(user, 'PATCH', `/${made[4]}`, { read: true });
	await rest.request(user, 'PATCH', `/${made[5]}`, { read: true });
	await rest.request(user, 'DELETE', `/${made[7]}`);
	const left = [made[6], made[1], made[0]];
	assert.deepEqual(ids(await rest.list(user, 'unread=1')), left);
	assert.deepEqual(
		(await rest.listAll(user, 'limit=1&unread=1')).map((n) => n.id),
		left,
	);
	assert.equal(await rest.unread(user), 3);
	const states = (await rest.list(user, `before=${made[7] + 1}`)).notifications;
	for (const n of states.filter((item) => made.includes(item.id)))
		assert.equal(n.readAt === null, left.includes(n.id), `${n.id}`);
});

test('list: pages under inserts give each row once', async () => {
	const user = await rest.newUser();
	const before = await rest.publish(
		Array.from({ length: 60 }, (_, i) => ({
			userId: i % 3 ? user : '*',
			title: `p${i}`,
		})),
	);
	let going = true;
	const inserting = (async () => {
		while (going) await rest.db.exec(insert(user, 'later') + insert('*', 'later'));
	})();
	const all = await rest.listAll(user, 'limit=4');
	going = false;
	await inserting;
	const seen = all.map((n) => n.id);
	assert.equal(new Set(seen).size, seen.length);
	assert.deepEqual(seen, seen.toSorted((a, b) => b - a));
	const expected = before.json.map((n) => n.id).reverse();
	assert.deepEqual(
		seen.filter((id) => expected.includes(id)),
		expected,
	);
});

test('list: ETag over all but lastEventId', async () => {
	const user = await rest.newUser();
	await rest.send(user, 'x');
	const get = (etag, method = 'GET', at = '') =>
		server.request(method, at, {
			user,
			headers: etag ? { 'If-None-Match': etag } : {},
		});
	const first = await get();
	const { etag } = first.headers;
	assert.match(etag, /^W\/"[0-9a-f]{32}"$/);
	assert.equal(first.headers['cache-control'], 'no-store');
	await rest.send('somebody-else', 'y');
	for (const known of [
		etag,
		etag.slice(2),
		`"a", ${etag} , "b"`,
		'*',
		`${etag.slice(0, -1)}-gzip"`,
	]) {
		const same = await get(known);
		assert.equal(same.status, 304, known);
		assert.equal(same.text, '');
		assert.equal(same.headers.etag, etag);
	}
	assert.equal((await get(etag, 'HEAD')).status, 304);
	assert.equal((await get('"a", W/"b"')).status, 200);
	assert.equal((await get(etag, 'GET', '?type=none')).status, 200);
	const head = await get(null, 'HEAD');
	assert.equal(head.status, 200);
	assert.equal(head.headers.etag, etag);
	assert.equal(head.text, '');
	assert.ok(Number(head.headers['content-length']) > 100);
	// Everything visible changes it.
	let now = etag;
	for (const [what, change] of [
		['new', () => rest.send(user, 'z')],
		['broadcast', () => rest.send('*', 'z')],
		['read', () => rest.request(user, 'POST', '/read-all')],
		['epoch', () => rest.db.exec("UPDATE meta SET value = 'e2' WHERE key = 'epoch';")],
	]) {
		await change();
		const answer = await get(now);
		assert.equal(answer.status, 200, what);
		now = answer.headers.etag;
	}
});

test('list: whatever SQL wrote comes out as JSON', async () => {
	const user = await rest.newUser();
	const hostile = [
		"CAST(x'61ff62c328f09f' AS TEXT)",
		"CAST(x'00' AS TEXT) || 'after'",
		"'a' || char(13, 10) || 'data: x' || char(8232)",
		"CAST(x'eda080' AS TEXT)",
	];
	for (const text of hostile)
		await rest.db.exec(
			`INSERT INTO notifications(user_id, type, title, body, data, link) VALUES (${quote(user)}, ${text}, ${text}, ${text}, ${text}, ${text});`,
		);
	await rest.db.exec(
		`INSERT INTO notifications(user_id, title, data) VALUES (${quote(user)}, 't', '{"a":' || char(10) || '1}');`,
	);
	const page = await rest.request(user, 'GET', '');
	assert.equal(page.status, 200);
	const [json, lone, lines, nul, bytes] = page.json.notifications;
	assert.deepEqual(json.data, { a: 1 });
	assert.equal(bytes.title, 'a\ufffdb\ufffd(\ufffd');
	assert.equal(nul.title, '\ufffdafter');
	assert.equal(lines.title, 'a\r\ndata: x\u2028');
	assert.equal(lone.title, '\ufffd\ufffd\ufffd');
	assert.equal(nul.data, '\ufffdafter');
});

test('list: large rows make short pages, and none makes it fail', async () => {
	const user = await rest.newUser();
	for (let i = 0; i < 7; i++)
		await rest.db.exec(
			`INSERT INTO notifications(user_id, title, body) VALUES (${quote(user)}, 'big ${i}', replace(hex(zeroblob(500000)), '0', 'x'));`,
		);
	const page = await rest.list(user, 'limit=200');
	const sizes = page.notifications.filter((n) => n.title.startsWith('big'));
	assert.ok(sizes.length >= 4 && sizes.length < 7, `${sizes.length}`);
	assert.notEqual(page.next, null);
	const all = await rest.listAll(user, 'limit=200');
	assert.equal(all.filter((n) => n.body?.length === 1_000_000).length, 7);
	// larger than a page may be: there as on the stream, alone as a whole
	await rest.db.exec(
		`INSERT INTO notifications(user_id, title, body) VALUES (${quote(user)}, 'huge', replace(hex(zeroblob(17000000)), '0', 'x'));`,
	);
	const first = (await rest.list(user, 'limit=1')).notifications[0];
	assert.equal(first.title, 'huge');
	assert.equal(first.truncated, true);
	const one = await rest.request(user, 'GET', `/${first.id}`);
	assert.equal(one.json.body.length, 34_000_000);
	assert.equal(one.json.truncated, undefined);
	await rest.db.exec(`DELETE FROM notifications WHERE user_id = ${quote(user)};`);
});
