// Delivery while the journal is pruned of a million rows, against delivery while
// nothing is to go: `node tests/bench/prune.mjs [DIR]`.  With a DIR that holds
// the prepared database already, it takes under a minute.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { load } from './lib/load.mjs';
import * as belfry from './servers/belfry.mjs';

const ROWS = 1_000_000;
const STREAMS = 100;
const MESSAGES = 1500;
const RATE = 250;

const dir = process.argv[2] ?? fs.mkdtempSync(path.join(os.tmpdir(), 'belfry-prune-'));
const filled = path.join(dir, 'filled.sql.db');

function sqlite(db, sql) {
	return execFileSync('sqlite3', ['-batch', '-bail', db], { input: sql, encoding: 'utf8' });
}

if (!fs.existsSync(filled)) {
	fs.mkdirSync(dir, { recursive: true });
	const part = `${filled}.part`;
	execFileSync(process.env.BELFRY_BIN ?? 'build/belfry', ['init', '--db', part]);
	sqlite(
		part,
		`BEGIN; WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${ROWS})
		INSERT INTO events(user_id, action, notification_id) SELECT 'old' || n % 1000, 'read', n FROM c;
		COMMIT; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;`,
	);
	fs.renameSync(part, filled);
	console.log(`${filled}: ${ROWS} events`);
	if (process.argv[2]) process.exit();
}

const results = { still: [], pruning: [] };
for (const via of ['sql', 'post'])
	for (const [what, keep] of [['still', 2 * ROWS], ['pruning', 1000]]) {
		const run = path.join(dir, `${what}-${via}`);
		fs.rmSync(run, { recursive: true, force: true });
		fs.mkdirSync(run, { recursive: true });
		const server = await belfry.start({
			dir: run,
			streams: STREAMS,
			set: { retention_rows: keep },
			prepare: (db) => fs.copyFileSync(filled, db),
		});
		try {
			const report = await load({
				...server.options,
				streams: STREAMS,
				messages: MESSAGES,
				rate: RATE,
				via,
				settle: 1500, // the first pass has begun
				check: true,
			});
			const left = sqlite(server.options.db, 'SELECT count(*) FROM events;').trim();
			const { p50Ms, p99Ms, maxMs } = report.latency;
			console.log(`${via} ${what}: p50 ${p50Ms} p99 ${p99Ms} max ${maxMs} ms, correct ${report.correct} events left ${left}`);
			results[what].push({ via, p99: p99Ms });
		} finally {
			await server.stop();
		}
	}
for (const [i, { via, p99 }] of results.still.entries())
	console.log(`${via}: p99 while pruning is ${(results.pruning[i].p99 / p99).toFixed(2)} of that without`);
if (!process.argv[2]) fs.rmSync(dir, { recursive: true, force: true });
