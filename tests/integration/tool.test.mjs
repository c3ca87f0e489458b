// The tool: its commands but tail, what each prints, how it exits.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { BINARY, poll, run, sqlite, sqliteRows } from './lib/harness.mjs';
import {
	CANTCREAT,
	CONFIG,
	DATAERR,
	IOERR,
	NOINPUT,
	USAGE,
	belfry,
	database,
	dir,
	env,
	folder,
	refused,
} from './lib/tool.mjs';
import { Writer, insert, quote } from './lib/writer.mjs';

test('help, version, and what is no command', async () => {
	const commands = ['init', 'send', 'session', 'token', 'tail', 'stats', 'check-config'];
	const usage = await belfry(['--help']);
	for (const name of commands) {
		assert.match(usage, new RegExp(`^  ${name} +\\S`, 'm'));
		assert.match(await belfry([name, '--help']), /^usage: belfry /);
	}
	for (const name of ['session', 'token'])
		for (const action of ['create', 'list', 'revoke'])
			assert.match(
				await belfry([name, action, '--help']),
				new RegExp(`^usage: belfry ${name} ${action} [^]*--db FILE`),
			);
	assert.match(await belfry(['--version']), /^belfry \d+\.\d+\.\d+\n$/);
	await refused(USAGE, /expected a command.*"frob"/, ['frob']);
	await refused(USAGE, /expected a command/, []);
	await refused(USAGE, /--frob: no such option/, ['send', '--frob']);
	await refused(USAGE, /--user: expected a value/, ['send', '--user']);
	await refused(USAGE, /expected no argument "x"/, ['init', 'x']);
	await refused(USAGE, /--user: expected once/, [
		...['send', '--user', 'a', '--user', 'b'],
	]);
});

test('what could not be written is no success', async () => {
	const full = fs.openSync('/dev/full', 'w');
	const child = spawn(BINARY, ['--help'], {
		env,
		stdio: ['ignore', full, 'ignore'],
	});
	const code = await new Promise((resolve) => child.on('close', resolve));
	fs.closeSync(full);
	assert.equal(code, IOERR);
});

test('init makes a database that others can write', async () => {
	const cwd = folder();
	const made = await run(
		'sh',
		['-c', 'umask 077; exec "$@"', 'sh', BINARY, 'init'],
		{ cwd, env },
	);
	assert.equal(made.stdout, './belfry.db\n');
	const db = path.join(cwd, 'belfry.db');
	for (const name of [db, `${db}-wal`, `${db}-shm`])
		assert.equal(fs.statSync(name).mode & 0o777, 0o660, name);
	assert.equal(await sqlite(db, 'PRAGMA journal_mode;'), 'wal\n');

	await sqlite(db, insert('alice', 'stays'));
	await belfry(['init'], { cwd });
	assert.equal(await sqlite(db, 'SELECT title FROM notifications;'), 'stays\n');
});

test('init --demo can be run again', async () => {
	const db = await database(['--demo']);
	const select = 'SELECT user_id, title, data FROM notifications;';
	const rows = await sqliteRows(db, select);
	const users = new Set(rows.map((row) => row.user_id));
	assert.deepEqual(users, new Set(['alice', 'bob', 'carol', '*']));
	rows.forEach((row) => row.data && JSON.parse(row.data));
	await belfry(['init', '--db', db, '--demo']);
	assert.deepEqual(await sqliteRows(db, select), rows);
});

test('init mends a half-made database and refuses what is none', async () => {
	const db = path.join(folder(), 'belfry.db');
	fs.writeFileSync(db, '');
	await belfry(['init', '--db', db]);
	await belfry(['send', '--db', db, '--user', 'a', '--title', 't']);

	const text = path.join(folder(), 'belfry.db');
	fs.writeFileSync(text, 'This is not a database, but it is long enough.\n');
	await refused(DATAERR, /not a database/, ['init', '--db', text]);
	const missing = path.join(folder(), 'no', 'belfry.db');
	await refused(IOERR, /No such file or directory/, ['init', '--db', missing]);
});

