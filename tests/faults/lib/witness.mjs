// Hundreds of streams that write down what they are told, in a process of their
// own (tests/faults/witness), and the question that every fault test ends with:
// is it exactly what the journal holds?

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';

import { BASE, HANG_MS, ROOT } from '../../integration/lib/harness.mjs';
import { waiting } from '../../integration/lib/wait.mjs';

const PROGRAM = path.join(ROOT, 'build/faults/witness');

export class Witness {
	#answers = [];
	#errors = '';
	#wake = () => {};

	// readers: [{user, secret}], a stream each.
	constructor(server, readers) {
		const secrets = path.join(server.dir, 'witness');
		fs.writeFileSync(
			secrets,
			readers.map(({ user, secret }) => `${user} ${secret}\n`).join(''),
		);
		const { hostname, port } = new URL(server.origin);
		this.child = spawn(
			'setpriv',
			['--pdeathsig', 'KILL', PROGRAM, hostname, port, `${BASE}/stream`].concat(
				server.db,
				secrets,
				String(HANG_MS / 4),
			),
			{ stdio: ['pipe', 'pipe', 'pipe'] },
		);
		this.child.stdin.on('error', () => {});
		this.child.stderr.on('data', (text) => (this.#errors += text));
		readline.createInterface(this.child.stdout).on('line', (line) => {
			this.#answers.push(JSON.parse(line));
			this.#wake();
		});
		this.exited = new Promise((resolve) => {
			this.child.on('close', (code, signal) => {
				this.ended = `witness ended: ${code ?? signal}`;
				this.#wake();
				resolve(code ?? signal);
			});
		});
	}

	async #ask(question) {
		this.child.stdin.write(`${question}\n`);
		return waiting(`witness: ${question}`, () => this.#errors, (done, fail) => {
			this.#wake = () => {
				if (this.#answers.length) done(this.#answers.shift());
				else if (this.ended) fail(new Error(`${this.ended} ${this.#errors}`));
			};
			this.#wake();
		});
	}

	async open() {
		const now = await this.#ask('open');
		assert.equal(now.connected, now.streams, JSON.stringify(now));
	}

	// A copy of a journal that will be replaced: what streams were told of it
	// has to be the beginning of it.
	was(copy) {
		this.child.stdin.write(`old ${copy}\n`);
	}

	// All hang up and come back with their cursors.
	cut() {
		this.child.stdin.write('cut\n');
	}

	// resets: how many each stream may have been given, at least and at most.
	async check({ resets = [0, 0] } = {}) {
		const now = await this.#ask('check');
		const text = JSON.stringify(now);
		for (const fault of ['lost', 'strange', 'doubled', 'disordered'])
			assert.equal(now[fault], 0, `${fault}: ${text}`);
		assert.equal(now.malformed, 0, text);
		assert.equal(now.behind, 0, text);
		assert.ok(now.events > 0, text);
		const [least, most] = resets;
		assert.ok(now.resets >= least * now.streams, `resets: ${text}`);
		assert.ok(now.resets <= most * now.streams, `resets: ${text}`);
		return now;
	}

	async close() {
		this.child.stdin.end();
		assert.equal(await this.exited, 0, this.#errors);
	}
}
