// Tickets, health, and how the queries are run.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { ROOT, startServer } from './lib/harness.mjs';
import { Rest, assertProblem } from './lib/rest.mjs';

let server;
let rest;
before(async () => {
	server = await startServer();
	rest = await Rest.start(server);
});
after(() => server.stop());

test('ticket: once, within a minute, and not for another ticket', async () => {
	const user = await rest.newUser();
	const ticket = async () => {
		const made = await rest.request(user, 'POST', '/ticket');
		assert.equal(made.status, 201, made.text);
		assert.deepEqual(Object.keys(made.json), ['ticket', 'expiresAt']);
		assert.match(made.json.ticket, /^bfk_[\w-]{43}$/);
		const left = Date.parse(made.json.expiresAt) - Date.now();
		assert.ok(left > 0 && left <= 60_000, `${left}`);
		return made.json.ticket;
	};
	const secret = await ticket();
	const use = (method, at = '') =>
		server.request(method, `${at}?ticket=${secret}`);
	const stored = await server.sql('SELECT * FROM tickets;');
	assert.ok(!stored.includes(secret));
	assert.equal((await use('HEAD')).status, 200);
	assertProblem(await use('POST', '/ticket'), 403, /ticket/);
	assert.equal((await use('GET')).status, 200);
	assertProblem(await use('GET'), 401);
	assert.equal((await use('HEAD')).status, 401);
});

test('health: alive and ready, for anybody', async () => {
	for (const [at, status] of [
		['/healthz', 'ok'],
		['/readyz', 'ready'],
	]) {
		const answer = await server.request('GET', at);
		assert.equal(answer.status, 200);
		assert.deepEqual(answer.json, { status });
		const head = await server.request('HEAD', at);
		assert.equal(head.status, 200);
		assert.equal(head.text, '');
	}
});

test('no query looks at more than it must', async () => {
	const text = fs.readFileSync(path.join(ROOT, 'sql/queries/store.sql'), 'utf8');
	const queries = text.split(/^-- name: /m).slice(1);
	assert.ok(queries.length > 10);
	for (const query of queries) {
		const [name, ...lines] = query.split('\n');
		const sql = lines.filter((line) => !line.startsWith('--')).join('\n');
		const plan = await server.sql(`EXPLAIN QUERY PLAN ${sql};`);
		assert.doesNotMatch(
			plan,
			/TEMP B-TREE|SCAN (?!CONSTANT|sqlite_sequence|head\b|\(subquery)/,
			`${name}\n${plan}`,
		);
	}
});
