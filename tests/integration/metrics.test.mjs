// What an operator sees: /metrics as Prometheus takes it, readyz, and the log.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { action } from './lib/frames.mjs';
import { BASE, ROOT, makeDatabase, poll, startServer, temporaryFolder } from './lib/harness.mjs';
import { Responder } from './lib/responder.mjs';
import { Writer, insert } from './lib/writer.mjs';

// {'name{label="value"}': number}
function samples(text) {
	const found = {};
	for (const line of text.split('\n')) {
		const match = /^([a-z_]+(?:\{[^}]*\})?) (\S+)$/.exec(line);
		if (match) found[match[1]] = Number(match[2]);
	}
	return found;
}

function promtool(args, input) {
	const done = spawnSync('promtool', args, { input, encoding: 'utf8' });
	assert.equal(done.error, undefined, 'promtool is missing: scripts/deps test');
	assert.equal(done.status, 0, done.stdout + done.stderr);
	return done.stdout + done.stderr;
}

test("a user's name makes no line of the log, no metric and no terminal's escape", async () => {
	const forged = '2030-01-01T00:00:00.000Z info [SSE] User admin connected. Total connections: 99';
	const names = [`eve\n${forged}`, 'bell\x07\x1b[2J', '"} 1\nbelfry_streams 7', 'n'.repeat(5000)];
	const server = await startServer({ users: names });
	try {
		const token = await server.token('prometheus', 'admin');
		for (const user of names) await server.openStream({ user });
		await poll('four lines', () => server.log().match(/^\S+ info \[SSE\] User .* connected\. Total connections: [1-4]$/gm)?.length === 4, () => server.log());
		for (const line of server.log().split('\n')) {
			assert.ok(!line.startsWith('2030-'), line);
			assert.doesNotMatch(line, /[\x00-\x08\x0b-\x1f\x7f]/);
			assert.ok(Buffer.byteLength(line) < 4096, line);
		}
		const { text } = await server.request('GET', '/metrics', { token });
		assert.match(text, /^belfry_streams 4$/m);
		assert.doesNotMatch(text, /2030|bell|nnn/);
		promtool(['check', 'metrics'], text);
		const stats = await server.request('GET', '/stats', { token });
		assert.equal(stats.json.activeUsers, 4);
		const { stdout } = await server.tool('stats');
		assert.doesNotMatch(stdout, /[\x00-\x08\x0b-\x1f\x7f]|^2030-/m);
	} finally {
		await server.stop();
	}
});

