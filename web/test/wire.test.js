// The table of wire.js by the fetch transport, however the bytes are cut.
// tests/browser/wire.test.mjs has it in browsers, by every transport.

import assert from 'node:assert/strict';

import { afterEach, test, vi } from 'vitest';

import { fetchTransport } from '../src/transport.js';
import { WIRE } from './wire.js';

afterEach(() => vi.unstubAllGlobals());

function read(bytes, size, type = 'text/event-stream') {
	let at = 0;
	const body = new ReadableStream({
		pull(controller) {
			if (at >= bytes.length) return controller.close();
			controller.enqueue(bytes.slice(at, (at += size)));
			return undefined;
		},
	});
	vi.stubGlobal('fetch', async () => new Response(body, {
		headers: { 'Content-Type': type },
	}));
	return new Promise((resolve) => {
		const seen = [];
		fetchTransport('http://host/stream', 'same-origin')(
			{ cursor: '0', epoch: null, poll: false, urgent: null },
			{
				frame: (event, id, data) => seen.push([event, id, data]),
				end: () => resolve(seen),
			},
		);
	});
}

for (const [what, text, expected] of WIRE)
	test(`wire: ${what}`, async () => {
		const bytes = new TextEncoder().encode(text);
		const sizes = bytes.length > 9999 ? [bytes.length, 4093] : [bytes.length, 1, 3];
		for (const size of sizes)
			assert.deepEqual(await read(bytes, size), expected, `${size}`);
	});

test('wire: what is not UTF-8 is replaced, not lost', async () => {
	const bytes = Buffer.from(
		'event: notification\nid: 1\ndata: "a\xff\xc0z"\n\n', 'latin1',
	);
	assert.deepEqual(await read(new Uint8Array(bytes), 1), [
		['notification', '1', 'a\ufffd\ufffdz'],
	]);
});

test('wire: the parser is that of the package', async () => {
	const { readFile } = await import('node:fs/promises');
	const code = (text) => text
		.replace(/^\/\/.*\n/gm, '')
		.trim();
	const [ours, theirs] = await Promise.all(
		['../src/vendor/eventsource-parser.js',
			'../node_modules/eventsource-parser/dist/index.js'].map((file) =>
			readFile(new URL(file, import.meta.url), 'utf8')),
	);
	assert.equal(code(ours), code(theirs));
});
