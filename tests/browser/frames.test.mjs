// What browsers make of the stream: Chromium's and Firefox's own EventSource and
// eventsource-parser must see the same events with the same data, whatever the
// rows hold; and a native EventSource without any code around it must survive
// what the server does in band.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';

import { createParser } from 'eventsource-parser';

import { HANG_MS, poll, startServer } from '../integration/lib/harness.mjs';
import { insert } from '../integration/lib/writer.mjs';
import {
	blankPage,
	openChromium,
	openFirefox,
} from './lib/browser.mjs';

const NAMES = ['connected', 'notification', 'heartbeat', 'reset', 'close'];
const LAST = 'the last one';
let browsers;
let server;

before(async () => {
	[server, ...browsers] = await Promise.all([
		startServer(),
		openChromium(),
		openFirefox(),
	]);
});

after(async () => {
	await Promise.all(browsers.map((browser) => browser.close()));
	await server.stop();
});

// In the page: collects the events of a native EventSource as it sees them.
function listenInPage({ url, names }) {
	window.source = new EventSource(url);
	window.seen = [];
	window.errors = [];
	for (const name of [...names, 'message', 'open'])
		window.source.addEventListener(name, (event) =>
			window.seen.push({
				event: name,
				id: event.lastEventId ?? '',
				data: event.data,
			}),
		);
	window.source.addEventListener('error', (event) =>
		window.errors.push(event.data ?? window.source.readyState),
	);
}

const seenInPage = (page) => page.evaluate(() => window.seen);

async function nativeEvents(browser, url, user, isLast) {
	const page = await blankPage(browser, server, user);
	await page.evaluate(listenInPage, { url, names: NAMES });
	await poll(`the last event in ${browser.name}`, async () =>
		(await seenInPage(page)).some(isLast),
	);
	const errors = await page.evaluate(() => {
		window.source.close();
		return window.errors;
	});
	assert.deepEqual(errors, []);
	const events = await seenInPage(page);
	await page.close();
	return events.filter(({ event }) => event !== 'open');
}

// The same by eventsource-parser, fed with the chunks as they come, and the id
// kept from event to event as EventSource does.
async function parsedEvents(url, user, isLast) {
	const cookie = `belfry_session=${await server.session(user)}`;

	return new Promise((resolve, reject) => {
		const events = [];
		let id = '';
		const parser = createParser({
			onEvent(event) {
				id = event.id ?? id;
				events.push({ event: event.event, id, data: event.data });
				if (!isLast(events.at(-1))) return;
				request.destroy();
				resolve(events);
			},
			onComment: () => reject(new Error('a comment')),
			onError: reject,
		});
		const utf8 = new TextDecoder('utf-8', { fatal: true });
		const request = http.get(
			server.origin + url,
			{
				agent: false,
				headers: { Cookie: cookie },
			},
			(response) => {
				response.on('data', (chunk) =>
					parser.feed(utf8.decode(chunk, { stream: true })),
				);
				response.on('error', () => {});
			},
		);
		request.setTimeout(HANG_MS, () => reject(new Error('hung')));
		request.on('error', reject);
	});
}

// Titles that have broken parsers; [bytes, what must come out]; where the second
// is missing it is U+FFFD between the two letters, the number of them being
// the server's choice.
const HOSTILE = [
	'carriage\rreturn',
	'line\nfeed',
	'both\r\n\r\nevent: close\r\ndata: x\r\n\r\n',
	'\n\nid: 1\ndata: {"action":"deleted"}\n\n',
	'\r\rretry: 1\r\r',
	' leading blank and trailing ',
	': like a comment',
	'data:',
	'\u2028line separator\u2029paragraph separator',
	'\ufeffbyte order mark\ufeff',
	'\u0001\u0008\u000b\u000c\u001f\u007f controls',
	'\u0085 next line',
	'"quotes" \\ and \\u0000 and \\n and </script>',
	'\ud83d\ude00 beyond the BMP, \udbff\udfff noncharacter',
	'e\u0301 combining, \u202e override, \u200d joiner',
	'\r'.repeat(1000) + 'x' + '\n'.repeat(1000),
	'6'.repeat(60_000),
	'ä\r\n€😀'.repeat(60_000 / 11),
];
const BROKEN = [
	'00', // NUL
	'0d000a00',
	'eda080', // lone high surrogate
	'edbfbf', // lone low surrogate
	'edbfbfeda080', // a pair the wrong way round
	'eda0bdedb880', // a pair in CESU-8
	'ff',
	'c0af', // overlong
	'e282', // cut short
	'f4908080', // above U+10FFFF
	'80'.repeat(1000),
];

function title(text) {
	return insert('alice', Buffer.isBuffer(text) ? text : Buffer.from(text));
}

