// What every web server must do for Belfry, and what some can't, asserted both
// ways: see lib/servers.mjs and docs/servers.md.  BELFRY_TEST_SERVER names the
// one that is tested.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import {
	BASE,
	BINARY,
	ROOT,
	alive,
	poll,
	run,
	sqlite,
	startServer,
	temporaryFolder,
} from './lib/harness.mjs';
import { Rest } from './lib/rest.mjs';
import { SERVER, WEB_SERVER } from './lib/servers.mjs';
import { insert } from './lib/writer.mjs';

const titled = (title) => (event) => event.data.notification?.title === title;
const closes = (server) => server.logLines('stream-close').length;

// Each stream has had a word from its responder: all processes are known.
async function respondersOf(server, count) {
	return poll(`${count} responders`, () => {
		const pids = server.responders;
		const idle = SERVER.keepsProcesses ? pids.length - count : 0;
		return pids.length === count + Math.max(0, idle) && pids;
	});
}

describe(WEB_SERVER, () => {
	let server;
	before(async () => {
		server = await startServer({
			users: ['alice', 'bob', 'carol', 'dave'],
			// Nothing is written that the test does not write.
			set: { heartbeat: '10m', max_streams_per_user: 3 },
		});
	});
	after(() => server.stop());

	test('a row goes out at once, alone in its response', async () => {
		const stream = await server.openStream({ user: 'alice' });
		for (const title of ['one', 'two', 'three']) {
			await server.sql(insert('alice', title));
			await stream.until(titled(title));
		}
		stream.close();
	});

	test('a cursor, by header and by query; a bad one is a reset', async () => {
		const { head } = (await server.rows('SELECT max(id) AS head FROM events;'))[0];
		await server.sql(insert('alice', 'missed'));
		for (const how of [
			{ lastEventId: head },
			{ query: { lastEventId: String(head) } },
		]) {
			const stream = await server.openStream({ user: 'alice', ...how });
			await stream.until(titled('missed'));
			stream.close();
		}
		const future = await server.openStream({ user: 'alice', lastEventId: '999999' });
		await future.until((event) => event.event === 'reset');
		assert.equal(future.status, 200);
		future.close();
	});

	test('Authorization arrives', async () => {
		const token = await server.token('alice', 'read');
		const answer = await server.request('GET', '/unread-count', { token });
		assert.equal(answer.status, 200);
		const stream = await server.openStream({ token });
		stream.close();
	});

	test('every method, status and header', async () => {
		const rest = await Rest.start(server);
		const { id } = await rest.send('alice', 'x');
		const got = await server.request('GET', `/${id}`, { user: 'alice' });
		const head = await server.request('HEAD', `/${id}`, { user: 'alice' });
		assert.equal(head.headers['content-length'], String(got.text.length));
		assert.equal(head.text, '');
		const read = await server.request('POST', `/${id}/read`, { user: 'alice' });
		assert.equal(read.status, 204);
		const gone = await server.request('DELETE', `/${id}`, { user: 'alice' });
		assert.equal(gone.status, 204);
		const none = await server.request('GET', `/${id}`, { user: 'alice' });
		assert.equal(none.status, 404);
		assert.equal(none.json.status, 404);
		const wrong = await server.request('PUT', '', { user: 'alice', body: {} });
		assert.equal(wrong.status, 405);
		assert.match(wrong.headers.allow, /GET/);
	});

	test('a word in the query is no command of the tool', async () => {
		for (const query of ['?init', '?--version', '?init+--db+/tmp/x']) {
			const answer = await server.request('GET', `/unread-count${query}`, {
				user: 'alice',
			});
			assert.equal(answer.status, 200, query);
			assert.equal(typeof answer.json.unreadCount, 'number');
		}
	});

	test('an encoded slash in the path', async () => {
		const { origin } = server;
		const get = (at) =>
			new Promise((resolve, reject) => {
				const { port } = new URL(origin);
				const socket = net.connect({ host: '127.0.0.1', port });
				let text = '';
				socket.on('data', (chunk) => (text += chunk));
				socket.on('error', reject);
				socket.on('close', () => resolve(Number(text.split(' ')[1])));
				socket.write(`GET ${at} HTTP/1.0\r\nHost: x\r\n\r\n`);
			});
		assert.equal(await get(`${BASE}/healthz`), 200);
		assert.equal(
			await get(BASE.replace('/n', '%2Fn') + '/healthz'),
			SERVER.encodedSlash ? 200 : 404,
		);
	});

	test('a closed tab', async () => {
		await poll('quiet', () => {
			const opened = server.logLines('stream-open').length;
			return SERVER.keepsProcesses
				? opened === closes(server)
				: server.responders.length <= 1;
		});
		const before = closes(server);
		const stream = await server.openStream({ user: 'bob' });
		if (SERVER.holdsBack) {
			// One poll is over; the next is, with what it waits for.
			await server.waitForStreams(1);
			stream.close();
			await server.sql(insert('bob', 'anybody there?'));
			await server.waitForStreams(0);
			return;
		}
		stream.close();
		if (SERVER.seesHangup) {
			await poll('the stream to be closed', () => closes(server) > before);
			return;
		}
		// Known by nothing but writing, and not by the first write.
		await server.request('GET', '/healthz');
		assert.equal(closes(server), before);
		await poll('the stream to be closed', async () => {
			await server.sql(insert('bob', 'anybody there?'));
			return closes(server) > before;
		});
	});

	test('max_streams_per_user', async () => {
		const streams = [];
		for (let i = 0; i < 5; i++)
			streams.push(await server.openStream({ user: 'carol' }));
		// Of polls, those that have waited longest.
		const old = SERVER.holdsBack
			? await poll('two to end', () => {
					const ended = streams.filter((stream) => stream.ended);
					return ended.length === 2 && ended;
				})
			: streams.slice(0, 2);
		for (const stream of old)
			assert.equal((await stream.end()).data.reason, 'evicted');
		const rest = streams.filter((stream) => !old.includes(stream));
		if (!SERVER.oneProcess)
			await respondersOf(server, 3);
		await server.sql(insert('carol', 'for those who stayed'));
		for (const stream of rest) {
			await stream.until(titled('for those who stayed'));
			assert.equal(stream.ended, false);
			stream.close();
		}
	});

	test('40 tabs at the same moment', async () => {
		const users = Array.from({ length: 40 }, (_, i) => `tab${i}`);
		await server.addSessions(users);
		const streams = await Promise.all(
			users.map((user) => server.openStream({ user })),
		);
		await server.sql(insert('*', 'to all tabs'));
		for (const stream of streams) {
			await stream.until(titled('to all tabs'));
			stream.close();
		}
	});
});

