// Bad beginnings: a configuration or a database that can't be used.  One clear
// line says what was expected, the exit code says that it failed, the client gets
// a 503, and once it is repaired nothing is lost.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import {
	BASE,
	BINARY,
	makeDatabase,
	poll,
	sanitizerReports,
	sqlite,
	startServer,
	temporaryFolder,
} from './lib/harness.mjs';
import * as fastcgi from './lib/fastcgi.mjs';
import { waiting } from './lib/sse.mjs';
import { insert } from './lib/writer.mjs';

// A web server's way to start a responder: descriptor 0 is a listening socket.
const LISTEN = `
	my ($path, @command) = @ARGV;
	socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die $!;
	bind($s, sockaddr_un($path)) or die $!;
	listen($s, 64) or die $!;
	open(STDIN, '<&', $s) or die $!;
	exec(@command) or die $!;`;

const dir = temporaryFolder();
let serial = 0;

// root may write anywhere; without its capabilities it is like anybody.
const UNPRIVILEGED =
	process.getuid() === 0 ? ['unshare', '-U', '--'] : [];

const responders = new Set();
afterEach(() => {
	for (const { child } of responders) child.kill('SIGKILL');
});

class Responder {
	output = '';
	code = undefined;

	constructor({ config, env = {}, unprivileged = false }) {
		this.folder = path.join(dir, `r${serial++}`);
		fs.mkdirSync(this.folder);
		this.config = path.join(this.folder, 'belfry.conf');
		fs.writeFileSync(this.config, config);
		this.socket = path.join(this.folder, 'socket');
		const san = `log_path=${path.join(dir, 'sanitizer')}`;
		const command = unprivileged ? [...UNPRIVILEGED, BINARY] : [BINARY];
		this.child = spawn(
			'setpriv',
			['--pdeathsig', 'KILL', 'perl', '-MSocket', '-e', LISTEN]
				.concat(this.socket, command),
			{
				stdio: ['ignore', 'pipe', 'pipe'],
				env: {
					PATH: process.env.PATH,
					BELFRY_CONFIG: this.config,
					ASAN_OPTIONS: san,
					UBSAN_OPTIONS: san,
					TSAN_OPTIONS: san,
					...env,
				},
			},
		);
		this.child.stdout.on('data', (chunk) => (this.output += chunk));
		this.child.stderr.on('data', (chunk) => (this.output += chunk));
		responders.add(this);
		this.exited = new Promise((resolve) =>
			this.child.on('close', (code, signal) => {
				responders.delete(this);
				this.code = code ?? signal;
				resolve(this.code);
			}),
		);
	}

	async exit() {
		return waiting('the responder to exit', () => this.output, (done) => {
			this.exited.then(done);
		});
	}

	// One request on the socket.
	async ask(uri, headers = {}) {
		await poll('the socket', () => this.listening || this.#listens());
		const socket = net.connect(this.socket);
		const parts = [];
		socket.on('error', () => {});
		socket.on('data', (chunk) => parts.push(chunk));
		socket.write(fastcgi.request(fastcgi.params('GET', uri, headers)));
		await waiting('an answer', () => this.output, (done) => {
			socket.on('close', done);
		});
		return fastcgi.parse(Buffer.concat(parts));
	}

	async #listens() {
		this.listening = await new Promise((resolve) => {
			const socket = net.connect(this.socket);
			socket.on('connect', () => resolve(true));
			socket.on('connect', () => socket.destroy());
			socket.on('error', () => resolve(false));
		});
		return this.listening;
	}
}

const good = () => path.join(dir, 'good/belfry.db');
before(async () => {
	await makeDatabase(good());
	await sqlite(good(), 'PRAGMA wal_checkpoint(TRUNCATE);');
});
after(() => {
	assert.deepEqual(sanitizerReports(dir), []);
	fs.rmSync(dir, { recursive: true, force: true });
});

