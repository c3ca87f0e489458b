// A long-lived writer: one sqlite3 CLI process that is fed statements and
// answers each when it is done.  The server must notice what it commits.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';

import { waiting } from './wait.mjs';

const FAILED = /^(Runtime error|Parse error|Error)\b.*$/m;

export class Writer {
	#child;
	#out = '';
	#queue = [];
	#mark = `done-${randomBytes(8).toString('hex')}`;
	#number = 0;

	constructor(db, { synchronous = 'NORMAL', env = {} } = {}) {
		// One pipe for both, so that an error comes before its mark.
		this.#child = spawn('sh', ['-c', 'exec sqlite3 -batch "$1" 2>&1', 'sh', db], {
			stdio: ['pipe', 'pipe', 'inherit'],
			env: { ...process.env, ...env },
		});
		this.#child.stdout.setEncoding('utf8');
		this.#child.stdout.on('data', (text) => this.#data(text));
		this.#child.stdin.on('error', () => {});
		this.exited = new Promise((resolve) => {
			this.#child.on('close', (code, signal) => {
				for (const { reject } of this.#queue.splice(0))
					reject(new Error(`sqlite3 ended: ${code ?? signal} ${this.#out}`));
				resolve(code ?? signal);
			});
		});
		this.ready = this.exec(
			`.timeout 60000\n.mode json\nPRAGMA synchronous=${synchronous};`,
		);
		this.ready.catch(() => {});
	}

	#data(text) {
		this.#out += text;
		while (this.#queue.length) {
			const { mark, resolve, reject } = this.#queue[0];
			const at = this.#out.indexOf(mark);
			if (at < 0) return;
			const result = this.#out.slice(0, at);
			this.#out = this.#out.slice(at + mark.length);
			this.#queue.shift();
			const failed = FAILED.exec(result);
			if (failed) reject(new Error(failed[0]));
			else resolve(result);
		}
	}

	// Runs statements (or dot commands); resolves with what they printed.
	exec(sql) {
		const mark = `${this.#mark}-${this.#number++}.\n`;
		return waiting(
			`sqlite3: ${sql.slice(0, 200)}`,
			() => this.#out.slice(-500),
			(resolve, reject) => {
				this.#queue.push({ mark, resolve, reject });
				this.#child.stdin.write(`${sql}\n.print ${mark}`);
			},
		);
	}

	// Rows of one SELECT, as objects.
	async rows(sql) {
		const text = await this.exec(sql);
		return text.trim() ? JSON.parse(text) : [];
	}

	get pid() {
		return this.#child.pid;
	}

	async close() {
		this.#child.stdin.end();
		return this.exited;
	}

	kill() {
		this.#child.kill('SIGKILL');
	}
}

// A text as an SQL literal; text that a literal can't hold goes as bytes.
export function quote(text) {
	if (text === null || text === undefined) return 'NULL';
	if (typeof text === 'number' || typeof text === 'bigint') return String(text);
	if (Buffer.isBuffer(text))
		return `CAST(x'${text.toString('hex')}' AS TEXT)`;
	// The CLI reads line by line: what could confuse it goes as bytes too.
	if (/[\0\r\n]/.test(text)) return quote(Buffer.from(text));
	return `'${text.replaceAll("'", "''")}'`;
}

// `more` holds further columns.
export function insert(user, title, more = {}) {
	return insertAll([{ user_id: user, title, ...more }]);
}

// Many rows, all with the columns of the first, in one statement: to prepare an
// INSERT with its triggers takes longer than to run it.
export function insertAll(rows) {
	const names = Object.keys(rows[0]);
	const values = rows.map(
		(row) => `(${names.map((name) => quote(row[name])).join(', ')})`,
	);
	return (
		`INSERT INTO notifications(${names.join(', ')}) VALUES\n` +
		`${values.join(',\n')};`
	);
}
