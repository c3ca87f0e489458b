// What a user and a publisher change over REST, and which events it writes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startServer } from './lib/harness.mjs';
import { Rest, assertProblem, ids } from './lib/rest.mjs';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let server;
let rest;
before(async () => {
	server = await startServer();
	rest = await Rest.start(server);
});
after(() => server.stop());

test('patch: read and unread, told once each', async () => {
	for (const everyone of [false, true]) {
		const user = await rest.newUser();
		const { id } = await rest.send(everyone ? '*' : user, 'x');
		const patch = async (read) => {
			const answer = await rest.request(user, 'PATCH', `/${id}`, { read });
			assert.equal(answer.status, 200, answer.text);
			assert.equal(answer.json.readAt !== null, read);
			return answer.json.readAt;
		};
		let time;
		const events = await rest.eventsOf(async () => {
			await patch(false);
			time = await patch(true);
			assert.match(time, TIME);
			assert.equal(await patch(true), time);
			await patch(false);
			await patch(false);
			// below the watermark
			await rest.request(user, 'POST', '/read-all');
			await patch(false);
			await patch(true);
		});
		assert.deepEqual(events, [
			`${user} read ${id}`,
			`${user} unread ${id}`,
			`${user} all-read ${id}`,
			`${user} unread ${id}`,
			`${user} read ${id}`,
		]);
	}
});

test('patch: fields by a publisher', async () => {
	const user = await rest.newUser();
	const { id } = await rest.send(user, 'x', { body: 'b', link: 'l', priority: 1 });
	const patch = (body) => server.request('PATCH', `/${id}`, { token: rest.token, body });
	const events = await rest.eventsOf(async () => {
		const answer = await patch({
			title: 'y',
			type: null,
			body: null,
			data: [1],
			priority: null,
			expiresAt: '2099-01-01T00:00:00Z',
		});
		assert.equal(answer.status, 200, answer.text);
		const { title, type, body, data, link, priority, expiresAt } = answer.json;
		assert.deepEqual(
			{ title, type, body, data, link, priority, expiresAt },
			{
				title: 'y',
				type: 'info',
				body: null,
				data: [1],
				link: 'l',
				priority: 3,
				expiresAt: '2099-01-01T00:00:00.000Z',
			},
		);
		assert.deepEqual((await rest.request(user, 'GET', `/${id}`)).json, answer.json);
		// the same again, and nothing at all
		assert.equal((await patch({ title: 'y' })).status, 200);
		assert.deepEqual((await patch({})).json, answer.json);
	});
	assert.deepEqual(events, [`${user} updated ${id}`]);
	assertProblem(await patch({ title: null }), 400, /^title: expected a string/);
	assertProblem(await patch({ priority: 6 }), 400, /^priority: .* 1 to 5, got 6/);
	assertProblem(await patch({ id: 9 }), 400, /unknown member "id"/);
	assertProblem(await patch({ title: 'z', read: true }), 403, /own user/);
	assert.equal((await rest.request(user, 'GET', `/${id}`)).json.title, 'y');
});

test('patch: to another user, and onto a taken dedupe key', async () => {
	const [from, to] = [await rest.newUser(), await rest.newUser()];
	const moved = await rest.send(from, 'x', { dedupeKey: 'k' });
	const held = await rest.send(from, 'y', { dedupeKey: 'l' });
	const taken = await rest.send(to, 'z', { dedupeKey: 'k' });
	const patch = (id, body) => server.request('PATCH', `/${id}`, { token: rest.token, body });
	assertProblem(await patch(held.id, { dedupeKey: 'k' }), 409, /^dedupeKey: /);
	assertProblem(
		await patch(held.id, { userId: to, dedupeKey: 'k' }),
		409,
		/^dedupeKey: /,
	);
	assert.equal((await patch(held.id, { dedupeKey: 'l' })).status, 200);
	assert.equal((await patch(taken.id, { dedupeKey: null })).status, 200);
	const events = await rest.eventsOf(async () => {
		assert.equal((await patch(moved.id, { userId: to })).status, 200);
	});
	assert.deepEqual(events, [
		`${from} deleted ${moved.id}`,
		`${to} created ${moved.id}`,
	]);
	assertProblem(await rest.request(from, 'GET', `/${moved.id}`), 404);
	assert.equal((await rest.request(to, 'GET', `/${moved.id}`)).json.title, 'x');
});

test('read: 204, once', async () => {
	const user = await rest.newUser();
	const mine = await rest.send(user, 'x');
	const everyones = await rest.send('*', 'y');
	const events = await rest.eventsOf(async () => {
		for (const { id } of [mine, mine, everyones, everyones]) {
			const answer = await rest.request(user, 'POST', `/${id}/read`);
			assert.equal(answer.status, 204);
			assert.equal(answer.text, '');
		}
	});
	assert.deepEqual(events, [
		`${user} read ${mine.id}`,
		`${user} read ${everyones.id}`,
	]);
	assert.equal(await rest.unread(user), 0);
});

