// Publishing over REST: one and many, every field, dedupe keys.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { BASE, startServer } from './lib/harness.mjs';
import { Rest, assertProblem, ids } from './lib/rest.mjs';
import { SERVER } from './lib/servers.mjs';
import { insert } from './lib/writer.mjs';

const MEMBERS = [
	'id',
	'type',
	'title',
	'body',
	'data',
	'link',
	'priority',
	'broadcast',
	'createdAt',
	'updatedAt',
	'readAt',
	'expiresAt',
];
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let server;
let rest;
before(async () => {
	server = await startServer();
	rest = await Rest.start(server);
});
after(() => server.stop());

test('create: 201, Location, the notification, and one event', async () => {
	const user = await rest.newUser();
	let made;
	const events = await rest.eventsOf(async () => {
		made = await rest.publish({ userId: user, title: 'Build finished' });
	});
	assert.equal(made.status, 201);
	const n = made.json;
	assert.deepEqual(Object.keys(n), MEMBERS);
	assert.equal(made.headers.location, `${BASE}/${n.id}`);
	assert.deepEqual(events, [`${user} created ${n.id}`]);
	assert.match(n.createdAt, TIME);
	assert.equal(n.updatedAt, n.createdAt);
	assert.deepEqual(
		{ ...n, id: 0, createdAt: 0, updatedAt: 0 },
		{
			id: 0,
			type: 'info',
			title: 'Build finished',
			body: null,
			data: null,
			link: null,
			priority: 3,
			broadcast: false,
			createdAt: 0,
			updatedAt: 0,
			readAt: null,
			expiresAt: null,
		},
	);
	const got = await rest.request(user, 'GET', `/${n.id}`);
	assert.equal(got.status, 200);
	assert.deepEqual(got.json, n);
});

test('every field comes back as it was given', async () => {
	const user = await rest.newUser();
	const fields = {
		type: 'größe/日本 "x"',
		body: 'line 1\r\nline 2\t\u2028 \u0001 😀',
		data: { a: [1, 2.5, -3e2, null, true], 'ключ': { deep: { er: '"' } } },
		link: 'https://example.org/?a=b&c=<d>',
		priority: 5,
		expiresAt: '2099-12-31T23:59:59.123Z',
	};
	const n = await rest.send(user, 'T\u{1F4A9}', fields);
	assert.deepEqual(
		Object.fromEntries(Object.keys(fields).map((key) => [key, n[key]])),
		fields,
	);
	assert.equal(n.title, 'T\u{1F4A9}');
	assert.deepEqual((await rest.list(user)).notifications[0], n);
	// another offset, the same time
	const other = await rest.send(user, 'x', { expiresAt: '2099-01-01T01:00:00+01:00' });
	assert.equal(other.expiresAt, '2099-01-01T00:00:00.000Z');
});

test('an array is one transaction, answered in its order', async () => {
	const user = await rest.newUser();
	const body = Array.from({ length: 1000 }, (_, i) => ({
		userId: user,
		title: `title ${i}`,
	}));
	const made = await rest.publish(body);
	assert.equal(made.status, 201);
	assert.deepEqual(
		made.json.map((n) => n.title),
		body.map((n) => n.title),
	);
	assert.equal(made.headers.location, `${BASE}/${made.json[0].id}`);
	assert.equal(await rest.unread(user), 1000);

	body[3] = { userId: user, title: 7 };
	const events = await rest.eventsOf(async () =>
		assertProblem(await rest.publish(body), 400, /^\[3\]\.title: expected a string/),
	);
	assert.deepEqual(events, []);
	body[3] = 'x';
	assertProblem(await rest.publish(body), 400, /^\[3\]: expected an object/);
	body[3] = { userId: user, title: 'x', titel: 'y' };
	assertProblem(await rest.publish(body), 400, /^\[3\]: unknown member "titel"/);
	// what only the database refuses
	body[3] = { userId: user, title: 'x', expiresAt: '9999-12-31T23:59:59-12:00' };
	const refused = await rest.eventsOf(async () =>
		assertProblem(await rest.publish(body), 400, /^\[3\]: .*expires_at: expected/),
	);
	assert.deepEqual(refused, []);
	body[3] = body[2];
	body.push(body[2]);
	assertProblem(await rest.publish(body), 400, /1001 elements, expected 1 to 1000/);
	assertProblem(await rest.publish([]), 400, /0 elements, expected 1 to 1000/);
	assert.equal(await rest.unread(user), 1000);
});

test('a dedupe key is taken once per user', async () => {
	const user = await rest.newUser();
	const other = await rest.newUser();
	const first = await rest.send(user, 'one', { dedupeKey: 'k' });
	const events = await rest.eventsOf(async () => {
		const again = await rest.publish({ userId: user, title: 'two', dedupeKey: 'k' });
		assert.equal(again.status, 200);
		const location = SERVER.locationWith200 ? `${BASE}/${first.id}` : undefined;
		assert.equal(again.headers.location, location);
		assert.deepEqual(again.json, first);
		// in an array: what is new is new
		const some = await rest.publish([
			{ userId: user, title: 'three', dedupeKey: 'k' },
			{ userId: other, title: 'three', dedupeKey: 'k' },
			{ userId: other, title: 'four', dedupeKey: 'k' },
		]);
		assert.equal(some.status, 201);
		assert.equal(some.json[0].id, first.id);
		assert.equal(some.json[1].title, 'three');
		assert.deepEqual(some.json[2], some.json[1]);
		const none = await rest.publish([
			{ userId: other, title: 'five', dedupeKey: 'k' },
		]);
		assert.equal(none.status, 200);
	});
	assert.equal(events.length, 1);
	assert.match(events[0], new RegExp(`^${other} created `));
	await rest.request(user, 'DELETE', `/${first.id}`);
	assert.notEqual((await rest.send(user, 'six', { dedupeKey: 'k' })).id, first.id);
});

test('a dedupe key whose notification has expired is free', async () => {
	const user = await rest.newUser();
	// Expires in the past, so that the sweep may or may not have been first.
	await rest.db.exec(
		insert(user, 'old', { dedupe_key: 'gone', expires_at: Date.now() - 1 }),
	);
	const made = await rest.publish({ userId: user, title: 'new', dedupeKey: 'gone' });
	assert.equal(made.status, 201, made.text);
	assert.deepEqual(ids(await rest.list(user)), [made.json.id]);
});