test('which database is meant', async () => {
	const cwd = folder();
	const conf = path.join(cwd, 'belfry.conf');
	const data = path.join(cwd, 'data');
	fs.mkdirSync(data);
	fs.writeFileSync(conf, 'database = data/configured.db\n');
	const configured = path.join(data, 'configured.db');

	assert.equal(await belfry(['init'], { cwd }), './belfry.db\n');
	assert.equal(
		await belfry(['init', '--config', conf], { cwd: '/' }),
		`${configured}\n`,
	);
	const more = { BELFRY_CONFIG: conf };
	assert.equal(await belfry(['init'], { cwd, more }), `${configured}\n`);
	assert.equal(
		await belfry(['init', '--db', 'named.db'], { cwd, more }),
		'named.db\n',
	);
	more.BELFRY_DATABASE = path.join(cwd, 'variable.db');
	assert.equal(
		await belfry(['init'], { cwd, more }),
		`${more.BELFRY_DATABASE}\n`,
	);
	await refused(NOINPUT, /no such database/, [
		...['send', '--db', path.join(cwd, 'none.db')],
		...['--user', 'a', '--title', 't'],
	]);
	fs.writeFileSync(conf, '\nheartbeet = 3s\n');
	await refused(CONFIG, /belfry\.conf:2: unknown key .*heartbeat/, ['init'], {
		cwd,
		more: { BELFRY_CONFIG: conf },
	});
});

test('send does what the INSERT does', async () => {
	const db = await database();
	const columns =
		'user_id, type, title, body, data, link, priority, read_at, expires_at, dedupe_key';
	const send = (...args) => belfry(['send', '--db', db, ...args]);
	const rows = async (id) =>
		(await sqliteRows(
			db,
			`SELECT ${columns} FROM notifications WHERE id IN (${id}, ${id} + 1);`,
		)).map((row) => JSON.stringify(row));
	const compare = async (id, values) => {
		await sqlite(
			db,
			`INSERT INTO notifications(${Object.keys(values).join()})` +
				` VALUES (${Object.values(values).map(quote).join()});`,
		);
		const [sent, inserted, ...others] = await rows(id);
		assert.deepEqual(others, []);
		assert.equal(sent, inserted);
	};

	assert.equal(await send('--user', 'alice', '--title', 'Hi'), '1\n');
	await compare(1, { user_id: 'alice', title: 'Hi' });

	const hostile = '\u001b[31m"\'\\\n\t\u2028 \u{1f514} $(x) %s';
	const at = Date.parse('2031-05-06T07:08:09.123Z');
	const given = {
		...{ user: 'bob', title: hostile, body: hostile, type: 'a b' },
		...{ link: '/x?y=1&z', data: '{"a":[1,null]}', priority: '5' },
		'expires-at': '2031-05-06T09:08:09.123+02:00',
	};
	const id = Number(
		await send(...Object.entries(given).flatMap(([k, v]) => [`--${k}`, v])),
	);
	await compare(id, {
		...{ user_id: 'bob', title: hostile, body: hostile, type: 'a b' },
		...{ link: '/x?y=1&z', data: '{"a":[1,null]}', priority: 5 },
		expires_at: at,
	});
	assert.equal(
		await sqlite(db, 'SELECT count(*) FROM events;'),
		'4\n',
		'each of the four rows has one event',
	);

	await send('--user', '*', '--title', 'all', '--expires-in', '2h');
	const [row] = await sqliteRows(
		db,
		"SELECT expires_at - created_at AS life FROM notifications WHERE user_id = '*';",
	);
	assert.ok(Math.abs(row.life - 7_200_000) < 60_000, String(row.life));
});

test('send of a duplicate tells the first one', async () => {
	const db = await database();
	const send = (user, title) =>
		belfry(['send', '--db', db, '--user', user, '--title', title, ...key]);
	const key = ['--dedupe-key', 'k'];
	assert.equal(await send('alice', 'first'), '1\n');
	assert.equal(await send('bob', 'his own'), '2\n');
	assert.equal(await send('alice', 'second'), '1\n');
	assert.equal(
		await sqlite(db, 'SELECT group_concat(title) FROM notifications;'),
		'first,his own\n',
	);
});

test('send says what is wrong and writes nothing', async () => {
	const db = await database();
	const base = ['send', '--db', db, '--user', 'a', '--title', 't'];
	await refused(USAGE, /expected --user/, ['send', '--title', 't']);
	await refused(USAGE, /expected --title/, ['send', '--user', 'a']);
	await refused(USAGE, /--user: expected a text/, [
		...['send', '--db', db, '--user', '', '--title', 't'],
	]);
	for (const [message, ...more] of [
		[/--priority: expected 1 to 5, found "6"/, '--priority', '6'],
		[/--priority: expected/, '--priority', 'high'],
		[/--data: expected JSON/, '--data', '{a:1}'],
		[/--expires-in: expected a duration/, '--expires-in', '5'],
		[/--expires-at: expected a time/, '--expires-at', 'tomorrow'],
		[/found both/, '--expires-at', '2031-01-01T00:00:00Z', '--expires-in', '1h'],
	])
		await refused(USAGE, message, [...base, ...more]);
	assert.equal(await sqlite(db, 'SELECT count(*) FROM notifications;'), '0\n');
});

