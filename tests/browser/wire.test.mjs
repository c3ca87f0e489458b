// The wire cases of the kit in browsers, by native EventSource and by fetch; and
// frames and lists of the real server against the kit's types.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { ROOT, run } from '../integration/lib/harness.mjs';
import { insert } from '../integration/lib/writer.mjs';
import { WIRE } from '../../web/test/wire.js';
import { openBoth, startKit } from './lib/kit.mjs';

let browsers;
let pages; // the kit's files, and the cases by their number
let polls; // how many cases were asked for as slices

before(async () => {
	pages = http.createServer(({ url }, answer) => {
		const { pathname, searchParams } = new URL(url, 'http://host/');
		const file = path.join(ROOT, 'web/dist', pathname);
		const [, at] = /^\/case\/(\d+)$/.exec(pathname) ?? [];
		const type = at ? 'text/event-stream'
			: pathname.endsWith('.js') ? 'text/javascript' : 'text/html';
		if (searchParams.has('poll')) polls++;
		answer.writeHead(200, { 'Content-Type': type });
		answer.end(at ? WIRE[at][1] : type === 'text/html' ? '' :
			fs.readFileSync(file));
	});
	await new Promise((resolve) => pages.listen(0, '127.0.0.1', resolve));
	browsers = await openBoth();
});

after(async () => {
	await Promise.all((browsers ?? []).map((browser) => browser.close()));
	pages.closeAllConnections();
	pages.close();
});

// In the page: what the kit's transport makes of each case.
async function readAll([transport, poll, count]) {
	const kit = await import('/transport.js');
	const all = [];

	for (let i = 0; i < count; i++)
		all.push(await new Promise((resolve) => {
			const seen = [];
			const url = `${location.origin}/case/${i}`;
			const open = transport === 'native'
				? kit.nativeTransport(url, false)
				: kit.fetchTransport(url, 'same-origin');
			open({ cursor: '0', epoch: null, poll, urgent: null }, {
				frame: (event, id, data) => seen.push([event, id, data ?? null]),
				end: () => resolve(seen),
			});
		}));
	return all;
}

for (const [transport, sliced] of [
	['native', false], ['fetch', false], ['native', true], ['fetch', true],
])
	test(`wire: every case by ${transport}${sliced ? ', polling' : ''}`, () =>
		Promise.all(browsers.map(async (browser) => {
			const profile = await browser.profile();
			const page = await profile.newPage();
			await page.goto(`http://127.0.0.1:${pages.address().port}/`);
			polls = 0;
			const all = await page.evaluate(
				readAll, [transport, sliced, WIRE.length],
			);
			assert.equal(polls > 0, sliced);
			WIRE.forEach(([what, , expected], i) =>
				assert.deepEqual(
					all[i],
					expected.map(([event, id, data]) => [event, id, data ?? null]),
					`${what} in ${browser.name}`,
				));
			await profile.close();
		})));

// What a real server says, as literals that the compiler holds against the
// types: it finds a member that is missing, of another type, or not known.
test('wire: frames and lists of the server are of the types', async () => {
	const server = await startKit({ set: { heartbeat: '1s' } });
	const file = path.join(ROOT, 'web/test', `recorded-${process.pid}.ts`);
	try {
		const stream = server.stream({ user: 'alice', lastEventId: '0' });
		await stream.connected();
		await server.sql(`
			${insert('alice', 'one', { body: 'b', link: '/x' })}
			${insert('alice', 'two')}
			${insert('*', 'three')}
			UPDATE notifications SET title = 'ONE', data = '{"a":[1]}'
			WHERE title = 'one';
			UPDATE notifications SET read_at = 1 WHERE title = 'two';
			UPDATE notifications SET read_at = 0 WHERE title = 'two';
			INSERT INTO read_marks(user_id, read_through) VALUES ('alice', 2);
			DELETE FROM notifications WHERE title = 'two';
			${insert('alice', 'long', { body: 'x'.repeat(300_000) })}`);
		await stream.until(
			({ event, data }) =>
				event === 'notification' && data.notification?.title === 'long',
		);
		await stream.until(({ event }) => event === 'heartbeat');
		const lost = server.stream({ user: 'alice', lastEventId: '999999' });
		await lost.until(({ event }) => event === 'reset');
		await server.sql("DELETE FROM sessions WHERE user_id = 'alice';");
		await lost.until(({ event }) => event === 'close');
		const frames = [...stream.events, ...lost.events].map(
			({ event, id, data }) => ({ event, id: id ?? '', data }));
		const actions = new Set(frames.map(({ data }) => data.action));
		for (const action of ['created', 'updated', 'read', 'unread', 'deleted',
			'all-read'])
			assert.ok(actions.has(action), action);
		const { json: page } = await server.request('GET', '?limit=1', {
			user: 'bob',
		});
		const { json: count } = await server.request('GET', '/unread-count', {
			user: 'bob',
		});
		const literal = (value) =>
			JSON.stringify(value).replaceAll('x'.repeat(1000), '');
		fs.writeFileSync(file, [
			"import type { Count, Frame, Page } from '../src/index.js';",
			...frames.map((frame, i) =>
				`export const frame${i}: Frame = ${literal(frame)};`),
			`export const page: Page = ${literal(page)};`,
			`export const count: Count = ${literal(count)};`,
		].join('\n'));
		const tsc = path.join(ROOT, 'web/node_modules/.bin/tsc');
		const config = path.join(ROOT, 'web/tsconfig.json');
		const { code, stdout } = await run(tsc, ['-p', config]);
		assert.equal(code, 0, stdout);
	} finally {
		fs.rmSync(file, { force: true });
		await server.stop();
	}
});
