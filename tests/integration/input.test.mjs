// Bad beginnings: a configuration or a database that can't be used.  One clear
// line says what was expected, the exit code says that it failed, the client gets
// a 503, and once it is repaired nothing is lost.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

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
			'perl',
			['-MSocket', '-e', LISTEN, this.socket, ...command],
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
		this.exited = new Promise((resolve) =>
			this.child.on('close', (code, signal) => {
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
}

const good = () => path.join(dir, 'good/belfry.db');
before(() => makeDatabase(good()));
after(() => {
	assert.deepEqual(sanitizerReports(dir), []);
	fs.rmSync(dir, { recursive: true, force: true });
});

function copyOf(name) {
	const file = path.join(dir, `${name}/belfry.db`);
	fs.mkdirSync(path.dirname(file));
	fs.copyFileSync(good(), file);
	return file;
}

describe('is refused at start', () => {
	// sysexits(3)
	const [NOINPUT, DATAERR, CANTCREAT, NOPERM, CONFIG] = [66, 65, 73, 77, 78];
	const ANY_DATABASE = [NOINPUT, DATAERR, CANTCREAT, NOPERM, CONFIG];

	async function assertRefused(options, codes, ...words) {
		const responder = new Responder(options);
		const code = await responder.exit();
		assert.ok(codes.includes(code), `code ${code}: ${responder.output}`);
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
		'a session_query that writes': [
			() => ({
				config: `${base()}session_query = DELETE FROM s WHERE t = :token\n`,
			}),
			/session_query/,
			/expected/,
		],
		'no database': [() => ({ config: '\n' }), /database is not set/],
		'a database in the document root': [
			() => ({ config: base(), env: { DOCUMENT_ROOT: dir } }),
			/outside the document root/,
		],
	};
	for (const [name, [options, ...words]] of Object.entries(CONFIGURATIONS))
		test(name, () => assertRefused(options(), [CONFIG], ...words));

	test('a configuration that is not there', async () => {
		await assertRefused(
			{ config: '', env: { BELFRY_CONFIG: path.join(dir, 'none.conf') } },
			[CONFIG],
			/none\.conf: No such file/,
		);
	});

	const DATABASES = {
		'a database that is not there': [
			() => path.join(dir, 'nowhere.db'),
			/nowhere\.db/,
		],
		'a file that is no database': [
			() => {
				const file = path.join(dir, 'noise/belfry.db');
				fs.mkdirSync(path.dirname(file));
				fs.writeFileSync(file, randomBytes(8192));
				return file;
			},
			/not a database/,
		],
		'a database cut short': [
			() => {
				const file = copyOf('short');
				fs.truncateSync(file, 5000);
				return file;
			},
			/belfry\.db/,
		],
		'an empty file': [
			() => {
				const file = path.join(dir, 'empty/belfry.db');
				fs.mkdirSync(path.dirname(file));
				fs.writeFileSync(file, '');
				return file;
			},
			/belfry init/,
		],
		"somebody else's database": [
			async () => {
				const file = path.join(dir, 'other/belfry.db');
				fs.mkdirSync(path.dirname(file));
				await sqlite(file, 'PRAGMA journal_mode=WAL; CREATE TABLE t(a);');
				return file;
			},
			/belfry\.db/,
		],
		'a database that is not WAL': [
			async () => {
				const file = copyOf('rollback');
				await sqlite(file, 'PRAGMA journal_mode=DELETE;');
				return file;
			},
			/WAL/,
		],
		'a folder': [
			() => {
				fs.mkdirSync(path.join(dir, 'folder.db'));
				return path.join(dir, 'folder.db');
			},
			/folder\.db/,
		],
	};
	for (const [name, [make, ...words]] of Object.entries(DATABASES))
		test(name, async () => {
			const file = await make();
			await assertRefused(
				{ config: `database = ${file}\n` },
				ANY_DATABASE,
				...words,
			);
		});

	test('a folder that can only be read', async () => {
		const file = copyOf('readonly');
		fs.chmodSync(file, 0o444);
		fs.chmodSync(path.dirname(file), 0o555);
		try {
			await assertRefused(
				{ config: `database = ${file}\n`, unprivileged: true },
				ANY_DATABASE,
				/belfry\.db/,
			);
		} finally {
			fs.chmodSync(path.dirname(file), 0o755);
		}
	});

	test('but starts with a good one', async () => {
		const responder = new Responder({ config: base(), unprivileged: true });
		const answer = await responder.ask(`${BASE}/healthz`);
		assert.equal(answer.status, 200, responder.output);
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

	test('are a 400 with what was expected', async () => {
		for (const query of [
			{ minPriority: 'high' },
			{ minPriority: '-1' },
			{ minPriority: '99999999999999999999' },
			{ minPriority: '257' },
			{ poll: 'perhaps' },
		]) {
			const stream = server.stream({ user: 'alice', query });
			await stream.opened;
			if (stream.status === 200) {
				// or taken for what it says
				await server.sql(insert('alice', 'p5', { priority: 5 }));
				assert.ok(query.minPriority, JSON.stringify(query));
				stream.close();
				continue;
			}
			await stream.end();
			assert.equal(stream.status, 400, JSON.stringify(query));
			const problem = JSON.parse(stream.body);
			assert.match(problem.detail, /expected/);
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
