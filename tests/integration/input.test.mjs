// Bad input: a configuration that can't be used is refused with one clear line
// and an exit code; a client gets a 503, and nothing is lost.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import {
	BASE,
	makeDatabase,
	poll,
	sanitizerReports,
	startServer,
	temporaryFolder,
} from './lib/harness.mjs';
import { Responder, killResponders } from './lib/responder.mjs';
import { insert } from './lib/writer.mjs';

describe('is refused at start', () => {
	const dir = temporaryFolder();
	const good = path.join(dir, 'good/belfry.db');
	before(() => makeDatabase(good));
	afterEach(killResponders);
	after(() => {
		assert.deepEqual(sanitizerReports(dir), []);
		fs.rmSync(dir, { recursive: true, force: true });
	});

	// sysexits(3)
	const EX_CONFIG = 78;

	async function assertRefused(options, ...words) {
		const responder = new Responder({ dir, ...options });
		const code = await responder.exit();
		assert.equal(code, EX_CONFIG, responder.output);
		const lines = responder.output.trim().split('\n');
		const errors = lines.filter((line) => / error /.test(line));
		assert.equal(errors.length, 1, `one clear line: ${responder.output}`);
		for (const word of words) assert.match(errors[0], word);
	}

	const base = () => `database = ${good}\n`;
	const CONFIGURATIONS = {
		'an unknown key': [
			() => ({ config: `# one\n${base()}hartbeat = 30s\n` }),
			/belfry\.conf:3: unknown key/,
			/hartbeat/,
			/did you mean heartbeat/,
		],
		'a bad value': [
			() => ({ config: `${base()}heartbeat = soon\n` }),
			/belfry\.conf:2: heartbeat: expected a duration/,
			/soon/,
		],
		'a number out of range': [
			() => ({ config: `${base()}max_streams = 0\n` }),
			/belfry\.conf:2: max_streams: expected a number/,
		],
		'a line without =': [
			() => ({ config: `${base()}heartbeat\n` }),
			/belfry\.conf:2: expected key = value/,
		],
		'an unknown variable': [
			() => ({ config: base(), env: { BELFRY_HARTBEAT: '30s' } }),
			/unknown key .*BELFRY_HARTBEAT.* in the environment/,
		],
		'a bad value in the environment': [
			() => ({ config: base(), env: { BELFRY_WORKERS: 'many' } }),
			/BELFRY_WORKERS: expected a number/,
			/many/,
		],
		'a session_query that asks for nobody': [
			() => ({ config: `${base()}session_query = SELECT 1\n` }),
			/belfry\.conf:2: session_query: expected a SELECT with :token/,
		],
		'no database': [() => ({ config: '\n' }), /database is not set/],
		'a database in the document root': [
			() => ({ config: base(), env: { DOCUMENT_ROOT: dir } }),
			/outside the document root/,
		],
	};
	for (const [name, [options, ...words]] of Object.entries(CONFIGURATIONS))
		test(name, () => assertRefused(options(), ...words));

	test('a configuration that is not there', async () => {
		await assertRefused(
			{ config: '', env: { BELFRY_CONFIG: path.join(dir, 'none.conf') } },
			/none\.conf: No such file/,
		);
	});

	test('but not a good one', async () => {
		const responder = new Responder({
			dir,
			config: base(),
			unprivileged: true,
		});
		const answer = await responder.ask(`${BASE}/healthz`);
		assert.equal(answer.status, 200, responder.output);
		responder.child.kill('SIGTERM');
		assert.equal(await responder.exit(), 0, responder.output);
	});
});

describe('the client of a server that can not start', () => {
	let server;
	before(async () => {
		server = await startServer({ users: ['alice'] });
	});
	// How often lighttpd tries is its own affair.
	after(() => server.stop({ ignoreStarts: true }));

	test('gets a 503, and everything when it is repaired', async () => {
		const stream = await server.openStream({ user: 'alice' });
		await server.sql(insert('alice', 'before'));
		await stream.until((e) => e.data.notification?.title === 'before');
		const { cursor } = stream;
		const config = path.join(server.keep, 'belfry.conf');
		const text = fs.readFileSync(config, 'utf8');
		fs.writeFileSync(config, `${text}hartbeat = 1s\n`);
		await server.killResponder();
		await stream.end();
		const answer = await poll('503', async () => {
			const got = await server
				.request('GET', '', { user: 'alice' })
				.catch(() => null);
			return got?.status === 503 ? got : null;
		});
		assert.equal(answer.status, 503);
		await poll('a line in the log', () =>
			/error .*unknown key .*hartbeat/.test(server.log()),
		);
		await server.sql(insert('alice', 'while it was down'));
		fs.writeFileSync(config, text);
		await server.healthy();
		const back = server.stream({ user: 'alice', lastEventId: cursor });
		const frame = await back.next((e) => e.event === 'notification');
		assert.equal(frame.data.notification.title, 'while it was down');
		back.close();
	});
});

describe('bad parameters of a stream', () => {
	let server;
	before(async () => {
		server = await startServer({ users: ['alice'] });
	});
	after(() => server.stop());

	test('are a 400 that names them', async () => {
		for (const [name, value] of [
			['minPriority', 'high'],
			['minPriority', '0'],
			['minPriority', '-1'],
			['minPriority', '257'],
			['minPriority', '99999999999999999999'],
			['poll', 'perhaps'],
		]) {
			const stream = server.stream({ user: 'alice', query: { [name]: value } });
			await stream.end();
			assert.equal(stream.status, 400, `${name}=${value}`);
			assert.match(JSON.parse(stream.body).detail, new RegExp(name));
		}
	});

	test('a huge query is a 414', async () => {
		const stream = server.stream({
			user: 'alice',
			query: { type: 'x'.repeat(5000) },
		});
		await stream.opened;
		await stream.end();
		assert.equal(stream.status, 414);
	});
});
