// The tool's `tail`: what it prints, what it runs, when it ends.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';

import { BINARY, alive, poll, sqlite, sqliteRows } from './lib/harness.mjs';
import {
	IOERR,
	NOINPUT,
	USAGE,
	database,
	env,
	folder,
	refused,
} from './lib/tool.mjs';
import { Writer, insert } from './lib/writer.mjs';

const tails = new Set(); // those of tests that failed in between
after(() => {
	for (const tail of tails) tail.child.kill('SIGKILL');
});

// `belfry tail`, with what it has printed so far.
class Tail {
	out = '';
	err = '';

	constructor(db, args, { stdout = 'pipe' } = {}) {
		this.child = spawn(BINARY, ['tail', '--db', db, ...args], {
			env,
			stdio: ['ignore', stdout, 'pipe'],
		});
		tails.add(this);
		this.child.stdout?.setEncoding('utf8');
		this.child.stdout?.on('data', (text) => (this.out += text));
		this.child.stderr.on('data', (text) => (this.err += text));
		// Not 'close': a command that outlives it has its standard output.
		this.ended = new Promise((resolve) =>
			this.child.on('exit', (code, signal) => {
				this.over = true;
				tails.delete(this);
				resolve(code ?? signal);
			}),
		);
	}

	get lines() {
		return this.out.split('\n').slice(0, -1);
	}

	get events() {
		return this.lines.map((line) => JSON.parse(line));
	}

	async until(what, condition) {
		await poll(`${what}: ${this.err}`, () => this.over || condition());
		assert.ok(condition(), `${what}: it ended: ${this.err}${this.out}`);
	}

	async stop(signal = 'SIGTERM') {
		this.child.kill(signal);
		return this.ended;
	}
}

test('tail prints a line for each event', async () => {
	const db = await database();
	await sqlite(
		db,
		`${insert('alice', 'One \u001b[31mred\u001b[0m\nand more', {})}
		 ${insert('bob', 'Two')}
		 ${insert('*', 'Three')}
		 UPDATE notifications SET title = 'Two!' WHERE id = 2;
		 UPDATE notifications SET read_at = 1 WHERE id = 2;
		 INSERT INTO sessions(secret_sha256, user_id)
			VALUES ('${'0'.repeat(64)}', 'alice');
		 DELETE FROM sessions;
		 INSERT INTO read_marks(user_id, read_through) VALUES ('alice', 1);
		 DELETE FROM notifications WHERE id = 1;`,
	);
	const tail = new Tail(db, ['--from', 'earliest']);
	await tail.until('six lines', () => tail.lines.length >= 6);
	assert.equal(await tail.stop('SIGINT'), 0);
	const fields = tail.lines.map((line) => line.split('  '));
	for (const [at] of fields)
		assert.equal(new Date(at).toISOString(), at);
	assert.deepEqual(
		fields.map(([, ...rest]) => rest),
		[
			['bob', 'created', '2', 'Two!'],
			['*', 'created', '3', 'Three'],
			['bob', 'updated', '2', 'Two!'],
			['bob', 'read', '2'],
			['alice', 'all-read', '1'],
			['alice', 'deleted', '1'],
		],
		'without the first, which is gone, and without control rows',
	);
	assert.equal(tail.err, '');

	const bob = new Tail(db, ['--from', '2', '--user', 'bob', '--json']);
	await bob.until('three events', () => bob.lines.length >= 3);
	assert.equal(await bob.stop(), 0);
	assert.deepEqual(
		bob.events.map(({ id, userId, action }) => [id, userId, action]),
		[
			[3, '*', 'created'],
			[4, 'bob', 'updated'],
			[5, 'bob', 'read'],
		],
	);
});

test('tail keeps the terminal from what a title may hold', async () => {
	const db = await database();
	await sqlite(db, insert('al\u001bice', 'a\u001b[2J\u0007\nb\u009bc'));
	const tail = new Tail(db, ['--from', 'earliest']);
	await tail.until('the line', () => tail.lines.length);
	await tail.stop();
	assert.equal(tail.lines.length, 1);
	assert.doesNotMatch(tail.lines[0], /[\u0000-\u001f\u007f-\u009f]/);
});

test('tail loses nothing that several writers commit', async () => {
	const db = await database();
	const tail = new Tail(db, ['--json', '--from', 'earliest']);
	const writers = ['NORMAL', 'FULL', 'NORMAL'].map(
		(synchronous) => new Writer(db, { synchronous }),
	);
	const each = 300;
	await Promise.all(
		writers.map(async (writer, w) => {
			for (let i = 0; i < each; i++)
				await writer.exec(insert(`user${w}`, `${w}.${i}`));
		}),
	);
	await writers[0].exec(
		`BEGIN; WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL
			SELECT i + 1 FROM n WHERE i < 2000)
		 INSERT INTO notifications(user_id, title) SELECT 'bulk', i FROM n; COMMIT;`,
	);
	const rows = await sqliteRows(
		db,
		`SELECT e.id, e.user_id, n.title FROM events e
		 JOIN notifications n ON n.id = e.notification_id ORDER BY e.id;`,
	);
	assert.equal(rows.length, writers.length * each + 2000);
	await tail.until('all rows', () => tail.lines.length >= rows.length);
	assert.equal(await tail.stop(), 0);
	assert.deepEqual(
		tail.events.map((event) => ({
			id: event.id,
			user_id: event.userId,
			title: event.notification.title,
		})),
		rows,
	);
	await Promise.all(writers.map((writer) => writer.close()));
});