for (const [name, prefix] of [
	['session', 'bfs_'],
	['token', 'bft_'],
])
	test(`${name}: create, list, revoke`, async () => {
		const db = await database();
		const table = `${name}s`;
		const tool = (...args) => belfry([name, ...args, '--db', db]);
		const create = (user, ...more) =>
			tool('create', '--user', user, '--scope', 'read', ...more);

		const secret = (await create('alice', '--ttl', '12h')).trimEnd();
		assert.match(secret, new RegExp(`^${prefix}[A-Za-z0-9_-]{43}$`));
		const [row] = await sqliteRows(
			db,
			`SELECT *, expires_at - created_at AS life FROM ${table};`,
		);
		assert.equal(
			row.secret_sha256,
			createHash('sha256').update(secret).digest('hex'),
		);
		assert.equal(row.life, 12 * 3_600_000);
		assert.equal(row.user_id, 'alice');
		assert.equal(row.scopes, 'read');
		const files = fs
			.readdirSync(path.dirname(db))
			.map((file) => fs.readFileSync(path.join(path.dirname(db), file)));
		assert.ok(!files.some((bytes) => bytes.includes(secret)));

		await create('bob', '--scope', 'admin,publish', '--ttl', '0');
		await create('bo\u001b[31mb');
		await create('bob');
		const listed = (await tool('list', '--json'))
			.trimEnd()
			.split('\n')
			.map((line) => JSON.parse(line));
		assert.deepEqual(
			listed.map(({ id, userId, scopes }) => [id, userId, scopes]),
			[
				[1, 'alice', 'read'],
				[2, 'bob', 'read,publish,admin'],
				[3, 'bo\u001b[31mb', 'read'],
				[4, 'bob', 'read'],
			],
		);
		assert.equal(Date.parse(listed[0].createdAt), row.created_at);
		assert.equal(Date.parse(listed[0].expiresAt), row.expires_at);
		assert.equal(listed[1].expiresAt, null);
		const columns = await tool('list');
		assert.equal(columns.split('\n').length, 6);
		assert.ok(!columns.includes('\u001b'));
		assert.ok(!columns.includes(row.secret_sha256));
		assert.equal((await tool('list', '--user', 'bob')).split('\n').length, 4);

		assert.equal(await tool('revoke', '1'), '1\n');
		await refused(NOINPUT, new RegExp(`no ${name} 1`), [
			...[name, 'revoke', '1', '--db', db],
		]);
		assert.equal(await tool('revoke', '--user', 'bob'), '2\n');
		assert.equal(await tool('revoke', '--user', 'bob'), '0\n');
		assert.deepEqual(
			await sqliteRows(
				db,
				'SELECT user_id, action, notification_id AS id FROM events;',
			),
			[
				{ user_id: 'alice', action: `${name}-ended`, id: 1 },
				{ user_id: 'bob', action: `${name}-ended`, id: 2 },
				{ user_id: 'bob', action: `${name}-ended`, id: 4 },
			],
		);
		for (const [code, message, ...args] of [
			[USAGE, /expected create, list or revoke/, 'frob'],
			[USAGE, /expected either an ID or --user/, 'revoke'],
			[USAGE, /either an ID or --user/, 'revoke', '1', '--user', 'a'],
			[USAGE, /expected the id/, 'revoke', '1x'],
			[USAGE, /expected --user/, 'create', '--scope', 'read'],
			[USAGE, /scopes.*"root"/, 'create', '--user', 'a', '--scope', 'root'],
			[USAGE, /--ttl: expected a duration/, 'create', '--ttl', '3', ...[
				...['--user', 'a', '--scope', 'read'],
			]],
			[DATAERR, /one user/, 'create', '--user', '*', '--scope', 'read'],
		])
			await refused(code, message, [name, ...args, '--db', db]);
	});

test('session and token differ in what is left out', async () => {
	const db = await database();
	await refused(USAGE, /expected --scope/, [
		...['token', 'create', '--user', 'a', '--db', db],
	]);
	await belfry(['token', 'create', '--user', 'a', '--scope', 'read', '--db', db]);
	await belfry(['session', 'create', '--user', 'a', '--db', db]);
	assert.deepEqual(
		await sqliteRows(
			db,
			`SELECT scopes, expires_at - created_at AS life FROM sessions
			 UNION ALL SELECT scopes, expires_at - created_at FROM tokens;`,
		),
		[
			{ scopes: 'read', life: 30 * 86_400_000 },
			{ scopes: 'read', life: null },
		],
	);
});

