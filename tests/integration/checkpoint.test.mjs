// The -wal under many POSTs: what is copied into the database by a thread of its
// own must not let it grow without end, and nothing is lost by it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';

import { sqlite, startServer } from './lib/harness.mjs';
import { Rest } from './lib/rest.mjs';

const MIB = 1 << 20;
const PUBLISHERS = 4;
const POSTS = 14;
const BATCH = 500;

let server;
let rest;
before(async () => {
	server = await startServer();
	rest = await Rest.start(server);
});
after(() => server.stop());

test('publishers without a pause: a -wal that stays short, every row there', async () => {
	const user = await rest.newUser();
	const body = 'x'.repeat(4000);
	const batch = Array.from({ length: BATCH }, () => ({
		userId: user,
		title: 'much',
		body,
	}));
	let longest = 0;
	const publish = async () => {
		for (let i = 0; i < POSTS; i++) {
			assert.equal((await rest.publish(batch)).status, 201);
			longest = Math.max(longest, fs.statSync(`${server.db}-wal`).size);
		}
	};
	await Promise.all(Array.from({ length: PUBLISHERS }, publish));
	// By design 16 MiB until it is copied, 16 more until that is waited for, and
	// a group of requests each time.
	const rows = PUBLISHERS * POSTS * BATCH;
	assert.ok(
		longest < (rows * body.length) / 2,
		`${longest / MIB} MiB in -wal for ${(rows * body.length) / MIB} MiB of text`,
	);
	const answer = await sqlite(
		server.db,
		`SELECT count(*) FROM notifications WHERE user_id = '${user}';
		PRAGMA integrity_check`,
	);
	assert.equal(answer.trim(), `${rows}\nok`);
});
