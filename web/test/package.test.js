// What the package promises to have is there.

import assert from 'node:assert/strict';
import fs from 'node:fs';

import { test } from 'vitest';

const root = new URL('../', import.meta.url);
const { exports: entries, sideEffects, ...rest } = JSON.parse(
	fs.readFileSync(new URL('package.json', root), 'utf8'),
);
const source = (built) =>
	new URL(built.replace('./dist/', 'src/').replace(/(\.d)?\.[jt]s$/, '.ts'), root);

test('package: every entry has a source', () => {
	for (const [name, { types, default: file } = {}] of Object.entries(entries)) {
		if (name === './package.json') continue;
		assert.ok(fs.existsSync(source(types)), name);
		assert.ok(fs.existsSync(source(file)), name);
	}
});

test('package: what runs by being imported is named', () => {
	for (const file of sideEffects) assert.ok(fs.existsSync(source(file)), file);
});

test('package: it depends on nothing, and every peer is optional', () => {
	assert.equal(rest.dependencies, undefined);
	assert.deepEqual(
		Object.keys(rest.peerDependenciesMeta).sort(),
		Object.keys(rest.peerDependencies).sort(),
	);
});

test('package: the lockfile names no registry', () => {
	const lock = fs.readFileSync(new URL('package-lock.json', root), 'utf8');
	assert.ok(!lock.includes('"resolved"'));
});