describe('metrics', () => {
	let server, token;
	before(async () => {
		server = await startServer({
			users: ['alice', 'bob'],
			set: { max_streams_per_user: 2, retention_rows: 100 },
		});
		token = await server.token('prometheus', 'admin');
	});
	after(() => server.stop());

	async function scrape() {
		const answer = await server.request('GET', '/metrics', { token });
		assert.equal(answer.status, 200, answer.text);
		assert.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/);
		return { ...answer, now: samples(answer.text) };
	}

	// What has grown, until it is as expected.
	async function grows(before, expected) {
		let grown;
		await poll(`${JSON.stringify(expected)} in the metrics`, async () => {
			const { now } = await scrape();
			grown = Object.fromEntries(
				Object.keys(expected).map((key) => [key, now[key] - before[key]]),
			);
			return Object.entries(expected).every(([key, n]) => grown[key] === n);
		});
	}

	test('promtool finds nothing wrong with them', async () => {
		const { text } = await scrape();
		assert.equal(promtool(['check', 'metrics'], text), '');
	});

	test('for scope admin only', async () => {
		for (const who of [{}, { user: 'alice' }, { token: await server.token('p', 'publish') }]) {
			const answer = await server.request('GET', '/metrics', who);
			assert.equal(answer.status, Object.keys(who).length ? 403 : 401);
			assert.doesNotMatch(answer.text, /belfry_/);
		}
	});

	test('connects, resumes, events, deliveries, lag, ends', async () => {
		const { now: before } = await scrape();
		const stream = await server.openStream({ user: 'alice' });
		await server.sql(insert('alice', 'x'));
		await server.sql(insert('nobody', 'y'));
		await stream.until(action('created'));
		const again = await server.openStream({ user: 'alice', lastEventId: '0' });
		await again.until(action('created'));
		const lost = await server.openStream({ user: 'alice', lastEventId: '999999999' });
		await stream.end(); // evicted
		assert.equal((await server.request('GET', '/stream')).status, 401);
		await grows(before, {
			'belfry_connects_total{result="opened"}': 3,
			'belfry_connects_total{result="denied"}': 1,
			'belfry_resumes_total{outcome="none"}': 1,
			'belfry_resumes_total{outcome="resumed"}': 1,
			'belfry_resumes_total{outcome="unknown"}': 1,
			'belfry_stream_ends_total{reason="evicted"}': 1,
			'belfry_events_total{action="created"}': 2,
			belfry_deliveries_total: 1,
			belfry_lag_seconds_count: 1,
			belfry_streams: 2,
			belfry_journal_head: 2,
		});
		again.close();
		lost.close();
		await grows(before, { belfry_streams: 0, 'belfry_stream_ends_total{reason="gone"}': 2 });
	});

	test('the histogram of lags adds up', async () => {
		const { now } = await scrape();
		const buckets = Object.entries(now).filter(([key]) => key.startsWith('belfry_lag_seconds_bucket'));
		assert.ok(buckets.length > 10);
		for (const [i, [, n]] of buckets.entries()) assert.ok(i === 0 || n >= buckets[i - 1][1]);
		assert.equal(buckets.at(-1)[1], now.belfry_lag_seconds_count);
	});

	test('what retention removes, and where the journal begins', async () => {
		const { now: before } = await scrape();
		await server.sql(`BEGIN; ${insert('bob', 'z').repeat(300)} COMMIT;`);
		await poll('pruning', async () => (await scrape()).now['belfry_pruned_total{kind="event"}'] > before['belfry_pruned_total{kind="event"}']);
		await poll('floor', async () => {
			const { now } = await scrape();
			return now.belfry_journal_head - now.belfry_journal_floor === 100;
		});
	});

	test('counters outlive the responder, gauges do not', async () => {
		const stream = await server.openStream({ user: 'alice' });
		const { now: before } = await scrape();
		assert.equal(before.belfry_streams, 1);
		await server.killResponder();
		await stream.closed?.();
		await server.healthy();
		const { now } = await scrape();
		assert.equal(now.belfry_streams, 0);
		assert.equal(now['belfry_connects_total{result="opened"}'], before['belfry_connects_total{result="opened"}']);
		assert.equal(now.belfry_streams_lagging, 0);
	});

	test('alert rules and dashboard speak of metrics that are there', async () => {
		const rules = path.join(ROOT, 'dist/prometheus/belfry.rules.yml');
		promtool(['check', 'rules', rules]);
		promtool(['test', 'rules', path.join(ROOT, 'dist/prometheus/belfry.test.yml')]);
		const names = new Set(Object.keys((await scrape()).now).map((key) => key.replace(/\{.*/, '')));
		const dashboard = fs.readFileSync(path.join(ROOT, 'dist/grafana/belfry.json'), 'utf8');
		const panels = JSON.parse(dashboard).panels;
		assert.ok(panels.length >= 8);
		for (const text of [fs.readFileSync(rules, 'utf8'), dashboard]) {
			const used = text.match(/\bbelfry_[a-z_]+/g);
			assert.ok(used.length > 5);
			for (const name of used) assert.ok(names.has(name), `${name} is not in /metrics`);
		}
	});

	test('every answer has a request id, and the log has it too', async () => {
		const given = await server.request('GET', '', { user: 'alice', headers: { 'X-Request-Id': 'abc.DEF-1_2' } });
		assert.equal(given.headers['x-request-id'], 'abc.DEF-1_2');
		for (const bad of ['a b', 'x'.repeat(65), 'é', '"']) {
			const answer = await server.request('GET', '/healthz', { headers: { 'X-Request-Id': Buffer.from(bad).toString('latin1') } });
			assert.match(answer.headers['x-request-id'], /^[0-9a-f]{16}$/);
		}
		const stream = await server.openStream({ user: 'bob', headers: { 'X-Request-Id': 'tab-7' } });
		assert.equal(stream.headers['x-request-id'], 'tab-7');
		const line = await poll('stream-open', () => server.logLines('stream-open').find((l) => l.fields.id === 'tab-7'));
		assert.equal(line.fields.user, 'bob');
		stream.close();
	});

	test('connections can be grepped for', async () => {
		const stream = await server.openStream({ user: 'bob' });
		await poll('the line', () => /\[SSE\] User bob connected\. Total connections: \d+$/m.test(server.log()));
		stream.close();
		await poll('the line', () => /\[SSE\] User bob disconnected\. Total connections: \d+$/m.test(server.log()));
	});
});