test('frames: hostile titles are one event each, alike for all parsers', async () => {
	const [{ head }] = await server.rows(
		'SELECT coalesce(max(id), 0) AS head FROM events',
	);
	const broken = BROKEN.map((hex) =>
		Buffer.concat([Buffer.from('a'), Buffer.from(hex, 'hex'), Buffer.from('z')]),
	);
	const url = `/api/notifications/stream?lastEventId=${head}`;
	const isLast = ({ data }) => data?.includes(LAST);
	const ways = () =>
		Promise.all([
			parsedEvents(url, 'alice', isLast),
			...browsers.map((browser) =>
				nativeEvents(browser, url, 'alice', isLast),
			),
		]);

	// Some see the rows live, some by replay.
	const live = ways();
	live.catch(() => {}); // it is awaited below, by then it may have failed
	for (const text of [...HOSTILE, ...broken]) await server.sql(title(text));
	await server.sql(title(LAST));
	const runs = [...(await live), ...(await ways())];

	const notifications = runs.map((run) =>
		run.filter(({ event }) => event === 'notification'),
	);
	// A frame of its own may tell the count or not: live and replay differ.
	const rest = ({ id, data }) => {
		const { unreadCount, ...value } = JSON.parse(data);
		return { id, value };
	};
	const [reference] = notifications;
	assert.equal(reference.length, HOSTILE.length + BROKEN.length + 1);
	for (const [at, run] of notifications.entries()) {
		assert.equal(run.length, reference.length, `run ${at}`);
		run.forEach((event, i) =>
			assert.deepEqual(rest(event), rest(reference[i]), `run ${at}, ${i}`),
		);
		for (const { event, data } of runs[at]) {
			assert.ok(['connected', 'notification', 'heartbeat'].includes(event));
			assert.ok(!/[\r\n\0]/.test(data), 'one line');
		}
	}
	// Replays are byte for byte the same to every parser.
	for (const run of notifications.slice(4))
		assert.deepEqual(run, notifications[3]);

	const titles = reference.map(({ data }) => JSON.parse(data).notification.title);
	assert.deepEqual(titles.slice(0, HOSTILE.length), HOSTILE);
	assert.equal(titles.at(-1), LAST);
	for (const text of titles.slice(HOSTILE.length, -1)) {
		assert.match(text, /^a[\r\n\ufffd]+z$/);
		assert.ok(text.includes('\ufffd'));
	}
	for (const text of titles) assert.ok(text.isWellFormed?.() ?? true);
});

test('frames: the list says the same titles as the stream', async () => {
	const [{ head }] = await server.rows('SELECT max(id) AS head FROM events');
	const page = await blankPage(browsers[0], server, 'alice');
	const [list, streamed] = await Promise.all([
		page.evaluate(async () => {
			const answer = await fetch('/api/notifications?limit=100');
			const { notifications } = await answer.json();
			return notifications.map((n) => n.title).reverse();
		}),
		parsedEvents(
			'/api/notifications/stream?lastEventId=0',
			'alice',
			({ id }) => id === String(head),
		),
	]);
	assert.deepEqual(
		list,
		streamed
			.filter(({ event }) => event === 'notification')
			.map(({ data }) => JSON.parse(data).notification.title),
	);
	await page.close();
});

test('frames: a reset comes in band and the native stream goes on', async () => {
	await Promise.all(
		browsers.map(async (browser, i) => {
			const user = ['bob', 'carol'][i];
			const page = await blankPage(browser, server, user);
			await page.evaluate(listenInPage, {
				url: '/api/notifications/stream?lastEventId=987654321987',
				names: NAMES,
			});
			const wait = (what) =>
				poll(`${what} in ${browser.name}`, async () =>
					(await seenInPage(page)).find(({ event }) => event === what),
				);
			const reset = await wait('reset');
			const { reason, latest } = JSON.parse(reset.data);
			assert.equal(reason, 'unknown');
			assert.equal(reset.id, latest);
			await server.sql(insert(user, `after the reset, ${user}`));
			const { id, data } = await wait('notification');
			assert.ok(Number(id) > Number(latest));
			assert.equal(
				JSON.parse(data).notification.title,
				`after the reset, ${user}`,
			);
			const names = (await seenInPage(page)).map(({ event }) => event);
			assert.deepEqual(
				names.filter((name) => name !== 'heartbeat'),
				['open', 'connected', 'reset', 'notification'],
			);
			const { resumed } = JSON.parse(
				(await seenInPage(page)).find((e) => e.event === 'connected').data,
			);
			assert.equal(resumed, false);
			assert.deepEqual(await page.evaluate(() => window.errors), []);
			await page.close();
		}),
	);
});

// One stream is the whole machine's here, and somebody else has it.
async function refusedAndShutDown(browser, small) {
	await small.session('alice');
	const first = await small.openStream({ user: 'alice' });
	const page = await blankPage(browser, small, 'bob');
	await page.evaluate(listenInPage, {
		url: '/api/notifications/stream',
		names: NAMES,
	});
	const wait = (what, count = 1) =>
		poll(`${count} ${what} in ${browser.name}`, async () => {
			const found = (await seenInPage(page)).filter(
				({ event }) => event === what,
			);
			return found.length >= count ? found.at(-1) : null;
		});
	const { reason, retryAfterMs } = JSON.parse((await wait('close')).data);
	assert.equal(reason, 'refused');
	assert.ok(retryAfterMs >= 1000);
	first.close();
	await wait('connected');
	await small.sql(insert('bob', 'after the refusal'));
	assert.match((await wait('notification')).data, /after the refusal/);
	// A stop that is announced: the same object comes back by itself.
	await small.killResponder('SIGTERM');
	await small.sql(insert('bob', 'while away'));
	assert.match((await wait('notification', 2)).data, /while away/);
	await page.close();
}

test('frames: a native EventSource survives being refused and shut down', async () => {
	await Promise.all(
		browsers.map(async (browser) => {
			const small = await startServer({ set: { max_streams: 1 } });
			try {
				await refusedAndShutDown(browser, small);
			} finally {
				await small.stop();
			}
		}),
	);
});
