// A thousand streams behind the real web server, with the load tool of the
// benchmark: every message reaches every stream that it is for, once, and in
// order.  How fast is not asked here; `make bench` tells that.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { LOAD, load } from '../bench/lib/load.mjs';
import { BASE, HANG_MS, startServer } from './lib/harness.mjs';

const STREAMS = 1000;
const USERS = Array.from({ length: STREAMS }, (_, i) => `u${i}`);

let server;
let common;
before(async () => {
	assert.ok(fs.existsSync(LOAD), `${LOAD} is not there: make bench-programs`);
	server = await startServer();
	const secrets = path.join(server.dir, 'secrets');
	fs.writeFileSync(secrets, (await server.addSessions(USERS)).join('\n'));
	const token = await server.token('publisher', 'read,publish');
	common = {
		url: server.origin,
		path: `${BASE}/stream`,
		header: 'Cookie: belfry_session=%s',
		readyAtEvent: true,
		secrets,
		db: server.db,
		postPath: BASE,
		postHeader: [
			`Authorization: Bearer ${token}`,
			'Content-Type: application/json',
		],
		postBody: '{"userId":"%u","title":"load","data":%p}',
		// Only a guard, as a busy machine may take its time.
		patience: HANG_MS / 2,
		openTimeout: HANG_MS / 2,
		check: true,
	};
});
after(() => server.stop());

async function run(options) {
	const report = await load({ ...common, streams: STREAMS, ...options });
	const { latency, answeredToClient, back, caughtUp, ...counts } = report;
	assert.ok(report.correct, JSON.stringify(counts));
	assert.equal(report.code, 0);
	assert.ok(report.received > 0);
	return report;
}

test('rows for one user each, as fast as SQLite takes them', () =>
	run({ via: 'sql', messages: 5000 }));

test('rows for everyone, in transactions of ten', () =>
	run({ via: 'sql', everyone: true, messages: 60, batch: 10 }));

test('POSTs over 32 connections', () =>
	run({ via: 'post', messages: 2000, connections: 32 }));

test('POSTs of 100 notifications', () =>
	run({ via: 'post', messages: 3000, connections: 4, batch: 100 }));

test('all clients hang up twice and come back with their cursor', async () => {
	const report = await run({
		via: 'sql',
		everyone: true,
		messages: 100,
		rate: 50,
		cutAt: [500, 1200],
	});
	// The second cut may find some that are not back from the first one.
	assert.ok(report.back.count >= STREAMS, `${report.back.count} came back`);
});

test('a hundred missed rows each, all back at once', () =>
	run({ via: 'sql', everyone: true, scenario: 'resume', missed: 100 }));

test('streams that do not read, or slowly, get everything in the end', () =>
	run({
		via: 'sql',
		everyone: true,
		streams: 20,
		stalled: 2,
		slow: 2,
		slowRate: 4_000_000,
		messages: 4000,
		size: 3000,
		batch: 10,
	}));
