// Rows of docs/security.md that no other test shows.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import * as fastcgi from './lib/fastcgi.mjs';
import { action } from './lib/frames.mjs';
import { BASE, ROOT, startServer } from './lib/harness.mjs';
import { insert } from './lib/writer.mjs';

describe('security', () => {
	let server, session, token;
	before(async () => {
		server = await startServer({ users: ['alice'], set: { log_level: 'debug' } });
		session = await server.session('alice');
		token = await server.token('app', 'read,publish,admin');
	});
	after(() => server.stop());

	async function ticket() {
		const made = await server.request('POST', '/ticket', { user: 'alice' });
		assert.equal(made.status, 201);
		return made.json.ticket;
	}

	async function direct(params) {
		const socket = net.connect(await server.socketPath());
		const parts = [];
		socket.on('data', (chunk) => parts.push(chunk));
		socket.write(fastcgi.request(params));
		await new Promise((resolve, reject) => socket.on('close', resolve).on('error', reject));
		return fastcgi.parse(Buffer.concat(parts));
	}

	test('whoever has the socket still needs a credential', async () => {
		const claims = { REMOTE_USER: 'alice', HTTP_REMOTE_USER: 'alice', AUTH_TYPE: 'Basic' };
		const params = fastcgi.params('GET', BASE);
		assert.equal((await direct({ ...params, ...claims })).status, 401);
		assert.equal((await direct({ ...params, HTTP_COOKIE: `belfry_session=${session}` })).status, 200);
	});

	test('the database holds no secret', async () => {
		const secrets = [session, token, await ticket()];
		await server.sql('PRAGMA wal_checkpoint(TRUNCATE);');
		const folder = path.dirname(server.db);
		for (const name of fs.readdirSync(folder, { recursive: true })) {
			const file = path.join(folder, name);
			if (!fs.statSync(file).isFile()) continue;
			const bytes = fs.readFileSync(file);
			for (const secret of secrets)
				for (const part of [secret, secret.slice(4)])
					assert.ok(!bytes.includes(part), `${name} holds ${part}`);
		}
	});

	test('a ticket that is none waits for nobody, and nobody for it', async () => {
		const db = server.writer();
		await db.exec('BEGIN IMMEDIATE;');
		const stream = server.stream({ query: { ticket: 'none' } });
		await stream.end();
		assert.equal(stream.status, 401);
		await db.exec('ROLLBACK;');
		await db.close();
	});

	test('a ticket is good once, and for a minute', async () => {
		const once = await ticket();
		const stream = await server.openStream({ query: { ticket: once } });
		await server.sql(insert('alice', 'x'));
		await stream.until(action('created'));
		const again = server.stream({ query: { ticket: once } });
		await again.end();
		assert.equal(again.status, 401);
		stream.close();
		// Two at once: one of them gets it.
		const shared = await ticket();
		const both = [1, 2].map(() => server.stream({ query: { ticket: shared } }));
		await Promise.all(both.map((s) => s.waitFor(() => s.status)));
		assert.deepEqual(both.map((s) => s.status).sort(), [200, 401]);
		both.forEach((s) => s.close());
		const late = await ticket();
		const [{ life }] = await server.rows('SELECT max(expires_at - created_at) AS life FROM tickets;');
		assert.equal(life, 60_000);
		await server.sql(`UPDATE tickets SET expires_at = ${Date.now() - 1};`);
		const expired = server.stream({ query: { ticket: late } });
		await expired.end();
		assert.equal(expired.status, 401);
	});

	test('no secret is in the log', async () => {
		const used = await ticket();
		const wrong = ['bfs_wrongwrongwrong', 'bft_wrongwrongwrong', 'bfk_wrongwrongwrong'];
		const stream = await server.openStream({ query: { ticket: used } });
		stream.close();
		for (const who of [{ token }, { cookie: wrong[0] }, { token: wrong[1] }])
			await server.request('GET', `/stream?ticket=${wrong[2]}&poll=x`, who);
		await server.request('GET', `/nowhere?ticket=${wrong[2]}`, { token, headers: { 'X-Request-Id': 'last' } });
		await server.request('PATCH', '/1', { user: 'alice', body: { title: session } });
		const log = server.log();
		assert.match(log, / debug request id=last status=404 /);
		for (const secret of [session, token, used, ...wrong])
			assert.ok(!log.includes(secret.slice(4)), `the log has ${secret}`);
	});

	test('headers of every answer', async () => {
		const list = await server.request('GET', '', { user: 'alice' });
		const tooMuch = await direct(fastcgi.params('GET', BASE, { Cookie: 'x'.repeat(70_000) }));
		assert.equal(tooMuch.status, 431);
		const answers = [
			list,
			await server.request('GET', '', { user: 'alice', headers: { 'If-None-Match': list.headers.etag } }),
			await server.request('GET', '', {}),
			await server.request('GET', '/healthz'),
			await server.request('GET', '/metrics', { token }),
			await server.request('GET', '/stats', { token }),
			await server.request('POST', '', { token, body: { userId: 'alice', title: 'x' } }),
			await server.request('POST', '', { token, body: { userId: 7 } }),
			await server.request('POST', '/read-all', { user: 'alice' }),
			await server.request('POST', '/1/read', { user: 'alice' }),
			await server.request('POST', '/read-all', { user: 'alice', headers: { 'Sec-Fetch-Site': 'cross-site' } }),
			await server.request('GET', `?type=${'x'.repeat(5000)}`, { user: 'alice' }),
			await server.request('OPTIONS', '', {}),
			await server.request('GET', '/nowhere'),
			await server.request('PUT', '', { user: 'alice' }),
			{
				status: 431,
				headers: Object.fromEntries(
					tooMuch.head.split('\r\n').map((line) => /^(.*?): (.*)$/.exec(line).slice(1)).map(([name, value]) => [name.toLowerCase(), value]),
				),
			},
		];
		assert.deepEqual(
			answers.map(({ status }) => status),
			[200, 304, 401, 200, 200, 200, 201, 400, 200, 204, 403, 414, 204, 404, 405, 431],
		);
		for (const { status, headers } of answers) {
			const what = `${status} ${JSON.stringify(headers)}`;
			assert.equal(headers['x-content-type-options'], 'nosniff', what);
			assert.equal(headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'", what);
			assert.equal(headers['cross-origin-resource-policy'], 'same-origin', what);
			assert.equal(headers['referrer-policy'], 'no-referrer', what);
			assert.match(headers['cache-control'], /no-store|private|no-cache/, what);
			assert.ok(headers['x-request-id'], what);
			if (status >= 400) assert.match(headers['content-type'], /^application\/problem\+json/, what);
		}
	});

	// A header of a stream costs lighttpd memory as long as it is open.
	test('headers of a stream, and who may not embed it', async () => {
		const { headers } = await server.request('HEAD', '/stream', { user: 'alice' });
		assert.equal(headers['x-content-type-options'], 'nosniff');
		assert.equal(headers['cache-control'], 'no-store, no-transform');
		assert.equal(headers['content-security-policy'], undefined);
		const ask = (mode) => server.request('HEAD', '/stream', { user: 'alice', headers: { 'Sec-Fetch-Mode': mode } });
		for (const mode of ['cors', 'same-origin', 'navigate']) assert.equal((await ask(mode)).status, 200, mode);
		assert.equal((await ask('no-cors')).status, 403);
	});

	test('the sandbox is on, in every thread', async (t) => {
		const pid = await server.responderPid();
		const line = server.logLines('sandbox').at(-1);
		assert.ok(line, 'the log says what is on');
		if (process.env.SANITIZER) {
			assert.match(line.fields.seccomp, /^off \(sanitizer\)/);
			t.skip('there is none with a sanitizer');
			return;
		}
		assert.equal(line.fields.seccomp, 'on');
		if (/^on/.test(line.fields.landlock))
			assert.equal(line.fields.files, path.dirname(path.dirname(fs.realpathSync(server.db))));
		const tasks = fs.readdirSync(`/proc/${pid}/task`);
		assert.ok(tasks.length > 1);
		for (const task of tasks) {
			const status = fs.readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8');
			assert.match(status, /^Seccomp:\t2$/m);
			assert.match(status, /^NoNewPrivs:\t1$/m);
		}
	});

	test('each row of the document names a test that is there', () => {
		const rows = fs
			.readFileSync(path.join(ROOT, 'docs/security.md'), 'utf8')
			.split('\n')
			.filter((line) => line.startsWith('| ') && !line.startsWith('| who ') && !line.startsWith('| ---'));
		assert.ok(rows.length >= 15);
		for (const row of rows) {
			const cell = row.split('|').at(-2).trim();
			if (cell === '–') continue;
			let file;
			for (const part of cell.split('; ')) {
				const [, name, title] = /^(?:([a-z_-]+)(?:: |$))?(.*)$/.exec(part);
				if (name === 'unit') {
					const [source, test] = title.split(' ');
					const place = fs.readdirSync(path.join(ROOT, 'tests/unit'), { recursive: true })
						.find((file) => path.basename(file) === `${source}.c`);
					assert.ok(place, part);
					const text = fs.readFileSync(path.join(ROOT, 'tests/unit', place), 'utf8');
					assert.ok(!test || text.includes(test), part);
					continue;
				}
				if (name && fs.existsSync(path.join(ROOT, `tests/integration/${name}.test.mjs`)))
					file = fs.readFileSync(path.join(ROOT, `tests/integration/${name}.test.mjs`), 'utf8');
				const wanted = (name && file && !title ? '' : title || part).replace(/ …$/, '');
				assert.ok(file?.includes(wanted) || file?.includes(part.replace(/ …$/, '')), `${part}: ${wanted}`);
			}
		}
	});
});

test('the sandbox can be switched off', async () => {
	const server = await startServer({ set: { sandbox: 'off' } });
	try {
		const pid = await server.responderPid();
		assert.match(fs.readFileSync(`/proc/${pid}/status`, 'utf8'), /^Seccomp:\t0$/m);
		assert.match(server.logLines('sandbox').at(-1).fields.seccomp, /^off/);
	} finally {
		await server.stop();
	}
});
