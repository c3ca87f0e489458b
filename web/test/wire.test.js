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

// Not in the table: Firefox loses an event whose id has one, and elsewhere takes
// it out. Ours have none.
test('wire: NUL is kept, and an id with one is none', async () => {
	const text = 'event: notification\nid: 1\ndata: 1\n\n' +
		'event: notification\nid: 2\0\nid: \0\ndata: 2\n\n';
	assert.deepEqual(await read(new TextEncoder().encode(text), 3), [
		['notification', '1', 1], ['notification', '1', 2],
	]);
	// So it is not JSON; and not the end of the text.
	const more = 'event: notification\nid: 1\ndata: 1\0\n\n' +
		'event: notification\n\0data: 3\ndata: 2\n\n';
	assert.deepEqual(await read(new TextEncoder().encode(more), 3), [
		['notification', '1', undefined], ['notification', '1', 2],
	]);
});

test('wire: only an event stream is one', async () => {
	const bytes = new TextEncoder().encode(
		'event: notification\nid: 1\ndata: 1\n\n',
	);
	for (const [type, is] of [
		['text/event-stream', true],
		['TEXT/Event-Stream', true],
		['text/event-stream;', true],
		['text/event-stream; charset=windows-1252', true],
		['text/event-stream ;x bogus', true],
		['x bogus', false],
		['text/html', false],
		['text/event-streams', false],
		['text/event-stream-x', false],
		['text/x; a=text/event-stream', false],
		['', false],
	])
		assert.equal((await read(bytes, 99, type)).length, +is, type);
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
