// The tests of the tool: running a command, what it exits with, folders of their own.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after } from 'node:test';

import { BINARY, run, temporaryFolder } from './harness.mjs';

// Of sysexits(3).
export const USAGE = 64;
export const DATAERR = 65;
export const NOINPUT = 66;
export const CANTCREAT = 73;
export const IOERR = 74;
export const CONFIG = 78;

export const dir = temporaryFolder();
after(() => fs.rmSync(dir, { recursive: true }));

export const env = Object.fromEntries(
	Object.entries(process.env).filter(([name]) => !name.startsWith('BELFRY_')),
);

let folders = 0;
export function folder() {
	const made = path.join(dir, String(++folders));
	fs.mkdirSync(made, { mode: 0o755 });
	return made;
}

// Results go to standard output and nothing else does; what is wrong is one line.
export async function belfry(args, { cwd = dir, code = 0, more = {} } = {}) {
	const result = await run(BINARY, args, { cwd, env: { ...env, ...more } });
	const said = `belfry ${args.join(' ')}: ${result.code} ${result.stderr}`;
	assert.equal(result.signal, null, said);
	assert.equal(result.code, code, said);
	if (code === 0) assert.equal(result.stderr, '', said);
	else assert.match(result.stderr, /^belfry[^\n]*: [^\n]+\n$/);
	return code === 0 ? result.stdout : result.stderr;
}

export async function refused(code, message, args, options) {
	assert.match(await belfry(args, { ...options, code }), message);
}

export async function database(args = []) {
	const db = path.join(folder(), 'belfry.db');
	assert.equal(await belfry(['init', '--db', db, ...args]), `${db}\n`);
	return db;
}
