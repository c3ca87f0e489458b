// How much a page has to load, minified and gzipped. What is loaded later (the
// connection with the first subscriber, the parser only where there is no
// EventSource) has limits of its own.

import { gzipSync } from 'node:zlib';

import { build } from 'esbuild';
import { expect, test } from 'vitest';

const KB = 1024;
const LATER = ['./engine.js', './fetch-stream.js'];
const PEERS = [
	'react', 'vue', '@tanstack/*', '@reduxjs/toolkit', 'zustand/vanilla',
	'pinia',
];

async function size(file, external) {
	const { outputFiles } = await build({
		entryPoints: [new URL(`../src/${file}.ts`, import.meta.url).pathname],
		bundle: true,
		write: false,
		minify: true,
		format: 'esm',
		target: 'es2022',
		external: [...external, ...LATER],
		logLevel: 'error',
	});
	return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

const ADAPTERS = [
	'react', 'vue', 'react-query', 'vue-query', 'redux', 'zustand', 'pinia',
];

test.each([
	['index', 3.5, []],
	...ADAPTERS.map((name) => [name, 1.2, [...PEERS, './index.js']]),
	['bell', 6, ['./index.js']],
	['engine', 6.5, []],
	['fetch-stream', 2, []],
	['shared-worker', 4, []],
	['service-worker', 1.5, []],
	['desktop', 1.2, ['./index.js']],
])('size: %s is at most %d kB', async (name, limit, external) => {
	expect(await size(name, [...external].filter((e) => e !== `./${name}.js`)))
		.toBeLessThanOrEqual(limit * KB);
});
