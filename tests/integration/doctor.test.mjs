// belfry doctor without a web server: a good database, and each thing that can
// be wrong with one.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';

import { CONFIG, doctor } from './lib/doctor.mjs';
import {
	BINARY,
	run,
	sqlite,
	sqliteRows,
	startServer,
	temporaryFolder,
} from './lib/harness.mjs';

const root = process.getuid() === 0;
const dir = temporaryFolder();
after(() => fs.rmSync(dir, { recursive: true }));

let count = 0;
async function database() {
	const folder = path.join(dir, String(++count));
	fs.mkdirSync(folder);
	fs.chmodSync(folder, 0o2770);
	const db = path.join(folder, 'belfry.db');
	assert.equal((await run(BINARY, ['init', '--db', db])).code, 0);
	return { db, folder };
}

// One thing is wrong, it is named, and what it tells to run mends it.
async function finds(check, { result = 'fail', detail, change }, made, args = []) {
	const found = await doctor(['--db', made.db, ...args]);
	assert.equal(found.code, result === 'fail' ? CONFIG : 0, found.text);
	const wrong = Object.values(found.checks).filter(
		(one) => one.result === 'fail' || one.result === 'warn',
	);
	assert.deepEqual(wrong.map((one) => one.check), [check], found.text);
	assert.equal(wrong[0].result, result, found.text);
	assert.match(wrong[0].detail, detail);
	if (!change) return;
	assert.match(wrong[0].changes.join('\n'), change);
	const script = wrong[0].changes.join(' && ');
	const mended = await run('sh', ['-ec', script], {
		env: { ...process.env, PATH: `${path.dirname(BINARY)}:${process.env.PATH}` },
	});
	assert.equal(mended.code, 0, mended.stderr);
	const again = await doctor(['--db', made.db, ...args]);
	assert.equal(again.code, 0, again.text);
	assert.equal(again.checks[check].result, 'ok', again.text);
}

