// Text that could break a stream's frames, and text that is too long for one.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createParser } from 'eventsource-parser';

import { action } from './lib/frames.mjs';
import { startServer } from './lib/harness.mjs';
import { insert } from './lib/writer.mjs';

describe('hostile text', () => {
	let server;
	let db;
	before(async () => {
		server = await startServer({ users: ['alice'] });
		db = server.writer();
	});
	after(() => server.stop());

	const hex = (text) => Buffer.from(text, 'hex');
	// What is stored, and what a client must see.
	const CASES = [
		['a\nb', 'a\nb'],
		['a\rb\r\nc', 'a\rb\r\nc'],
		['\n\nevent: close\ndata: {}\n\n', '\n\nevent: close\ndata: {}\n\n'],
		['data: x\rid: 1\r\r', 'data: x\rid: 1\r\r'],
		[': comment', ': comment'],
		['\u2028\u2029\u0085', '\u2028\u2029\u0085'],
		['\u{feff}mark', '\u{feff}mark'],
		['"\\/\b\f\t\u0001\u001f\u007f', '"\\/\b\f\t\u0001\u001f\u007f'],
		['</script><!--', '</script><!--'],
		['😀 \u{10ffff} ñ', '😀 \u{10ffff} ñ'],
		[hex('610062'), 'a\ufffdb'], // NUL
		[hex('00'), '\ufffd'],
		[hex('61eda08062'), null], // a lone surrogate in UTF-8's shape
		[hex('ff'), '\ufffd'],
		[hex('c328'), null],
		[hex('f09f98'), null], // cut in a character
		[hex('c080'), null], // overlong NUL
		['x'.repeat(60_000), 'x'.repeat(60_000)],
		['é'.repeat(30_000), 'é'.repeat(30_000)],
		['\n'.repeat(60_000), '\n'.repeat(60_000)],
	];

	test('is one event each, for us and for eventsource-parser', async () => {
		const stream = await server.openStream({ user: 'alice', keepRaw: true });
		for (const field of ['title', 'body', 'type', 'link', 'data'])
			for (const [stored] of CASES)
				await db.exec(
					insert('alice', field === 'title' ? stored : 't', {
						...(field === 'title' ? {} : { [field]: stored }),
					}),
				);
		const total = CASES.length * 5;
		await stream.waitFor(() => stream.notifications.length >= total);
		await db.exec(insert('alice', 'last'));
		await stream.until((e) => e.data.notification?.title === 'last');
		assert.equal(stream.notifications.length, total + 1);
		assert.deepEqual(stream.violations, []);

		const decoder = new TextDecoder();
		const parsed = [];
		const parser = createParser({
			onEvent: (event) => parsed.push(event),
			onError: (error) => assert.fail(error),
		});
		for (const chunk of stream.raw)
			parser.feed(decoder.decode(chunk, { stream: true }));
		assert.deepEqual(
			// Each poll has one more; the stream shows the first only.
			parsed
				.filter(({ event }, i) => !i || event !== 'connected')
				.map(({ event, id, data }) => ({ event, id, text: data })),
			stream.events.map(({ event, id, text }) => ({
				event,
				id: id ?? undefined,
				text,
			})),
		);

		const frames = stream.notifications.map((e) => e.data.notification);
		['title', 'body', 'type', 'link', 'data'].forEach((field, group) =>
			CASES.forEach(([stored, expected], i) => {
				const value = frames[group * CASES.length + i][field];
				if (expected !== null) assert.equal(value, expected, field);
				else assert.match(value, /\ufffd/, `${field} of ${stored}`);
			}),
		);
		for (const frame of frames.slice(0, -1)) {
			const rest = await server.request('GET', `/${frame.id}`, {
				user: 'alice',
			});
			assert.deepEqual(rest.json, frame);
		}
		stream.close();
	});

	test('over 256 KiB is cut on the stream and whole over REST', async () => {
		const stream = await server.openStream({ user: 'alice' });
		const body = `${'é\n"'.repeat(100_000)}end`;
		await db.exec(insert('alice', 'long body', { body }));
		await db.exec(insert('alice', 'y'.repeat(400_000)));
		await db.exec(
			insert('alice', 'long data', { data: JSON.stringify({ x: body }) }),
		);
		for (const whole of [{ body }, { title: 'y'.repeat(400_000) }, { data: { x: body } }]) {
			const frame = await stream.next(action('created'));
			const { notification } = frame.data;
			assert.equal(notification.truncated, true);
			assert.ok(Buffer.byteLength(frame.text) < 256 * 1024 + 200, 'frame size');
			const rest = await server.request('GET', `/${notification.id}`, {
				user: 'alice',
			});
			for (const [key, value] of Object.entries(whole))
				assert.deepEqual(rest.json[key], value, key);
			assert.ok(!('truncated' in rest.json));
			// Cut between characters.
			assert.ok(!frame.text.includes('\ufffd'));
		}
		await db.exec(insert('alice', 'short'));
		const frame = await stream.next(action('created'));
		assert.equal(frame.data.notification.truncated, undefined);
		stream.close();
	});
});