test('readyz: 503 while the database is away, healthz stays', async () => {
	const server = await startServer({ checkDatabase: false });
	try {
		assert.equal((await server.request('GET', '/readyz')).status, 200);
		fs.renameSync(server.db, `${server.db}.away`);
		await poll('readyz to be 503', async () => (await server.request('GET', '/readyz')).status === 503);
		assert.equal((await server.request('GET', '/healthz')).status, 200);
		fs.renameSync(`${server.db}.away`, server.db);
		await poll('readyz to be 200', async () => (await server.request('GET', '/readyz')).status === 200);
	} finally {
		await server.stop();
	}
});

// While it stops it takes no new connection, so this request has to be on its
// way: it waits for the one worker, which waits for the database's lock.
test('readyz: 503 while draining', async () => {
	const dir = temporaryFolder();
	const db = path.join(dir, 'belfry.db');
	await makeDatabase(db);
	const responder = new Responder({ dir, config: `database = ${db}\nworkers = 1\n` });
	const writer = new Writer(db);
	const lines = (pattern) => responder.output.match(pattern)?.length ?? 0;
	// What it has been told of before is read when it says this.
	const told = async () => {
		const before = lines(/ rows-found /g);
		process.kill(responder.child.pid, 'SIGUSR1');
		await poll('rows-found', () => lines(/ rows-found /g) > before);
	};
	try {
		assert.equal((await responder.ask(`${BASE}/readyz`)).status, 200);
		const ticket = `bfk_${'x'.repeat(43)}`;
		const hash = (secret) => createHash('sha256').update(secret).digest('hex');
		await writer.exec(
			'INSERT INTO sessions(secret_sha256, user_id) ' +
				`VALUES ('${hash('session')}', 'alice'); ` +
				'INSERT INTO tickets(secret_sha256, session_id, user_id, scopes, expires_at) ' +
				`VALUES ('${hash(ticket)}', last_insert_rowid(), 'alice', 'read', ${Date.now() + 60_000});`,
		);
		await writer.exec('BEGIN IMMEDIATE;');
		const waiting = responder.ask(`${BASE}/stream?ticket=${ticket}`);
		await told();
		const ready = responder.ask(`${BASE}/readyz`);
		await told();
		await told();
		responder.child.kill('SIGTERM');
		await poll('drain', () => lines(/ drain /g));
		await writer.exec('COMMIT;');
		const answer = await ready;
		await waiting;
		assert.equal(await responder.exit(), 0);
		assert.equal(answer.status, 503);
		assert.match(answer.body, /draining/);
	} finally {
		responder.child.kill('SIGKILL');
		await writer.close();
		fs.rmSync(dir, { recursive: true });
	}
});

test('a log that nobody reads stops nobody', async () => {
	const dir = temporaryFolder();
	const db = path.join(dir, 'belfry.db');
	await makeDatabase(db);
	const responder = new Responder({ dir, config: `database = ${db}\nlog_level = debug\n` });
	const uri = `${BASE}/healthz`;
	await responder.ask(uri);
	responder.child.stderr.pause();
	// More than a socket and this program hold: 200 bytes a line.
	for (let i = 0; i < 4000; i += 20)
		await Promise.all(
			Array.from({ length: 20 }, async () => assert.equal((await responder.ask(uri)).status, 200)),
		);
	responder.child.stderr.resume();
	await poll('what was dropped to be told', async () => {
		await responder.ask(uri);
		return / warn log-dropped lines=\d+\n/.test(responder.output);
	});
	responder.child.kill('SIGTERM');
	assert.equal(await responder.exit(), 0);
	fs.rmSync(dir, { recursive: true });
});