describe(`${WEB_SERVER}: restarts`, () => {
	let server;
	before(async () => {
		server = await startServer({ users: ['alice'], set: { heartbeat: '1s' } });
	});
	after(() => server.stop());

	let number = 0;
	// The follower gets a row that was written while it was cut off.
	async function survives(cut) {
		const follower = server.follow({ user: 'alice', cursor: '0' });
		const here = `here ${number}`;
		const away = `away ${number++}`;
		await server.sql(insert('alice', here));
		await follower.waitFor(() => follower.received.some(titled(here)));
		const connections = follower.connections.length;
		await cut(async () => server.sql(insert('alice', away)));
		await follower.waitFor(() => follower.received.some(titled(away)));
		// Polls are no connections to cut: the cut may fall between two of them,
		// and where it does not, the next one is part of the same stream.
		if (!SERVER.holdsBack)
			assert.ok(follower.connections.length > connections);
		assert.deepEqual(follower.resets, []);
		await follower.stop();
		for (const stream of follower.connections) stream.check();
	}

	test('of the web server', () =>
		survives(async (write) => {
			const ready = server.output.split('\nready ').length;
			if (SERVER.oneProcess) server.kills++;
			server.child.kill('SIGHUP');
			await write();
			await poll('ready again', () =>
				server.output.split('\nready ').length > ready,
			);
		}));

	test('of the responder, killed', () =>
		survives(async (write) => {
			if (SERVER.oneProcess) {
				await server.killResponder();
			} else {
				const pids = await respondersOf(server, 1);
				for (const pid of pids) process.kill(pid, 'SIGKILL');
				await poll('it to be gone', () => !pids.some(alive));
			}
			await write();
		}));

	test('of the responder, told to end', async () => {
		const stream = await server.openStream({ user: 'alice' });
		await server.waitForStreams(1);
		const pids = SERVER.oneProcess
			? [await server.responderPid()]
			: await respondersOf(server, 1);
		if (SERVER.oneProcess) server.kills++;
		for (const pid of pids) process.kill(pid, 'SIGTERM');
		const last = await stream.end();
		assert.equal(last.event, 'close');
		assert.equal(last.data.reason, 'shutdown');
		assert.ok(stream.response.complete);
		await poll('it to be gone', () => !pids.some(alive));
		await server.healthy();
	});
});

describe(`${WEB_SERVER}: REMOTE_USER`, () => {
	let server;
	before(async () => {
		server = await startServer({ set: { remote_user: 'on' } });
	});
	after(() => server.stop());

	test('is nobody whom the web server has not checked', async () => {
		const basic = `Basic ${Buffer.from('alice:x').toString('base64')}`;
		for (const headers of [
			{ Authorization: basic },
			{ 'Remote-User': 'alice', Remote_User: 'alice', REMOTE_USER: 'alice' },
		]) {
			const answer = await server.request('GET', '/unread-count', { headers });
			assert.equal(answer.status, 401, JSON.stringify(headers));
		}
	});
});

