// What all fault tests share: a server with hundreds of streams on it, writers
// that go on writing whatever happens, and the question at the end.

import fs from 'node:fs';
import path from 'node:path';

import { ROOT, alive, poll, startServer } from '../../integration/lib/harness.mjs';
import { executable, parentOf } from '../../integration/lib/process.mjs';
import { Writer, quote } from '../../integration/lib/writer.mjs';
import { Reader } from './reader.mjs';
import { Witness } from './witness.mjs';

export const LONG = process.env.FAULTS === 'long';
const STREAMS = LONG ? 1000 : 200;
const LANES = LONG ? 4 : 2;
const STREAMS_PER_USER = 4;
const TABLE = path.join(ROOT, 'build/faults/table.jsonl');

export const below = (n) => Math.floor(Math.random() * n);
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// All processes of the web server: lighttpd has workers where one process may not
// open enough descriptors, and it is they who have the streams.
export async function webServer(server) {
	const program = executable(parentOf(await server.responderPid()));
	return server.pids.filter((pid) => executable(pid) === program);
}

// Writes steadily, mostly new rows; goes on after errors, with a new process
// after the end of the old one.
class Pen {
	written = 0;
	refused = 0;
	kills = 0;
	lastError = '';
	#number = 0;
	#stopped = false;
	#db;

	constructor(db, users, { pauseMs = 2, options = {}, batch = 1 } = {}) {
		Object.assign(this, { path: db, users, pauseMs, options, batch });
		this.done = this.#run();
	}

	#statement() {
		const user = quote(this.users[below(this.users.length)]);
		const recent = `(SELECT max(id) FROM notifications WHERE user_id = ${user})`;
		const kind = below(100);
		if (kind < 60 || kind >= 90) {
			const to = kind >= 95 ? "'*'" : user;
			const title = quote(`row ${this.#number++}`);
			return `INSERT INTO notifications(user_id, title) VALUES (${to}, ${title});`;
		}
		if (kind < 75)
			return `UPDATE notifications SET read_at = ${Date.now()} WHERE id = ${recent};`;
		if (kind < 85)
			return `UPDATE notifications SET title = title || '+' WHERE id = ${recent};`;
		return `DELETE FROM notifications WHERE id = ${recent};`;
	}

	#text() {
		const lines = Array.from({ length: this.batch }, () => this.#statement());
		return this.batch > 1
			? `BEGIN IMMEDIATE;\n${lines.join('\n')}\nCOMMIT;`
			: lines[0];
	}

	async #run() {
		while (!this.#stopped) {
			this.#db ??= new Writer(this.path, this.options);
			try {
				await this.#db.exec(this.#text());
				this.written += this.batch;
			} catch (error) {
				this.refused++;
				this.lastError = error.message;
				const old = this.#db;
				this.#db = null;
				await old.close();
				await pause(20);
			}
			await pause(this.pauseMs);
		}
		await this.#db?.close();
	}

	// kill -9, at whatever it is doing.
	kill() {
		if (!this.#db) return;
		this.#db.kill();
		this.kills++;
	}

	async stop() {
		this.#stopped = true;
		await this.done;
	}
}

class Scene {
	others = []; // further servers on the same database, and their witnesses
	rounds = 0;
	killed = 0;
	pens = [];
	writers = [];

	async begin({ streams = STREAMS, set = {}, ...options }) {
		const users = Array.from(
			{ length: Math.ceil(streams / STREAMS_PER_USER) },
			(_, i) => `u${i}`,
		);
		this.users = users;
		this.set = set;
		this.server = await startServer({ users, set: this.set, ...options });
		const secrets = await Promise.all(users.map((u) => this.server.session(u)));
		this.clients = Array.from({ length: streams }, (_, i) => ({
			user: users[i % users.length],
			secret: secrets[i % users.length],
		}));
		this.witness = new Witness(this.server, this.clients);
		this.readers = users.slice(0, 3).map((u) => new Reader(this.server, u));
		await Promise.all(this.readers.map((reader) => reader.start()));
		await this.witness.open();
	}

	// One more web server and responder on the same database, with as many
	// streams of the same users.
	async beginOther() {
		const server = await startServer({ db: this.server.db, set: this.set });
		const witness = new Witness(server, this.clients);
		this.others.push({ server, witness });
		await witness.open();
	}

	write(options) {
		const pen = new Pen(this.server.db, this.users, options);
		this.pens.push(pen);
		return pen;
	}

	get written() {
		return this.pens.reduce((n, pen) => n + pen.written, 0);
	}