describe('belfry doctor', () => {
	test('a good database: every check, and nothing is left of them', async () => {
		const { db } = await database();
		await sqlite(db, "INSERT INTO notifications(user_id, title) VALUES ('a', 'x');");
		const dump = () =>
			sqlite(db, 'SELECT * FROM events; SELECT * FROM meta; SELECT * FROM tokens;');
		const before = await dump();
		const found = await doctor(['--db', db]);
		assert.equal(found.code, 0, found.text);
		assert.equal(found.stderr, '');
		const results = Object.fromEntries(
			Object.values(found.checks).map((one) => [one.check, one.result]),
		);
		assert.deepEqual(results, {
			configuration: 'ok',
			folder: 'ok',
			rights: 'ok',
			access: 'ok',
			database: 'ok',
			'journal mode': 'ok',
			schema: 'ok',
			clock: 'ok',
			inotify: 'ok',
			head: 'ok',
			disk: 'ok',
			descriptors: 'skip', // no responder runs
			'inotify limits': 'ok',
		});
		assert.match(found.checks.inotify.detail, /^a commit fired after \d+ µs$/);
		assert.equal(await dump(), before);
		// The head is for the responder to make.
		assert.ok(!fs.existsSync(`${db}-belfry.d`));
	});

	test('text for a person: one line for each check', async () => {
		const { db } = await database();
		const { code, stdout } = await run(BINARY, ['doctor', '--db', db]);
		assert.equal(code, 0);
		for (const line of stdout.trim().split('\n'))
			assert.match(line, /^(ok  |warn|FAIL|skip)  [A-Za-z_ ]+: \S/);
	});

	test('no database', async () => {
		const made = { db: path.join(dir, 'none.db') };
		fs.chmodSync(dir, 0o2770);
		const found = await doctor(['--db', made.db]);
		assert.equal(found.code, CONFIG);
		assert.match(found.checks.database.detail, /No such file/);
		assert.deepEqual(found.checks.database.changes, [`belfry init --db ${made.db}`]);
	});

	test('a folder that the group may not write', async () => {
		const made = await database();
		fs.chmodSync(made.folder, 0o0750);
		await finds('folder', { detail: /the group may write the database/, change: /^chmod 2770/ }, made);
	});

	test('a folder that everybody may write', async () => {
		const made = await database();
		fs.chmodSync(made.folder, 0o2777);
		await finds('folder', { detail: /anybody may write/, change: /^chmod o-rwx/ }, made);
	});

	test('a folder without setgid, and one that is not its own', async () => {
		const made = await database();
		fs.chmodSync(made.folder, 0o0770);
		await finds('folder', { result: 'warn', detail: /its maker's group/, change: /^chmod g\+s/ }, made);
		fs.writeFileSync(path.join(made.folder, 'app.log'), '');
		await finds('folder', { result: 'warn', detail: /"app\.log"/ }, made);
	});

	test('a database that others may read', async () => {
		const made = await database();
		fs.chmodSync(made.folder, 0o2775);
		fs.chmodSync(made.db, 0o664);
		await finds('rights', { result: 'warn', detail: /others .* may read/, change: /^chmod o-rwx/ }, made);
	});

	test('a -wal with other rights', async () => {
		const made = await database();
		fs.writeFileSync(`${made.db}-wal`, '', { mode: 0o600 });
		fs.chmodSync(`${made.db}-wal`, 0o600);
		await finds('rights', { detail: /-wal: mode 0600/, change: /^chmod 0660/ }, made);
	});

	if (root)
		test("a stranger's -wal; a web server's user without rights", async () => {
			const made = await database();
			fs.writeFileSync(`${made.db}-wal`, '', { mode: 0o660 });
			fs.chmodSync(`${made.db}-wal`, 0o660);
			fs.chownSync(`${made.db}-wal`, 0, 12345);
			await finds('rights', { detail: /group 12345/, change: /^chgrp 0 / }, made);
			fs.chmodSync(dir, 0o755);
			await finds(
				'access',
				{ detail: /^www-data may not write/, change: /^chgrp -R/ },
				made,
				['--user', 'www-data'],
			);
		});
	else
		test('--user is for root', async () => {
			const { db } = await database();
			const found = await doctor(['--db', db, '--user', 'www-data']);
			assert.equal(found.checks.access.result, 'skip');
			assert.match(found.checks.access.detail, /only root/);
		});

	test('no WAL', async () => {
		const made = await database();
		await sqlite(made.db, 'PRAGMA journal_mode = DELETE;');
		await finds('database', { detail: /journal_mode is delete, expected wal/ }, made);
	});

	test('a schema of another version', async () => {
		const made = await database();
		await sqlite(made.db, 'PRAGMA user_version = 1;');
		await finds('database', { detail: /schema version 1, expected/ }, made);
	});

	test('triggers that are gone, changed, or strange', async () => {
		const made = await database();
		await sqlite(made.db, 'DROP TRIGGER tokens_after_delete;');
		await finds('schema', { detail: /tokens_after_delete \(missing\)/, change: /^belfry init/ }, made);
		await sqlite(
			made.db,
			`DROP TRIGGER tokens_after_delete;
			CREATE TRIGGER tokens_after_delete AFTER DELETE ON tokens
			BEGIN SELECT 1; END;`,
		);
		await finds(
			'schema',
			{ detail: /tokens_after_delete \(changed\)/, change: /DROP trigger tokens_after_delete/i },
			made,
		);
		await sqlite(
			made.db,
			`CREATE TRIGGER theirs AFTER INSERT ON notifications BEGIN SELECT 1; END;`,
		);
		await finds('schema', { result: 'warn', detail: /theirs \(not Belfry's\)/ }, made);
	});

	test('a table that is changed is not to be dropped', async () => {
		const made = await database();
		await sqlite(made.db, 'ALTER TABLE notifications ADD COLUMN theirs TEXT;');
		const { detail, changes } = (await doctor(['--db', made.db])).checks.schema;
		assert.match(detail, /table notifications \(changed\)/);
		assert.doesNotMatch(changes.join('\n'), /DROP/);
		assert.ok(changes.some((change) => /\.schema notifications/.test(change)), changes.join('\n'));
	});

	// As in a database that an older state of the program has made.
	test('many triggers that are changed: the commands mend them all', async () => {
		const made = await database();
		const rows = await sqliteRows(
			made.db,
			"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name;",
		);
		assert.ok(rows.length > 20, `${rows.length} triggers`);
		await sqlite(
			made.db,
			rows.map(({ name, sql }) => `DROP TRIGGER ${name};\n${sql.replace(/END$/, '-- older\nEND')};`).join('\n'),
		);
		const { changes } = (await doctor(['--db', made.db])).checks.schema;
		for (const command of changes) {
			const done = await run('sh', ['-c', command.replace(/^belfry /, `${BINARY} `)]);
			assert.equal(done.code, 0, `${command}: ${done.stderr}`);
		}
		assert.equal((await doctor(['--db', made.db])).checks.schema.result, 'ok');
	});

	test('a clock that went back', async () => {
		const made = await database();
		await sqlite(
			made.db,
			`INSERT INTO events(user_id, action, notification_id, at)
			VALUES ('', 'epoch', 0, ${Date.now() + 3_600_000});`,
		);
		await finds('clock', { detail: /before the last event/ }, made);
	});

	test('a session_query that does not work', async () => {
		const { db } = await database();
		const found = await doctor(['--db', db], {
			BELFRY_SESSION_QUERY: 'SELECT nobody FROM nothing WHERE token = :token',
		});
		assert.equal(found.code, CONFIG);
		assert.match(found.checks.session_query.detail, /nothing/);
	});

	test('what it can not understand', async () => {
		for (const url of ['example.org', 'ftp://example.org/'])
			assert.equal((await doctor([url])).code, 64);
	});

	test('a database that was restored since the responder ran', async () => {
		const made = await database();
		const server = await startServer({ db: made.db });
		try {
			await server.sql("INSERT INTO notifications(user_id, title) VALUES ('a', 'x');");
			await server.openStream({ cookie: await server.session('a') });
			const running = await doctor(['--db', server.db]);
			assert.equal(running.checks.head.result, 'ok', running.text);
			assert.equal(running.checks.descriptors.result, 'ok', running.text);
			assert.match(running.checks.descriptors.detail, /^process \d+ may have/);
			await server.whileDown(async () => {
				const last = (await sqliteRows(server.db, 'SELECT max(id) AS id FROM events;'))[0].id;
				await sqlite(server.db, `DELETE FROM events WHERE id = ${last};`);
				const found = await doctor(['--db', server.db]);
				assert.equal(found.checks.head.result, 'warn', found.text);
				assert.match(found.checks.head.detail, new RegExp(`delivered, ${last},`));
			});
		} finally {
			await server.stop();
		}
	});
});
