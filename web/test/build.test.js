// The kit is built by esbuild (web/build.sh), so that make run needs no npm. The
// TypeScript compiler has to make the same code of it. The same means: printed by
// one printer, which leaves out comments and white space, every byte is equal.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { transformSync } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';

const web = fileURLToPath(new URL('..', import.meta.url));
const dist = path.join(web, 'dist');
const byTsc = fs.mkdtempSync(path.join(os.tmpdir(), 'belfry-kit-'));

const filesIn = (folder, end) => fs.readdirSync(folder, { recursive: true })
	.filter((name) => name.endsWith(end)).sort();
const printed = (folder, name) =>
	transformSync(fs.readFileSync(path.join(folder, name), 'utf8'), {
		format: 'esm', target: 'es2022', minifyWhitespace: true,
	}).code;

beforeAll(() => {
	execFileSync('node_modules/.bin/tsc', [
		'-p', 'tsconfig.build.json', '--emitDeclarationOnly', 'false',
		'--outDir', byTsc,
	], { cwd: web });
});
afterAll(() => fs.rmSync(byTsc, { recursive: true }));

test('build: esbuild and tsc make the same files', () => {
	const files = filesIn(byTsc, '.js');

	expect(files.length).toBeGreaterThan(10);
	expect(filesIn(dist, '.js')).toEqual(files);
});

test('build: esbuild and tsc make the same code', () => {
	for (const name of filesIn(byTsc, '.js'))
		assert.equal(printed(dist, name), printed(byTsc, name), name);
});

test('build: every module has its declarations', () => {
	expect(filesIn(byTsc, '.d.ts')).toEqual(
		filesIn(byTsc, '.js').map((name) => name.replace(/js$/, 'd.ts')));
});