	// Until so many more rows are in.
	async writes(rows) {
		const goal = this.written + rows;
		await poll(
			`${rows} rows to be written (${this.pens.map((p) => p.lastError)})`,
			() => this.written >= goal,
		);
	}

	// One row more, until it has been told: what is there now is not what was.
	async told() {
		const title = `told ${below(1e9)}`;
		await this.server.sql(`INSERT INTO notifications(user_id, title) VALUES ('*', '${title}');`);
		await poll(`"${title}" to be shown`, () =>
			this.readers[0].model.rows().some((row) => row.title === title),
		);
	}

	// For what a test writes itself; closed also when it fails.
	writer() {
		const writer = new Writer(this.server.db);
		this.writers.push(writer);
		return writer;
	}

	async stopWriting() {
		await Promise.all(this.pens.map((pen) => pen.stop()));
	}

	// A copy of the journal as it is, which is about to be replaced.
	async copy() {
		const file = path.join(this.server.dir, `copy-${below(1e9)}.db`);
		await this.server.sql(`.backup ${file}\n`);
		return file;
	}

	async killResponder() {
		const pid = this.server.responders.at(below(this.server.responders.length));
		if (!pid) return;
		process.kill(pid, 'SIGKILL');
		this.killed++;
		await poll('the responder to be gone', () => !alive(pid));
	}

	// kill -9; scripts/serve starts it again because of the SIGHUP.  It is
	// stopped before, so that it hears nothing of the SIGTERM that this leads to.
	async killWebServer() {
		const responder = await this.server.responderPid();
		const pids = await webServer(this.server);
		for (const pid of pids) process.kill(pid, 'SIGSTOP');
		this.server.child.kill('SIGHUP');
		if (below(2)) process.kill(responder, 'SIGKILL');
		for (const pid of pids) process.kill(pid, 'SIGKILL');
		this.killed++;
		await poll('the web server to be gone', () => !pids.some(alive));
		await this.server.healthy();
	}

	// The question.  expect: as Witness.check.
	async end(name, { ignoreStarts = false, ...expect } = {}) {
		await this.stopWriting();
		const seen = await this.witness.check(expect);
		for (const { witness, server } of this.others) {
			const more = await witness.check(expect);
			for (const key of Object.keys(seen))
				if (typeof seen[key] === 'number') seen[key] += more[key];
			await witness.close();
			await server.stop({ ignoreStarts });
		}
		await Promise.all(this.readers.map((reader) => reader.check()));
		await this.witness.close();
		await this.server.stop({ ignoreStarts });
		const row = {
			fault: name,
			rounds: this.rounds,
			kills: this.killed + this.pens.reduce((n, pen) => n + pen.kills, 0),
			rows: this.written,
			refusedWrites: this.pens.reduce((n, pen) => n + pen.refused, 0),
			streams: seen.streams,
			connections: seen.connections,
			resets: seen.resets,
			events: seen.events,
			lost: seen.lost + seen.strange,
			doubled: seen.doubled,
			disordered: seen.disordered,
		};
		fs.appendFileSync(TABLE, `${JSON.stringify(row)}\n`);
		console.log(JSON.stringify(row));
		return seen;
	}

	// After a test that failed.
	async drop() {
		this.witness?.child.kill('SIGKILL');
		for (const writer of this.writers) writer.kill();
		await this.stopWriting().catch(() => {});
		for (const { witness, server } of this.others) {
			witness.child.kill('SIGKILL');
			await server.stop({ ignoreStarts: true }).catch(() => {});
		}
		await this.server?.stop({ ignoreStarts: true }).catch(() => {});
	}
}

// Runs act(scene) on a server with streams, and always cleans up.
export async function fault(name, options, act, expect) {
	const scene = new Scene();
	try {
		await scene.begin(options);
		await act(scene);
		return await scene.end(name, expect);
	} catch (error) {
		await scene.drop();
		throw error;
	}
}

// The same in several places at once, each with its share of rounds and streams:
// what takes long in a round is that a web server waits before it starts the
// responder again.  act(scene, rounds), for the rounds of one lane.
export async function faultInLanes(name, rounds, act, expect) {
	const each = Math.ceil(rounds / LANES);
	await Promise.all(
		Array.from({ length: LANES }, (_, lane) =>
			fault(
				name,
				{ streams: STREAMS / LANES },
				(scene) => act(scene, Math.min(each, rounds - lane * each)),
				expect,
			),
		),
	);
}