test('read-all: raises the watermark, up to the last one', async () => {
	const user = await rest.newUser();
	const made = [];
	for (let i = 0; i < 6; i++) made.push((await rest.send(i % 2 ? '*' : user, 'x')).id);
	const readAll = async (body) => {
		const answer = await rest.request(user, 'POST', '/read-all', body);
		assert.equal(answer.status, 200, answer.text);
		assert.deepEqual(Object.keys(answer.json), ['unreadCount']);
		assert.equal(await rest.unread(user), answer.json.unreadCount);
		return answer.json.unreadCount;
	};
	const events = await rest.eventsOf(async () => {
		assert.equal(await readAll({ through: made[1] }), 4);
		assert.equal(await readAll({ through: made[0] }), 4); // never back
		assert.equal(await readAll({ through: 0 }), 4);
		// made unread again below it: from an id below, then all
		await rest.request(user, 'PATCH', `/${made[0]}`, { read: false });
		await rest.request(user, 'PATCH', `/${made[1]}`, { read: false });
		assert.equal(await readAll({ through: made[0] }), 5);
		assert.equal(await readAll({ through: Number.MAX_SAFE_INTEGER }), 0);
		assert.equal(await readAll({}), 0);
		assert.equal(await readAll(), 0);
		await rest.request(user, 'PATCH', `/${made[5]}`, { read: false });
		assert.equal(await readAll(), 0);
	});
	assert.deepEqual(events, [
		`${user} all-read ${made[1]}`,
		`${user} unread ${made[0]}`,
		`${user} unread ${made[1]}`,
		`${user} read ${made[0]}`,
		`${user} all-read ${made[5]}`,
		`${user} unread ${made[5]}`,
		`${user} all-read ${made[5]}`,
	]);
	await rest.send(user, 'later');
	assert.equal(await rest.unread(user), 1);
	for (const [body, detail] of [
		[{ through: '7' }, /^through: expected the id .* a string/],
		[{ through: -1 }, /below 0/],
		[{ through: 1.5 }, /^through: expected/],
		[{ through: null }, /^through: expected/],
		[{ until: 7 }, /unknown member "until": expected through/],
		[[], /expected an object/],
	])
		assertProblem(await rest.request(user, 'POST', '/read-all', body), 400, detail);
});

test('delete: gone, and a broadcast only for this user', async () => {
	const [user, other] = [await rest.newUser(), await rest.newUser()];
	const mine = await rest.send(user, 'x');
	const everyones = await rest.send('*', 'y');
	const events = await rest.eventsOf(async () => {
		for (const { id } of [mine, everyones]) {
			const answer = await rest.request(user, 'DELETE', `/${id}`);
			assert.equal(answer.status, 204);
			assert.equal(answer.text, '');
			assertProblem(await rest.request(user, 'DELETE', `/${id}`), 404);
			assertProblem(await rest.request(user, 'GET', `/${id}`), 404);
			assertProblem(await rest.request(user, 'PATCH', `/${id}`, { read: true }), 404);
			assertProblem(await rest.request(user, 'POST', `/${id}/read`), 404);
		}
	});
	assert.deepEqual(events, [
		`${user} deleted ${mine.id}`,
		`${user} deleted ${everyones.id}`,
	]);
	assert.ok(!ids(await rest.list(user)).includes(everyones.id));
	assert.equal(await rest.unread(user), 0);
	assert.ok(ids(await rest.list(other)).includes(everyones.id));
	assert.equal(await rest.unread(other), 1);
});

test('delete: by a publisher, and for everyone', async () => {
	const user = await rest.newUser();
	const mine = await rest.send(user, 'x');
	const everyones = await rest.send('*', 'y');
	const remove = (id, query = '') =>
		server.request('DELETE', `/${id}${query}`, { token: rest.token });
	await rest.request(user, 'POST', `/${everyones.id}/read`);
	assertProblem(
		await rest.request(user, 'DELETE', `/${everyones.id}?everyone=1`),
		403,
		/everyone=1 needs the scope publish/,
	);
	const events = await rest.eventsOf(async () => {
		assert.equal((await remove(mine.id)).status, 204);
		assert.equal((await remove(everyones.id)).status, 204); // for itself
		assert.equal((await rest.request(user, 'GET', `/${everyones.id}`)).status, 200);
		assert.equal((await remove(everyones.id, '?everyone=1')).status, 204);
	});
	assert.deepEqual(events, [
		`${user} deleted ${mine.id}`,
		`service deleted ${everyones.id}`,
		`* deleted ${everyones.id}`,
	]);
	assertProblem(await rest.request(user, 'GET', `/${everyones.id}`), 404);
	assert.deepEqual(
		await server.rows(
			`SELECT * FROM receipts WHERE notification_id = ${everyones.id};`,
		),
		[],
	);
});

test('what has expired is not there', async () => {
	const user = await rest.newUser();
	for (const [who, title] of [
		[user, 'mine'],
		['*', 'everyones'],
	]) {
		const made = await rest.publish({
			userId: who,
			title,
			expiresAt: new Date(Date.now() - 1000).toISOString(),
		});
		assert.equal(made.status, 201, made.text);
		const { id } = made.json;
		assertProblem(await rest.request(user, 'GET', `/${id}`), 404);
		assertProblem(await rest.request(user, 'PATCH', `/${id}`, { read: true }), 404);
		assertProblem(await rest.request(user, 'DELETE', `/${id}`), 404);
		assert.ok(!ids(await rest.list(user)).includes(id));
		assert.ok(!ids(await rest.list(user, 'unread=1')).includes(id));
		assert.equal(await rest.unread(user), 0);
	}
});