describe('is refused at start', () => {
	// sysexits(3)
	const EX_CONFIG = 78;

	async function assertRefused(options, ...words) {
		const responder = new Responder(options);
		const code = await responder.exit();
		assert.equal(code, EX_CONFIG, responder.output);
		const lines = responder.output.trim().split('\n');
		const errors = lines.filter((line) => / error /.test(line));
		assert.equal(errors.length, 1, `one clear line: ${responder.output}`);
		for (const word of words) assert.match(errors[0], word);
	}

	const base = () => `database = ${good()}\n`;
	const CONFIGURATIONS = {
		'an unknown key': [
			() => ({ config: `# one\n${base()}hartbeat = 30s\n` }),
			/belfry\.conf:3: unknown key/,
			/hartbeat/,
			/did you mean heartbeat/,
		],
		'a bad value': [
			() => ({ config: `${base()}heartbeat = soon\n` }),
			/belfry\.conf:2: heartbeat: expected a duration/,
			/soon/,
		],
		'a number out of range': [
			() => ({ config: `${base()}max_streams = 0\n` }),
			/belfry\.conf:2: max_streams: expected a number/,
		],
		'a line without =': [
			() => ({ config: `${base()}heartbeat\n` }),
			/belfry\.conf:2: expected key = value/,
		],
		'an unknown variable': [
			() => ({ config: base(), env: { BELFRY_HARTBEAT: '30s' } }),
			/unknown key .*BELFRY_HARTBEAT.* in the environment/,
		],
		'a bad value in the environment': [
			() => ({ config: base(), env: { BELFRY_WORKERS: 'many' } }),
			/BELFRY_WORKERS: expected a number/,
			/many/,
		],
		'a session_query that asks for nobody': [
			() => ({ config: `${base()}session_query = SELECT 1\n` }),
			/belfry\.conf:2: session_query: expected a SELECT with :token/,
		],
		'no database': [() => ({ config: '\n' }), /database is not set/],
		'a database in the document root': [
			() => ({ config: base(), env: { DOCUMENT_ROOT: dir } }),
			/outside the document root/,
		],
	};
	for (const [name, [options, ...words]] of Object.entries(CONFIGURATIONS))
		test(name, () => assertRefused(options(), ...words));

	test('a configuration that is not there', async () => {
		await assertRefused(
			{ config: '', env: { BELFRY_CONFIG: path.join(dir, 'none.conf') } },
			/none\.conf: No such file/,
		);
	});

	test('but not a good one', async () => {
		const responder = new Responder({ config: base(), unprivileged: true });
		const answer = await responder.ask(`${BASE}/healthz`);
		assert.equal(answer.status, 200, responder.output);
		responder.child.kill('SIGTERM');
		assert.equal(await responder.exit(), 0, responder.output);
	});
});

