// Starts the real server (scripts/serve: web server, responder, database) for a
// test file, and tells at stop() whether anything went wrong behind the scenes:
// sanitizer reports, responders that died without being told to, processes left
// behind, streams whose frames were not as promised.

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Follower } from './follower.mjs';
import { ask } from './http.mjs';
import {
	alive,
	descendants,
	executable,
	parentOf,
	processesOf,
	run,
	sqlite,
	sqliteRows,
} from './process.mjs';
import { SERVER, WEB_SERVER } from './servers.mjs';
import { Stream } from './sse.mjs';
import { HANG_MS, poll, waiting } from './wait.mjs';
import { Writer, quote } from './writer.mjs';

export { HANG_MS, alive, poll, run, sqlite, sqliteRows };

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
export const BINARY = path.resolve(
	process.env.BELFRY_BIN || path.join(ROOT, 'build/belfry'),
);
export const BASE = '/api/notifications';

// ---- the server ----

class Server {
	kills = 0; // responder starts that the test has caused, beyond the first
	streams = [];
	followers = [];
	writers = [];
	#sessions = new Map();
	#stopped = null;
	#output = '';
	#exit = null;

	constructor(options) {
		Object.assign(this, options);
		this.sanitizerLog = path.join(this.dir, 'sanitizer');
		this.logFile = path.join(this.dir, 'server.log');
	}

