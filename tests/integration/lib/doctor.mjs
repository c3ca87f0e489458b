// `belfry doctor`, and the web server behind which it looks.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { BINARY, ROOT, run, sqliteRows, temporaryFolder } from './harness.mjs';
import { waiting } from './wait.mjs';

export const CONFIG = 78; // of sysexits(3): a check failed
export const QUICKLY = ['--set', 'heartbeat=3s'];

const env = Object.fromEntries(
	Object.entries(process.env).filter(([name]) => !name.startsWith('BELFRY_')),
);

// What it said: {code, checks: {name: {result, detail, changes}}, text}.
export async function doctor(args, more = {}) {
	return readDoctor(
		await run(BINARY, ['doctor', '--json', ...args], { env: { ...env, ...more } }),
	);
}

// The same of a run elsewhere.
export function readDoctor(result) {
	const checks = {};
	let last = null;
	for (const line of result.stdout.split('\n').filter(Boolean)) {
		const said = JSON.parse(line);
		if (said.check) {
			last = { ...said, changes: [] };
			checks[said.check] = last;
		} else {
			last.changes.push(said.run ?? `${said.file}: ${said.line}`);
		}
	}
	return {
		code: result.code,
		stderr: result.stderr,
		checks,
		text: `${result.code} ${result.stdout}${result.stderr}`,
	};
}

// In the group of who serves: when root runs scripts/serve, some web servers are
// www-data.
async function databaseFor(folder) {
	const db = path.join(folder, 'belfry.db');
	const group = process.getuid() === 0 ? (await run('id', ['-g', 'www-data'])).stdout : '';
	fs.mkdirSync(folder);
	if (group) fs.chownSync(folder, 0, Number(group));
	fs.chmodSync(folder, 0o2770);
	const made = await run(BINARY, ['init', '--db', db], { env });
	if (made.code !== 0) throw new Error(made.stderr);
	return db;
}

// scripts/serve with the project's own configurations, in which `edit` has
// changed something: (text) => text, of the file.
export async function serveEdited(server, { file, edit, args = [] } = {}) {
	const dir = temporaryFolder();
	for (const name of ['scripts', 'apache'])
		fs.cpSync(path.join(ROOT, name), path.join(dir, name), { recursive: true });
	for (const name of fs.readdirSync(ROOT))
		if (name.endsWith('.conf'))
			fs.copyFileSync(path.join(ROOT, name), path.join(dir, name));
	if (file) {
		const at = path.join(dir, file);
		const before = fs.readFileSync(at, 'utf8');
		const after = edit(before);
		if (after === before) throw new Error(`${file}: nothing to change`);
		fs.writeFileSync(at, after);
	}
	const db = await databaseFor(path.join(dir, 'db'));
	const child = spawn(
		'setpriv',
		['--pdeathsig', 'TERM', path.join(dir, 'scripts/serve'), '--server', server]
			.concat(['--port', '0', '--bin', BINARY, '--db', db, ...args]),
		{ stdio: ['ignore', 'pipe', 'pipe'], env },
	);
	let output = '';
	const exited = new Promise((resolve) =>
		child.on('close', (code, signal) => resolve({ code, signal })),
	);
	const ready = await waiting(`${server} to be ready`, () => output, (done, fail) => {
		const take = (chunk) => {
			output += chunk;
			const found = /^ready (https?:\S+) db=(.*)$/m.exec(output);
			if (found) done({ url: found[1], db: found[2] });
		};
		child.stdout.on('data', take);
		child.stderr.on('data', take);
		exited.then(() => fail(new Error(`${server} ended: ${output}`)));
	});
	return {
		...ready,
		async stop() {
			child.kill('SIGTERM');
			const { code } = await exited;
			fs.rmSync(dir, { recursive: true, force: true });
			if (code !== 0) throw new Error(`scripts/serve: ${code} ${output}`);
		},
	};
}

// Runs it against `server`; what it made is gone afterwards.
export async function examine(server, { args = [], serve = [], ...edit }) {
	const site = await serveEdited(server, { ...edit, args: [...QUICKLY, ...serve] });
	try {
		const found = await doctor([site.url, '--db', site.db, ...args]);
		assert.deepEqual(
			await sqliteRows(
				site.db,
				'SELECT user_id FROM tokens UNION ALL SELECT user_id FROM tickets ' +
					'UNION ALL SELECT user_id FROM notifications;',
			),
			[],
		);
		return found;
	} finally {
		await site.stop();
	}
}

// What comes after `check` is left out, and `lines` are among what it names.
export function names(found, check, detail, ...lines) {
	assert.equal(found.code, CONFIG, found.text);
	assert.equal(found.checks[check]?.result, 'fail', found.text);
	assert.match(found.checks[check].detail, detail);
	for (const line of lines)
		assert.ok(found.checks[check].changes.includes(line), `${line}\n${found.text}`);
}

// On a busy machine an event may take more than a second: then the tool warns.
export function arrived(found) {
	assert.match(found.checks.event?.detail ?? '', /^arrives \d+ ms after its commit$/, found.text);
	assert.notEqual(found.checks.event.result, 'fail');
}