// A database may come later, or come back: the responder says what is wrong,
// once, answers 503, and goes on when it is there.
describe('is waited for', () => {
	const errorLines = ({ output }) =>
		output.split('\n').filter((line) => / error database-unusable /.test(line));

	async function assertWaitedFor(file, repair, options, ...words) {
		const responder = new Responder({
			config: `database = ${file}\n`,
			...options,
		});
		const ask = (at, headers) => responder.ask(BASE + at, headers);
		assert.equal((await ask('/healthz')).status, 200, responder.output);
		const cookie = { Cookie: 'belfry_session=bfs_x' };
		for (const at of ['', '/stream', '/unread-count']) {
			const answer = await ask(at, cookie);
			assert.equal(answer.status, 503, `${at} ${responder.output}`);
			assert.match(answer.head, /^Content-Type: application\/problem\+json/im);
			assert.match(answer.head, /^Retry-After: \d+/im);
			assert.equal(JSON.parse(answer.body).status, 503);
			assert.ok(!answer.body.includes(dir), answer.body);
		}
		// Said once, however often it was tried.
		assert.equal(errorLines(responder).length, 1, responder.output);
		for (const word of words) assert.match(errorLines(responder)[0], word);

		await repair();
		await poll('the database to be used', async () => {
			const answer = await ask('', cookie);
			return answer.status === 401;
		});
		await poll('word of it', () => /info database-usable/.test(responder.output));
		responder.child.kill('SIGTERM');
		assert.equal(await responder.exit(), 0, responder.output);
	}

	// A whole one in its place.
	const put = (file) => () => {
		fs.rmSync(file, { force: true, recursive: true });
		fs.copyFileSync(good(), `${file}.new`);
		fs.renameSync(`${file}.new`, file);
	};
	const DATABASES = {
		'a database that is not there': [
			() => {},
			/belfry\.db: no such database/,
			/belfry init/,
		],
		'a file that is no database': [
			(file) => fs.writeFileSync(file, randomBytes(8192)),
			/belfry\.db: file is not a database/,
		],
		'a database cut short': [
			(file) => {
				fs.copyFileSync(good(), file);
				fs.truncateSync(file, 5000);
			},
			/belfry\.db: /,
		],
		'an empty file': [
			(file) => fs.writeFileSync(file, ''),
			/belfry\.db: schema version 0, expected \d+ .*belfry init/,
		],
		"somebody else's database": [
			(file) => sqlite(file, 'PRAGMA journal_mode=WAL; CREATE TABLE t(a);'),
			/belfry\.db: schema version 0, expected/,
		],
		'a database that is not WAL': [
			async (file) => {
				fs.copyFileSync(good(), file);
				await sqlite(file, 'PRAGMA journal_mode=DELETE;');
			},
			/belfry\.db: journal_mode is delete, expected wal/,
		],
		'a folder': [(file) => fs.mkdirSync(file), /belfry\.db: /],
	};
	for (const [name, [make, ...words]] of Object.entries(DATABASES))
		test(name, async () => {
			const folder = fs.mkdtempSync(path.join(dir, 'd'));
			const file = path.join(folder, 'belfry.db');
			await make(file);
			await assertWaitedFor(file, put(file), {}, ...words);
		});

	test('a folder that can only be read', async () => {
		const folder = fs.mkdtempSync(path.join(dir, 'd'));
		const file = path.join(folder, 'belfry.db');
		fs.copyFileSync(good(), file);
		fs.chmodSync(file, 0o444);
		fs.chmodSync(folder, 0o555);
		const repair = () => {
			fs.chmodSync(folder, 0o755);
			fs.chmodSync(file, 0o644);
		};
		await assertWaitedFor(file, repair, { unprivileged: true }, /belfry\.db/);
	});

	test('a session_query that would write signs nobody in or out', async () => {
		const responder = new Responder({
			config:
				`database = ${good()}\n` +
				'session_query = DELETE FROM sessions WHERE id = :token\n',
		});
		const answer = await responder.ask(BASE, { Cookie: 'belfry_session=x' });
		assert.ok(answer.status >= 500, `${answer.status} ${answer.body}`);
		responder.child.kill('SIGTERM');
		assert.equal(await responder.exit(), 0, responder.output);
	});
});

describe('the client of a server that can not start', () => {
	let server;
	before(async () => {
		server = await startServer({ users: ['alice'] });
	});
	// How often lighttpd tries is its own affair.
	after(() => server.stop({ ignoreStarts: true }));

	test('gets a 503, and everything when it is repaired', async () => {
		const stream = await server.openStream({ user: 'alice' });
		await server.sql(insert('alice', 'before'));
		await stream.until((e) => e.data.notification?.title === 'before');
		const { cursor } = stream;
		const config = path.join(server.keep, 'belfry.conf');
		const text = fs.readFileSync(config, 'utf8');
		fs.writeFileSync(config, `${text}hartbeat = 1s\n`);
		await server.killResponder();
		await stream.end();
		const answer = await poll('503', async () => {
			const got = await server
				.request('GET', '', { user: 'alice' })
				.catch(() => null);
			return got?.status === 503 ? got : null;
		});
		assert.equal(answer.status, 503);
		await poll('a line in the log', () =>
			/error .*unknown key .*hartbeat/.test(server.log()),
		);
		await server.sql(insert('alice', 'while it was down'));
		fs.writeFileSync(config, text);
		await server.healthy();
		const back = server.stream({ user: 'alice', lastEventId: cursor });
		const frame = await back.next((e) => e.event === 'notification');
		assert.equal(frame.data.notification.title, 'while it was down');
		back.close();
	});
});