describe(`${WEB_SERVER} --tls`, () => {
	const dir = temporaryFolder();
	const db = path.join(dir, 'data/belfry.db');
	let child;
	let output = '';
	let origin;
	let session;

	before(async () => {
		fs.mkdirSync(path.dirname(db));
		const made = await run(BINARY, ['init', '--db', db]);
		assert.equal(made.code, 0, made.stderr);
		const secret = await run(BINARY, [
			...['session', 'create', '--user', 'alice', '--db', db],
		]);
		session = secret.stdout.trim();
		child = spawn(path.join(ROOT, 'scripts/serve'), [
			...['--server', WEB_SERVER, '--port', '0', '--db', db],
			...['--bin', BINARY, '--tls'],
		]);
		for (const stream of [child.stdout, child.stderr])
			stream.on('data', (chunk) => (output += chunk));
		origin = await poll('ready', () => {
			assert.equal(child.exitCode, null, output);
			return /^ready (https:\S+?)\/ /m.exec(output)?.[1];
		});
	});
	after(async () => {
		const ended = new Promise((resolve) => child.on('close', resolve));
		child.kill('SIGTERM');
		assert.equal(await ended, 0, output);
		fs.rmSync(dir, { recursive: true });
	});

	test('HTTP/2, a __Host- cookie, a stream', async () => {
		const client = http2.connect(origin, { rejectUnauthorized: false });
		await new Promise((resolve, reject) => {
			client.on('connect', resolve);
			client.on('error', reject);
		});
		assert.equal(client.alpnProtocol, 'h2');
		const get = (at, cookie) => {
			const request = client.request({ ':path': BASE + at, cookie });
			const got = { request, text: '', ended: false };
			request.on('response', (headers) => (got.status = headers[':status']));
			request.on('data', (chunk) => (got.text += chunk));
			// Refused: not begun, so that a browser asks again by itself.
			request.on('error', () => {});
			request.on('close', () => (got.ended = true));
			return got;
		};
		const plain = get('/unread-count', `belfry_session=${session}`);
		await poll('an answer', () => plain.ended);
		assert.equal(plain.status, 401, 'the name for plain http');
		const cookie = `__Host-belfry_session=${session}`;
		// Of a poll nothing is seen until something is due.
		const open = () =>
			get(SERVER.holdsBack ? '/stream?lastEventId=0' : '/stream', cookie);
		const isOpen = async (stream, count) => {
			if (!SERVER.holdsBack) return stream.text.includes('event: connected');
			const args = ['stats', '--json', '--db', db];
			const { stdout } = await run(BINARY, args);
			return JSON.parse(stdout).totalConnections >= count;
		};
		const most = SERVER.http2Streams;
		const streams = Array.from({ length: Math.min(most, 12) - 1 }, open);
		for (const stream of streams)
			await poll('connected', () => isOpen(stream, streams.length));
		await sqlite(db, insert('alice', 'over HTTP/2'));
		for (const stream of streams)
			await poll('the row', () => stream.text.includes('over HTTP/2'));
		// The others of this connection are not in the way of a request.
		const count = get('/unread-count', cookie);
		await poll('an answer', () => count.ended);
		assert.equal(JSON.parse(count.text).unreadCount, 1);
		assert.ok(SERVER.holdsBack || streams.every((stream) => !stream.ended));
		// One more, and further requests wait until one goes: so many are the
		// tabs that can share a connection.
		if (SERVER.http2Exact) {
			streams.push(open());
			await poll('connected', () => streams.at(-1).text.includes('connected'));
			let late = get('/unread-count', cookie);
			await sqlite(db, insert('alice', 'meanwhile'));
			for (const stream of streams)
				await poll('the row', () => stream.text.includes('meanwhile'));
			assert.equal(late.status, undefined);
			streams[0].request.close();
			await poll('an answer', () => {
				if (late.ended && !late.status) late = get('/unread-count', cookie);
				return late.ended && late.status === 200;
			});
		}
		client.destroy();
	});
});

describe('scripts/serve', () => {
	const serve = (...args) => run(path.join(ROOT, 'scripts/serve'), args);

	test('a port in use', async () => {
		const taken = net.createServer().listen(0, '127.0.0.1');
		await new Promise((resolve) => taken.on('listening', resolve));
		const { port } = taken.address();
		const result = await serve(
			...['--server', WEB_SERVER, '--bin', BINARY, '--port', String(port)],
		);
		taken.close();
		assert.equal(result.code, 1);
		assert.match(result.stderr, new RegExp(`port ${port} is in use`));
		assert.equal(result.stdout, '');
	});

	test('a responder that refuses its configuration', async () => {
		const result = await serve(
			...['--server', WEB_SERVER, '--bin', BINARY, '--port', '0'],
			...['--set', 'heartbeat=soon'],
		);
		assert.equal(result.code, 1);
		assert.match(result.stderr, /heartbeat: expected .*found "soon"/);
		assert.equal(result.stdout, '');
	});
});