test('tail without --from begins now', async () => {
	const db = await database(['--demo']);
	const tail = new Tail(db, ['--json']);
	let sent = 0;
	// It does not say when it has begun: send until something comes.
	await tail.until('an event', async () => {
		if (!tail.lines.length)
			await sqlite(db, insert('alice', `new ${sent++}`));
		return tail.lines.length > 0;
	});
	await tail.stop();
	assert.match(tail.events[0].notification.title, /^new /);
});

test('tail --exec runs a command for each event', async () => {
	const db = await database();
	const out = path.join(folder(), 'out');
	const titles = ['first', 'x'.repeat(200_000), '\u{1f514} "q"\n', 'last'];
	for (const title of titles) await sqlite(db, insert('alice', title));
	// The second is not read at all, the third fails.
	const command = `case $(cat >'${out}.one'; grep -c xxxx '${out}.one') in
		0) cat '${out}.one' >>'${out}'; grep -q '\\\\n' '${out}.one' && exit 7;;
		esac; exit 0`;
	const tail = new Tail(db, ['--from', '0', '--exec', command]);
	await tail.until('the last', () =>
		fs.existsSync(out) && fs.readFileSync(out, 'utf8').includes('last'),
	);
	assert.equal(await tail.stop(), 0);
	assert.equal(tail.out, '');
	assert.match(tail.err, /exec-failed event=3 status=7\n/);
	const events = fs.readFileSync(out, 'utf8').trimEnd().split('\n');
	assert.deepEqual(
		events.map((line) => JSON.parse(line).notification.title),
		[titles[0], titles[2], titles[3]],
	);
});

test('tail --exec: a command that reads nothing holds nothing up', async () => {
	const db = await database();
	await sqlite(db, insert('alice', 'y'.repeat(150_000)));
	await sqlite(db, insert('alice', 'z'));
	const tail = new Tail(db, ['--from', '0', '--exec', 'echo done; exec true']);
	await tail.until('both', () => tail.lines.length >= 2);
	assert.equal(await tail.stop(), 0);
	assert.deepEqual(tail.lines, ['done', 'done']);
});

test('a signal ends tail and what its command has started', async () => {
	const db = await database();
	await sqlite(db, insert('alice', 't'));
	const pid = path.join(folder(), 'pid');
	const command = `sleep 1000 & echo $! >'${pid}.new'; mv '${pid}.new' '${pid}'; wait`;
	const tail = new Tail(db, ['--from', '0', '--exec', command]);
	await tail.until('the command', () => fs.existsSync(pid));
	const child = Number(fs.readFileSync(pid, 'utf8'));
	process.kill(child, 0);
	assert.equal(await tail.stop('SIGINT'), 0);
	try {
		await poll('the command to end', () => !alive(child));
	} finally {
		if (alive(child)) process.kill(child);
	}
});

test('tail goes on with a database that takes the place of its own', async () => {
	const db = await database();
	await sqlite(db, insert('alice', 'old'));
	const tail = new Tail(db, ['--json', '--from', '0']);
	await tail.until('the old one', () => tail.lines.length === 1);
	const other = await database();
	await sqlite(
		other,
		`${insert('bob', 'history')} ${insert('bob', 'more')}
		 PRAGMA wal_checkpoint(TRUNCATE);`,
	);
	for (const end of ['-wal', '-shm']) fs.rmSync(`${db}${end}`);
	fs.renameSync(other, db);
	await tail.until('that it tells', () => /rewritten/.test(tail.err));
	await sqlite(db, insert('bob', 'after'));
	await tail.until('the new one', () => tail.lines.length === 2);
	assert.equal(await tail.stop(), 0);
	assert.deepEqual(
		tail.events.map((event) => event.notification.title),
		['old', 'after'],
	);
});

test('tail refuses what it cannot follow', async () => {
	const db = await database(['--demo']);
	const tail = (...args) => ['tail', '--db', db, ...args];
	await refused(USAGE, /--from: expected .* up to 8, found "9"/, tail('--from', '9'));
	await refused(USAGE, /--from: expected/, tail('--from', '-1'));
	await refused(NOINPUT, /no such database/, ['tail', '--db', `${db}.none`]);
	const closed = new Tail(db, ['--from', '0']);
	closed.child.stdout.destroy();
	// What was written before may lie in the pipe already: it is told by the next row.
	await sqlite(db, insert('alice', 'more'));
	assert.equal(await closed.ended, IOERR);
	await poll('why', () => closed.err.includes('\n'));
	assert.match(closed.err, /^belfry tail: standard output: /);
});