test('check-config prints what it understands', async () => {
	const db = await database();
	const conf = path.join(folder(), 'belfry.conf');
	fs.writeFileSync(
		conf,
		`# mine\ndatabase = ${db}\nheartbeat = 90s\ncors_origins = https://a.example\n`,
	);
	const printed = await belfry(['check-config', conf]);
	assert.match(printed, new RegExp(`^database = ${db}$`, 'm'));
	assert.match(printed, /^heartbeat = 90s$/m);
	assert.match(printed, /^workers = 4$/m);
	assert.equal(await belfry(['check-config', '--config', conf]), printed);
	// What it prints is a configuration.
	const again = path.join(path.dirname(conf), 'again.conf');
	fs.writeFileSync(again, printed);
	assert.equal(await belfry(['check-config', again]), printed);
	assert.match(
		await belfry(['check-config', conf], { more: { BELFRY_WORKERS: '2' } }),
		/^workers = 2$/m,
	);
});

test('check-config finds what the responder would', async () => {
	const db = await database();
	const where = folder();
	const conf = path.join(where, 'belfry.conf');
	const check = async (code, message, text, more) => {
		fs.writeFileSync(conf, text);
		const result = await run(BINARY, ['check-config', conf], {
			cwd: where,
			env: { ...env, ...more },
		});
		assert.equal(result.code, code, result.stderr);
		assert.match(result.stderr, message);
		assert.match(result.stderr, /^belfry check-config: [^\n]+\n$/);
	};
	const base = `database = ${db}\n`;
	await check(CONFIG, /:2: workers: expected .* found "many"/, `${base}workers = many\n`);
	await check(CONFIG, /did you mean BELFRY_HEARTBEAT/, base, {
		BELFRY_HEARTBEET: '3s',
	});
	await check(CONFIG, /database is not set/, '# nothing\n');
	await check(NOINPUT, /no such database/, `database = ${db}.none\n`);
	await refused(CONFIG, /none\.conf: No such file/, [
		...['check-config', path.join(where, 'none.conf')],
	]);

	const host = path.join(where, 'host.db');
	await sqlite(host, 'CREATE TABLE session(token, userId);');
	const query = 'session_query = SELECT userId FROM session WHERE token = :token';
	await check(
		DATAERR,
		/session_query: no such table: session/,
		`${base}${query}\n`,
	);
	const good = `${base}${query}\nsession_database = host.db\n`;
	await check(DATAERR, /session_query: near "session": syntax/, good.replace('FROM', 'FRON'));
	await check(
		DATAERR,
		/only reads/,
		`${base}session_query = DELETE FROM session WHERE token = :token\nsession_database = host.db\n`,
	);
	await check(
		CONFIG,
		/expected no row/,
		`${base}session_query = SELECT 'alice' WHERE :token <> ''\n`,
	);
	fs.writeFileSync(conf, good);
	await belfry(['check-config', conf]);
});

test(
	'who has no rights is told so',
	{ skip: process.getuid() !== 0 && 'needs to become somebody else' },
	async () => {
		const db = await database();
		fs.chmodSync(dir, 0o755);
		// As with a responder: somebody has it open, so -wal and -shm are there.
		const writer = new Writer(db);
		await writer.exec(insert('alice', 'Hi'));
		const nobody = (args) =>
			run(
				'setpriv',
				['--reuid=65534', '--regid=65534', '--clear-groups', BINARY, ...args],
				{ env, cwd: '/' },
			);
		const send = ['send', '--db', db, '--user', 'a', '--title', 't'];
		let result = await nobody(send);
		assert.equal(result.code, CANTCREAT, result.stderr);
		assert.match(result.stderr, /uid 65534 may not read and write it/);

		// Reading is enough to look on.
		for (const end of ['', '-wal', '-shm']) fs.chmodSync(`${db}${end}`, 0o644);
		result = await nobody(send);
		assert.equal(result.code, CANTCREAT, result.stderr);
		const child = spawn(
			'setpriv',
			['--reuid=65534', '--regid=65534', '--clear-groups', BINARY,
				...['tail', '--db', db, '--from', '0']],
			{ env, cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] },
		);
		let out = '';
		child.stdout.on('data', (text) => (out += text));
		const ended = new Promise((resolve) => child.on('close', resolve));
		await poll('the event', () => /created {2}1 {2}Hi\n/.test(out));
		await writer.exec(insert('alice', 'Ho'));
		await poll('the next', () => /created {2}2 {2}Ho\n/.test(out));
		child.kill('SIGTERM');
		assert.equal(await ended, 0);
		await writer.close();
	},
);
