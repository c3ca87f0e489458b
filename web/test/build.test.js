// The kit is built by esbuild (web/build.sh), so that nobody needs npm to try Belfry.  TypeScript's
// own compiler has to come to the same code, but for white space and comments.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { transformSync } from 'esbuild';
import { afterAll, test } from 'vitest';

const web = fileURLToPath(new URL('..', import.meta.url));
const out = fs.mkdtempSync(path.join(os.tmpdir(), 'belfry-kit-'));
afterAll(() => fs.rmSync(out, { recursive: true }));

const modules = (folder, end) =>
	fs.readdirSync(folder).filter((name) => name.endsWith(end))
		.map((name) => name.slice(0, -end.length)).sort();
const code = (file) =>
	transformSync(fs.readFileSync(file, 'utf8'), {
		format: 'esm', target: 'es2022', minifyWhitespace: true,
	}).code;

test('build: esbuild and TypeScript make the same modules', () => {
	execFileSync('node_modules/.bin/tsc', [
		'-p', 'tsconfig.build.json', '--outDir', out,
		'--emitDeclarationOnly', 'false', '--declaration', 'false',
	], { cwd: web });
	const sources = modules(path.join(web, 'src'), '.ts');

	assert.deepEqual(modules(path.join(web, 'dist'), '.js'), sources);
	assert.deepEqual(modules(out, '.js'), sources);
	for (const name of sources)
		assert.equal(code(path.join(web, 'dist', `${name}.js`)), code(path.join(out, `${name}.js`)), name);
});