describe('a database that goes away under a running server', () => {
	let server;
	before(async () => {
		server = await startServer({ users: ['alice', 'bob'] });
	});
	after(() => server.stop());

	const FILES = ['', '-wal', '-shm'];
	const move = (from, to) =>
		FILES.filter((suffix) => fs.existsSync(from + suffix)).forEach((suffix) =>
			fs.renameSync(from + suffix, to + suffix),
		);

	test('is a problem for REST, and its streams go on when it is back', async () => {
		const stream = await server.openStream({ user: 'alice' });
		const away = `${server.db}-away`;
		move(server.db, away);
		const list = await poll('503', async () => {
			const got = await server.request('GET', '', { user: 'alice' });
			return got.status === 503 ? got : null;
		});
		assert.match(list.headers['content-type'], /^application\/problem\+json/);
		assert.match(list.headers['retry-after'], /^\d+$/);
		assert.equal(list.json.status, 503);
		// Where the files lie is nobody's business.
		assert.ok(!list.text.includes(path.dirname(server.db)), list.text);
		const made = await server.request('POST', '', {
			user: 'alice',
			body: { userId: 'alice', title: 'lost?' },
		});
		assert.equal(made.status, 503);
		const refused = server.stream({ user: 'bob' });
		const end = await refused.end();
		if (refused.status === 200) assert.equal(end.data.reason, 'refused');
		else assert.equal(refused.status, 503);

		move(away, server.db);
		await server.sql(insert('alice', 'back again'));
		await stream.until((e) => e.data.notification?.title === 'back again');
		assert.equal(stream.events.filter((e) => e.event === 'reset').length, 0);
		await poll('readiness', async () => {
			const got = await server.request('GET', '', { user: 'alice' });
			return got.status === 200;
		});
		stream.close();
	});

	test('is waited for when somebody holds a lock on it', async () => {
		const stream = await server.openStream({ user: 'alice' });
		const lock = server.writer();
		await lock.exec('BEGIN IMMEDIATE;');
		await lock.exec(insert('alice', 'slow transaction'));
		// Reading does not wait for a writer.
		const list = await server.request('GET', '', { user: 'alice' });
		assert.equal(list.status, 200);
		const writing = server.request('POST', '/read-all', { user: 'alice' });
		await lock.exec('COMMIT;');
		assert.equal((await writing).status, 200);
		await stream.until((e) => e.data.notification?.title === 'slow transaction');
		stream.close();
	});
});

describe('bad parameters of a stream', () => {
	let server;
	before(async () => {
		server = await startServer({ users: ['alice'] });
	});
	after(() => server.stop());

	test('are a 400 that names them', async () => {
		for (const [name, value] of [
			['minPriority', 'high'],
			['minPriority', '0'],
			['minPriority', '-1'],
			['minPriority', '257'],
			['minPriority', '99999999999999999999'],
			['poll', 'perhaps'],
		]) {
			const stream = server.stream({ user: 'alice', query: { [name]: value } });
			await stream.end();
			assert.equal(stream.status, 400, `${name}=${value}`);
			assert.match(JSON.parse(stream.body).detail, new RegExp(name));
		}
	});

	test('a huge query is a 414', async () => {
		const stream = server.stream({
			user: 'alice',
			query: { type: 'x'.repeat(5000) },
		});
		await stream.opened;
		await stream.end();
		assert.equal(stream.status, 414);
	});
});