	async start() {
		const san = `log_path=${this.sanitizerLog}`;
		const options = {
			ASAN_OPTIONS: `${san}:detect_leaks=1:quarantine_size_mb=16`,
			UBSAN_OPTIONS: `${san}:print_stacktrace=1`,
			TSAN_OPTIONS: `${san}:second_deadlock_stack=1`,
		};
		const env = { ...options, ...this.env };
		const args = ['--server', WEB_SERVER, '--port', '0', '--db', this.db];
		args.push('--bin', BINARY, '--keep', this.keep, '--log', this.logFile);
		// So many fit into a lighttpd without workers, whatever the limit of
		// descriptors: of several, each finds out for itself that a responder is
		// there again, and their parent can miss that one has died.
		args.push('--streams', '4000');
		for (const [key, value] of Object.entries(this.set))
			args.push('--set', `${key}=${value}`);
		for (const [key, value] of Object.entries(env))
			args.push('--env', `${key}=${value}`);
		// It goes when this process goes, however that happens.
		this.child = spawn(
			'setpriv',
			['--pdeathsig', 'TERM', ...this.wrap].concat(
				path.join(ROOT, 'scripts/serve'),
				args,
				this.args,
			),
			{ stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } },
		);
		let wake = () => {};
		const keep = (chunk) => {
			this.#output += chunk;
			wake();
		};
		this.child.stdout.on('data', keep);
		this.child.stderr.on('data', keep);
		this.exited = new Promise((resolve) => {
			this.child.on('close', (code, signal) => {
				this.#exit = { code, signal };
				wake();
				resolve(this.#exit);
			});
		});
		await waiting(
			'scripts/serve to be ready',
			() => `${this.#output}\n${this.log()}`,
			(done, fail) => {
				wake = () => {
					const ready = /^ready (http:\S+?)\/? db=(.*)$/m.exec(this.#output);
					if (ready) {
						this.origin = ready[1];
						this.url = this.origin + BASE;
						done();
					} else if (this.#exit) {
						fail(
							new Error(
								`scripts/serve ended (${JSON.stringify(this.#exit)}): ` +
									`${this.#output}\n${this.log()}`,
							),
						);
					}
				};
				wake();
			},
		);
		return this;
	}

	get output() {
		return this.#output;
	}

	log() {
		try {
			return fs.readFileSync(this.logFile, 'utf8');
		} catch {
			return '';
		}
	}

	logLines(event) {
		return parseLog(this.log()).filter((line) => !event || line.event === event);
	}

	// ---- database ----

	sql(text, options) {
		return sqlite(this.db, text, options);
	}

	rows(text) {
		return sqliteRows(this.db, text);
	}

	writer(options) {
		const writer = new Writer(this.db, options);
		this.writers.push(writer);
		return writer;
	}

	// Sessions as `belfry session create` makes them: only the hash is stored.
	async addSessions(users, { expiresAt = null, scopes = null } = {}) {
		const made = users.map((user) => ({
			user,
			secret: `bfs_${randomBytes(32).toString('base64url')}`,
		}));
		await this.sql(
			['BEGIN IMMEDIATE;']
				.concat(
					made.map(({ user, secret }) =>
						credentialInsert('sessions', user, secret, scopes, expiresAt),
					),
					'COMMIT;',
				)
				.join('\n'),
		);
		for (const { user, secret } of made) this.#sessions.set(user, secret);
		return made.map(({ secret }) => secret);
	}

	async session(user, options) {
		if (!options && this.#sessions.has(user)) return this.#sessions.get(user);
		const [secret] = await this.addSessions([user], options);
		return secret;
	}

	async token(user, scopes = 'read', { expiresAt = null } = {}) {
		const secret = `bft_${randomBytes(32).toString('base64url')}`;
		await this.sql(
			credentialInsert('tokens', user, secret, scopes, expiresAt),
		);
		return secret;
	}

	// The tool, on this database.
	async tool(...args) {
		return run(BINARY, [...args, '--db', this.db], {
			env: {
				...process.env,
				ASAN_OPTIONS: `log_path=${this.sanitizerLog}`,
				UBSAN_OPTIONS: `log_path=${this.sanitizerLog}`,
				TSAN_OPTIONS: `log_path=${this.sanitizerLog}`,
			},
		});
	}

	// ---- requests ----

	headersFor({ user, cookie, token, headers = {} } = {}) {
		const secret = cookie ?? (user ? this.#sessions.get(user) : null);
		if (user && !secret) throw new Error(`no session for ${user}`);
		return {
			...(secret ? { Cookie: `belfry_session=${secret}` } : {}),
			...(token ? { Authorization: `Bearer ${token}` } : {}),
			...headers,
		};
	}

	// One REST request: {status, headers, text, json}.
	request(method, at, { body, ...who } = {}) {
		const payload = body === undefined ? null : JSON.stringify(body);
		const headers = {
			...(payload ? { 'Content-Type': 'application/json' } : {}),
			...(payload ? { 'Content-Length': Buffer.byteLength(payload) } : {}),
			...(method === 'GET' ? {} : { 'Sec-Fetch-Site': 'same-origin' }),
			...this.headersFor(who),
		};
		return ask(this.url + at, { method, headers }, payload);
	}

	// A stream of one user; `query` is an object.
	stream({ query, lastEventId, keepRaw, method, ...who } = {}) {
		const url = new URL(`${this.url}/stream`);
		for (const [key, value] of Object.entries(query ?? {}))
			url.searchParams.set(key, value);
		const headers = this.headersFor(who);
		if (lastEventId !== undefined && lastEventId !== null)
			headers['Last-Event-ID'] = String(lastEventId);
		const slices = SERVER.holdsBack && !query?.poll && !query?.ticket;
		const stream = new Stream(url, { headers, keepRaw, method, slices });
		this.streams.push(stream);
		return stream;
	}

	// A stream that is open, seen by its `connected`.
	async openStream(options) {
		const stream = this.stream(options);
		await stream.connected();
		return stream;
	}

	// So many are open, as the tool counts them: of polls, those that wait.
	async waitForStreams(count) {
		await poll(`${count} streams`, async () => {
			const { stdout } = await this.tool('stats', '--json');
			return JSON.parse(stdout).totalConnections === count;
		});
	}

	// A client that reconnects; the cursor goes by header and query in turn.
	follow({ cursor = null, query, ...who } = {}) {
		let turn = 0;
		const follower = new Follower(
			(at) =>
				turn++ % 2 || at === null
					? this.stream({ ...who, query, lastEventId: at })
					: this.stream({ ...who, query: { ...query, lastEventId: at } }),
			{ cursor },
		);
		this.followers.push(follower);
		return follower;
	}

	// ---- processes ----

	get pids() {
		return descendants(this.child.pid);
	}

	// Of a CGI web server: one for each request that is under way.
	get responders() {
		const binary = process.env.BELFRY_TEST_EXE || fs.realpathSync(BINARY);
		return this.pids.filter((pid) => executable(pid) === binary);
	}

	// The responder that is running; requests one until it is there.  One that
	// has not said so in the log would not be counted if it were killed now.
	async responderPid() {
		return poll('a responder', async () => {
			const [pid, ...more] = this.responders;
			if (pid && !more.length)
				return this.log().includes(` start pid=${pid} `) && pid;
			// lighttpd starts the next one when a request asks for it
			await this.request('GET', '/healthz').catch(() => {});
			return null;
		}, () => `there are: ${this.responders}; the log:\n${this.log()}`);
	}

	// kill -9; lighttpd starts another one.
	async killResponder() {
		const pid = await this.responderPid();
		process.kill(pid, 'SIGKILL');
		this.kills++;
		await poll('the responder to be gone', () => !alive(pid));
		return pid;
	}

	// Runs something while no responder runs and none is started: lighttpd, which
	// would, sleeps.
	async whileDown(action) {
		const responder = await this.responderPid();
		const webServer = parentOf(responder);
		process.kill(webServer, 'SIGSTOP');
		try {
			process.kill(responder, 'SIGKILL');
			this.kills++;
			await poll('the responder to be gone', () => !alive(responder));
			await action();
		} finally {
			process.kill(webServer, 'SIGCONT');
		}
		await this.healthy();
	}

	// scripts/serve restarts lighttpd on SIGHUP; the responder goes with it.
	async restartWebServer() {
		const before = await this.responderPid();
		this.kills++;
		this.child.kill('SIGHUP');
		await poll('the old responder to be gone', () => !alive(before));
		await this.healthy();
	}

	async healthy() {
		let last;
		await poll(
			'healthz',
			async () => {
				last = await this.request('GET', '/healthz').catch((error) => error);
				return last.status === 200;
			},
			() =>
				`it says: ${last.status ?? last.message}; there are: ` +
				`${this.responders}; the log:\n` +
				this.log().split('\n').slice(-40).join('\n'),
		);
	}

	// Counts by what rows were found, as the responder tells on SIGUSR1.
	async rowsFound() {
		const pid = await this.responderPid();
		const before = this.logLines('rows-found').length;
		process.kill(pid, 'SIGUSR1');
		const line = await poll('rows-found in the log', () =>
			this.logLines('rows-found').at(before),
		);
		return Object.fromEntries(
			Object.entries(line.fields).map(([key, value]) => [key, Number(value)]),
		);
	}

	// Path of the responder's FastCGI socket.
	async socketPath() {
		const pid = await this.responderPid();
		const inode = /\d+/.exec(fs.readlinkSync(`/proc/${pid}/fd/0`))[0];
		const line = fs
			.readFileSync('/proc/net/unix', 'utf8')
			.split('\n')
			.find((entry) => entry.split(/\s+/)[6] === inode && entry.includes('/'));
		return line.split(/\s+/)[7];
	}

	// ---- the end ----

	// Stops everything and asserts that nothing went wrong; idempotent.
	async stop(options = {}) {
		this.#stopped ??= this.#stop(options);
		return this.#stopped;
	}

	async #stop({ kills = this.kills, ignoreStarts = !SERVER.oneProcess } = {}) {
		const wrong = [];
		const attempt = async (what, action) => {
			try {
				await action();
			} catch (error) {
				wrong.push(`${what}: ${error.message}`);
			}
		};
		for (const follower of this.followers)
			await attempt('follower', () => follower.stop());
		for (const stream of this.streams) stream.close();
		for (const stream of this.streams)
			await attempt('stream', () => stream.check());
		for (const writer of this.writers)
			await attempt('writer', () => writer.close());
		// A responder that died and was not started again would not be seen.
		if (!this.#exit && !ignoreStarts)
			await attempt('responder at the end', () => this.responderPid());
		this.child.kill('SIGTERM');
		await attempt('scripts/serve to end', () =>
			waiting('scripts/serve to end', () => this.#output, (done) => {
				this.exited.then(done);
			}),
		);
		if (this.#exit?.code !== 0)
			wrong.push(`scripts/serve: ${JSON.stringify(this.#exit)} ${this.#output}`);
		const left = processesOf(this.dir);
		if (left.length) wrong.push(`left behind: ${left.join('; ')}`);
		const starts = this.logLines('start').length;
		if (!ignoreStarts && starts !== kills + 1)
			wrong.push(`responder starts: ${starts}, planned: ${kills + 1}`);
		wrong.push(...sanitizerReports(this.dir));
		if (fs.existsSync(this.db) && this.checkDatabase)
			await attempt('integrity', async () => {
				const answer = await this.sql('PRAGMA quick_check;');
				if (answer !== 'ok\n') throw new Error(answer);
			});
		if (wrong.length) {
			const log = this.log().split('\n').slice(-40).join('\n');
			throw new Error(
				`after the tests, in ${this.dir}:\n${wrong.join('\n')}\n${log}`,
			);
		}
		if (!process.env.BELFRY_TEST_KEEP)
			fs.rmSync(this.dir, { recursive: true, force: true });
	}
}

function credentialInsert(table, user, secret, scopes, expiresAt) {
	const hash = createHash('sha256').update(secret).digest('hex');
	const row = { secret_sha256: hash, user_id: user, created_at: Date.now() };
	if (scopes) row.scopes = scopes;
	if (expiresAt !== null) row.expires_at = expiresAt;
	return (
		`INSERT INTO ${table}(${Object.keys(row).join(', ')}) ` +
		`VALUES (${Object.values(row).map(quote).join(', ')});`
	);
}

// Log lines, "TIME LEVEL EVENT key=value …", taken apart.
export function parseLog(text) {
	const lines = [];
	for (const line of text.split('\n')) {
		const match =
			/(\d{4}-\d\d-\d\dT[\d:.]+Z) (error|warn|info|debug) (\S+)(?: (.*))?$/.exec(
				line,
			);
		if (!match) continue;
		const fields = {};
		for (const [, key, quoted, plain] of (match[4] ?? '').matchAll(
			/(\w+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g,
		))
			fields[key] = quoted ?? plain;
		lines.push({ level: match[2], event: match[3], fields, line });
	}
	return lines;
}

export function sanitizerReports(dir) {
	return fs
		.readdirSync(dir)
		.filter((name) => name.startsWith('sanitizer'))
		.map((name) => fs.readFileSync(path.join(dir, name), 'utf8'))
		.filter((text) => text.trim())
		.map((text) => `sanitizer: ${text.slice(0, 6000)}`);
}

export function temporaryFolder() {
	return fs.mkdtempSync(path.join(os.tmpdir(), 'belfry-test-'));
}

export async function makeDatabase(db) {
	fs.mkdirSync(path.dirname(db), { recursive: true });
	const made = await run(BINARY, ['init', '--db', db]);
	if (made.code !== 0) throw new Error(`belfry init: ${made.stderr}`);
}

// set: configuration keys.  env, args: for scripts/serve; wrap: a command before
// it.  db: a database of the caller's; else a fresh one.  users: get a session each.
export async function startServer({
	set = {},
	env = {},
	args = [],
	wrap = [],
	db,
	users = [],
	dir = temporaryFolder(),
	checkDatabase = true,
} = {}) {
	const server = new Server({
		// In slices, who waits for what does not come waits for a heartbeat.
		set: {
			rate_limit: 'off',
			...(SERVER.holdsBack ? { heartbeat: '1s' } : {}),
			...set,
		},
		env,
		args,
		wrap,
		dir,
		keep: path.join(dir, 'keep'),
		db: db ?? path.join(dir, 'data/belfry.db'),
		checkDatabase,
	});
	fs.mkdirSync(server.keep, { recursive: true });
	if (!fs.existsSync(server.db) && db === undefined)
		await makeDatabase(server.db);
	if (users.length) await server.addSessions(users);
	return server.start();
}
