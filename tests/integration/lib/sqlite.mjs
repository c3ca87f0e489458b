// Databases of ours for tests that need nothing but the sqlite3 command-line
// shell: made from the texts in sql/, as a person would.  SQLITE3 in the
// environment names another shell (an old one, say).

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const SHELL = process.env.SQLITE3 || 'sqlite3';
const NULL = '<null>';
const SQL = fileURLToPath(new URL('../../../sql', import.meta.url));

export function migrations() {
	const dir = path.join(SQL, 'migrations');
	return fs
		.readdirSync(dir)
		.filter((name) => name.endsWith('.sql'))
		.sort()
		.map((name) => ({
			name,
			text: fs.readFileSync(path.join(dir, name), 'utf8'),
		}));
}

// The blocks of sql/queries/*.sql: name -> text.
export function queries() {
	const dir = path.join(SQL, 'queries');
	const found = new Map();
	for (const file of fs.readdirSync(dir).sort()) {
		if (!file.endsWith('.sql')) continue;
		const text = fs.readFileSync(path.join(dir, file), 'utf8');
		for (const block of text.split(/^-- name: /m).slice(1)) {
			const end = block.indexOf('\n');
			found.set(
				block.slice(0, end).trim(),
				block.slice(end).replace(/^\s*--.*$/gm, '').trim(),
			);
		}
	}
	return found;
}

// Puts values in the place of a query's parameters.
export function bound(query, values) {
	return query.replace(/:([a-z_]+)/g, (whole, name) => {
		const value = values[name];
		assert.notEqual(value, undefined, `${whole} has no value`);
		if (value === null) return 'NULL';
		return typeof value === 'string'
			? `'${value.replaceAll("'", "''")}'`
			: String(value);
	});
}

// Runs the shell to its end.  Nothing is thrown for what SQLite refuses:
// `errors` has the messages.
export function shell(file, input, args = []) {
	return new Promise((resolve, reject) => {
		const child = spawn(SHELL, ['-batch', ...args, file]);
		let stdout = '';
		let stderr = '';
		child.stdout.setEncoding('utf8').on('data', (s) => (stdout += s));
		child.stderr.setEncoding('utf8').on('data', (s) => (stderr += s));
		child.on('error', reject);
		child.stdin.on('error', () => {});
		child.stdin.end(input);
		child.on('close', (code) =>
			resolve({ code, stdout, errors: messages(stderr) }),
		);
	});
}

// "Runtime error near line 3: no (19)" and, of older ones, "Error: near line 3:
// no".  Lines that show the place in the statement are left out.
function messages(stderr) {
	return stderr
		.split('\n')
		.filter((line) => /error/i.test(line))
		.map((line) =>
			line
				.replace(/^.*?near line \d+: /, '')
				.replace(/ \(\d+\)$/, ''),
		);
}

// Rows of a query as arrays of text; NULL is null.
export function rows(stdout) {
	return stdout
		.split('\x1e')
		.slice(0, -1)
		.map((line) =>
			line.split('\x1f').map((v) => (v === NULL ? null : v)),
		);
}

export class Workshop {
	dir = fs.mkdtempSync(path.join(os.tmpdir(), 'belfry-sql-'));
	count = 0;
	templates = new Map();

	close() {
		fs.rmSync(this.dir, { recursive: true, force: true });
	}

	file() {
		return path.join(this.dir, `${++this.count}.db`);
	}

	// All migrations, as `cat sql/migrations/*.sql | sqlite3 FILE` would.
	async install(file = this.file()) {
		const text = migrations().map((m) => m.text);
		const result = await shell(file, text.join(''));
		assert.deepEqual(result.errors, []);
		assert.equal(result.code, 0);
		return file;
	}

	// A fresh database on which `setup` was run.
	async database(setup = '') {
		if (!this.templates.has(setup))
			this.templates.set(setup, this.template(setup));
		const template = await this.templates.get(setup);
		const file = this.file();
		fs.copyFileSync(template, file);
		return file;
	}

	async template(setup) {
		const file = await this.install();
		const result = await shell(file, setup, ['-bail']);
		assert.deepEqual(result.errors, [], `setup: ${setup}`);
		// The last connection has put the -wal into it.
		assert.ok(!fs.existsSync(`${file}-wal`));
		return file;
	}
}

// Prints what a query finds in the form that rows() reads.
export function asRows(query) {
	return `.mode ascii\n.nullvalue ${NULL}\n${query};\n`;
}

// Runs a statement; returns the events it wrote, its errors, and what a further
// query says then.
export async function written(file, statement, { recursive, check } = {}) {
	const result = await shell(
		file,
		[
			`PRAGMA recursive_triggers = ${recursive ? 'ON' : 'OFF'};`,
			'CREATE TEMP TABLE start AS SELECT coalesce(max(id), 0) AS id FROM main.events;',
			'.output /dev/null',
			statement.replace(/;?\s*$/, ';'),
			'.output',
			asRows(`SELECT user_id || ' ' || action || ' ' || notification_id
				FROM main.events WHERE id > (SELECT id FROM start) ORDER BY id`),
			"SELECT '--';",
			asRows(`SELECT kind FROM main.scratch
				WHERE (kind = 'tidying' OR kind LIKE 'update %')
				AND (id IS NOT NULL OR user_id IS NOT NULL)`),
			"SELECT '--';",
			check ? asRows(check) : '',
		].join('\n'),
	);
	const parts = [[]];
	for (const row of rows(result.stdout)) {
		if (row.length === 1 && row[0] === '--') parts.push([]);
		else parts.at(-1).push(row);
	}
	const [events, leftOver, found] = parts;
	assert.deepEqual(leftOver, [], 'a trigger left a note behind');
	return {
		events: events.map((row) => row[0]),
		errors: result.errors,
		found,
	};
}
