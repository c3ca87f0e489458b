// Several responders on one database without a web server, each on a socket of
// its own, so that a test says which one gets a request.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

import * as fastcgi from './fastcgi.mjs';
import {
	BINARY,
	HANG_MS,
	makeDatabase,
	parseLog,
	poll,
	run,
	sanitizerReports,
	sqlite,
	temporaryFolder,
} from './harness.mjs';
import { FrameParser } from './sse.mjs';
import { waiting } from './wait.mjs';
import { Writer } from './writer.mjs';

// As mod_fcgid does: listens on a socket named PID.N, which is descriptor 0 of the
// program that it becomes.
const FCGID = `
use Socket; use POSIX ();
my ($file, @command) = @ARGV;
socket(my $listen, AF_UNIX, SOCK_STREAM, 0);
bind($listen, pack_sockaddr_un($file)) && listen($listen, 64) or die $!;
POSIX::dup2(fileno($listen), 0);
exec @command;`;

const STDOUT = 6;
const BASE = '/api/notifications';

// One stream; its frames, and whatever was not as promised.
class FcgiStream {
	events = [];
	ended = false;
	violations = [];
	#bytes = Buffer.alloc(0);
	#head = '';
	#last = -1n;
	#waiters = new Set();

	constructor(socketPath, uri, headers) {
		this.parser = new FrameParser({
			onFrame: (frame) => this.#frame(frame),
			onViolation: (what) => this.violations.push(what),
		});
		this.socket = net.connect(socketPath);
		this.socket.on('data', (chunk) => this.#data(chunk));
		this.socket.on('error', () => {});
		this.socket.on('close', () => {
			this.ended = true;
			this.#tell();
		});
		this.socket.write(fastcgi.request(fastcgi.params('GET', uri, headers)));
	}

	#data(chunk) {
		this.#bytes = Buffer.concat([this.#bytes, chunk]);
		while (this.#bytes.length >= 8) {
			const size = this.#bytes.readUInt16BE(4);
			const whole = 8 + size + this.#bytes[6];
			if (this.#bytes.length < whole) break;
			if (this.#bytes[1] === STDOUT && size)
				this.#output(this.#bytes.subarray(8, 8 + size));
			this.#bytes = this.#bytes.subarray(whole);
		}
		this.#tell();
	}

	#output(bytes) {
		if (this.#head.endsWith('\r\n\r\n')) {
			this.parser.push(bytes);
			return;
		}
		const text = this.#head + bytes.toString('latin1');
		const end = text.indexOf('\r\n\r\n');
		if (end < 0) {
			this.#head = text;
			return;
		}
		const before = this.#head.length;
		this.#head = text.slice(0, end + 4);
		this.status = Number(/^Status: (\d+)/m.exec(this.#head)?.[1]);
		this.parser.push(bytes.subarray(end + 4 - before));
	}

	#frame(frame) {
		this.events.push({ ...frame, at: performance.now() });
		if (frame.event === 'reset') this.#last = -1n;
		if (frame.event !== 'notification') return;
		if (BigInt(frame.id) <= this.#last)
			this.violations.push(`id ${frame.id} after ${this.#last}`);
		this.#last = BigInt(frame.id);
	}

	#tell() {
		for (const waiter of [...this.#waiters]) waiter();
	}

	async waitFor(condition, what = condition) {
		await waiting(
			String(what),
			() => JSON.stringify(this.events.slice(-5)),
			(done) => {
				const check = () => {
					if (!condition()) return;
					this.#waiters.delete(check);
					done();
				};
				this.#waiters.add(check);
				check();
			},
		);
	}

	async until(accept) {
		await this.waitFor(() => this.events.some(accept));
		return this.events.find(accept);
	}

	titles() {
		return this.events
			.filter((event) => event.data?.action === 'created')
			.map((event) => event.data.notification.title);
	}

	async end() {
		await this.waitFor(() => this.ended, 'the end of the stream');
		return this.events.at(-1);
	}

	close() {
		this.socket.destroy();
	}
}

class Process {
	output = '';
	over = false;

	constructor(group, number) {
		this.socketPath = path.join(group.dir, `${process.pid}.${number}`);
		const command =
			group.kind === 'fcgid'
				? ['perl', '-e', FCGID, this.socketPath, BINARY]
				: [BINARY, 'serve', '--listen', `unix:${this.socketPath}`];
		this.child = spawn(
			'setpriv',
			['--pdeathsig', 'KILL', ...command],
			{ stdio: ['ignore', 'ignore', 'pipe'], env: group.env },
		);
		this.child.stderr.on('data', (chunk) => (this.output += chunk));
		this.exited = new Promise((resolve) =>
			this.child.on('close', (code, signal) => {
				this.over = true;
				resolve(code ?? signal);
			}),
		);
	}

	get pid() {
		return this.child.pid;
	}

	log(event) {
		return parseLog(this.output).filter((line) => line.event === event);
	}

	async ready() {
		await poll('the responder to start', () => {
			if (this.over) throw new Error(this.output);
			return this.log('start').length > 0;
		});
		return this;
	}

	kill(signal) {
		process.kill(this.pid, signal);
	}

	// kill -9, and it is gone.
	async murder() {
		this.kill('SIGKILL');
		await this.exited;
	}

	// By what its rows were found.
	async rowsFound() {
		const before = this.log('rows-found').length;
		this.kill('SIGUSR1');
		const line = await poll('rows-found in the log', () =>
			this.log('rows-found').at(before),
		);
		return Object.fromEntries(
			Object.entries(line.fields).map(([key, value]) => [key, Number(value)]),
		);
	}

	// Does it have an inotify watch?
	get watches() {
		const folder = `/proc/${this.pid}/fd`;
		return fs.readdirSync(folder).some((fd) => {
			try {
				return fs.readlinkSync(path.join(folder, fd)) === 'anon_inode:inotify';
			} catch {
				return false;
			}
		});
	}
}

export class Group {
	processes = [];
	streams = [];
	writers = [];
	#sessions = new Map();

	constructor(dir, set, kind) {
		this.dir = dir;
		this.kind = kind;
		this.db = path.join(dir, 'data/belfry.db');
		this.shared = `${this.db}-belfry.d`;
		const log = `log_path=${path.join(dir, 'sanitizer')}`;
		this.env = {
			PATH: process.env.PATH,
			BELFRY_DATABASE: this.db,
			BELFRY_RATE_LIMIT: 'off',
			BELFRY_STREAM_MODE: 'stream',
			ASAN_OPTIONS: log,
			UBSAN_OPTIONS: log,
			TSAN_OPTIONS: log,
		};
		for (const [key, value] of Object.entries(set))
			this.env[`BELFRY_${key.toUpperCase()}`] = String(value);
	}

	async add() {
		const made = new Process(this, this.processes.length);
		this.processes.push(made);
		return made.ready();
	}

	get alive() {
		return this.processes.filter((one) => !one.over);
	}

	get watcher() {
		return this.alive.find((one) => one.watches);
	}

	writer() {
		const writer = new Writer(this.db);
		this.writers.push(writer);
		return writer;
	}

	sql(text) {
		return sqlite(this.db, text);
	}

	sqlOn(file, text) {
		return sqlite(file, text);
	}

	async tool(...args) {
		const done = await run(BINARY, [...args, '--db', this.db], { env: this.env });
		if (done.code !== 0) throw new Error(done.stderr);
		return done.stdout.trim();
	}

	async session(user) {
		if (!this.#sessions.has(user))
			this.#sessions.set(
				user,
				await this.tool('session', 'create', '--user', user),
			);
		return this.#sessions.get(user);
	}

	// A stream in that process, however it begins.
	async stream(one, user, query = '') {
		const cookie = `belfry_session=${await this.session(user)}`;
		const stream = new FcgiStream(one.socketPath, `${BASE}/stream${query}`, {
			cookie,
			accept: 'text/event-stream',
		});
		this.streams.push(stream);
		await stream.waitFor(() => stream.events.length > 0 || stream.ended);
		return stream;
	}

	// One that is open.
	async open(one, user, query) {
		const stream = await this.stream(one, user, query);
		if (stream.events[0]?.event !== 'connected')
			throw new Error(JSON.stringify(stream.events));
		return stream;
	}

	// GET of one process, by a token.
	async get(one, at, token) {
		const socket = net.connect(one.socketPath);
		const parts = [];
		socket.on('error', () => {});
		socket.on('data', (chunk) => parts.push(chunk));
		socket.write(
			fastcgi.request(
				fastcgi.params('GET', `${BASE}${at}`, { authorization: `Bearer ${token}` }),
			),
		);
		await waiting('an answer', () => one.output, (done) => {
			socket.on('close', done);
		});
		const answer = fastcgi.parse(Buffer.concat(parts));
		return { ...answer, json: JSON.parse(answer.body) };
	}

	async stop() {
		const wrong = this.streams.flatMap((stream) => stream.violations);
		for (const stream of this.streams) stream.close();
		for (const writer of this.writers) await writer.close();
		for (const one of this.alive) one.kill('SIGTERM');
		for (const one of this.processes) {
			const code = await one.exited;
			if (code !== 0 && code !== 'SIGKILL')
				wrong.push(`a responder ended with ${code}: ${one.output}`);
		}
		wrong.push(...sanitizerReports(this.dir));
		if (wrong.length) throw new Error(`in ${this.dir}: ${wrong.join('\n')}`);
		fs.rmSync(this.dir, { recursive: true, force: true });
	}
}

// What `action` does with so many responders.  kind: 'serve', or 'fcgid' for
// such as mod_fcgid starts.
export async function withGroup(count, set, action, kind = 'serve') {
	const group = new Group(temporaryFolder(), set, kind);
	await makeDatabase(group.db);
	let failed = true;
	try {
		for (let i = 0; i < count; i++) await group.add();
		await action(group);
		failed = false;
	} finally {
		if (failed)
			for (const one of group.alive) {
				one.kill('SIGCONT');
				one.kill('SIGKILL');
			}
		await group.stop().catch((error) => {
			if (!failed) throw error;
		});
	}
}

export { HANG_MS };
