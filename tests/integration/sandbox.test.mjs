// The work that the sandbox must leave possible, behind each web server: files
// that come and go while the responder runs, in folders that lie apart.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { action } from './lib/frames.mjs';
import { makeDatabase, poll, sqlite, startServer, temporaryFolder } from './lib/harness.mjs';
import { insert } from './lib/writer.mjs';

describe('in the sandbox', () => {
	const elsewhere = temporaryFolder();
	const host = path.join(elsewhere, 'app/host/app.db');
	let server;

	async function makeHost(token) {
		fs.mkdirSync(path.dirname(host), { recursive: true });
		const file = `${host}.new`;
		await sqlite(
			file,
			`CREATE TABLE session(token TEXT, userId TEXT);
			INSERT INTO session VALUES ('${token}', 'alice');`,
		);
		fs.renameSync(file, host);
	}

	const who = (token) => ({ headers: { Cookie: `app.session=${token}` } });
	const status = async (token) => (await server.request('GET', '', who(token))).status;

	before(async () => {
		await makeHost('first');
		server = await startServer({
			checkDatabase: false, // it is not the one that there was
			set: {
				session_cookie: 'app.session',
				session_query: 'SELECT userId FROM session WHERE token = :token',
				session_database: host,
				retention_rows: 5,
			},
		});
	});
	after(async () => {
		await server.stop();
		fs.rmSync(elsewhere, { recursive: true });
	});

	test('sessions of a database elsewhere, which is replaced, and goes with its folder', async () => {
		assert.equal(await status('first'), 200);
		await makeHost('second');
		assert.equal(await status('second'), 200);
		assert.equal(await status('first'), 401);
		fs.renameSync(path.dirname(host), `${elsewhere}/away`);
		assert.equal(await status('second'), 503);
		await makeHost('third');
		assert.equal(await status('third'), 200);
	});

	test('changes, tickets, retention', async () => {
		const { headers } = who('third');
		const post = (at) =>
			server.request('POST', at, { headers: { ...headers, 'Sec-Fetch-Site': 'same-origin' } });
		await server.sql(insert('alice', 'x').repeat(50));
		assert.equal((await post('/read-all')).json.unreadCount, 0);
		const made = await post('/ticket');
		assert.equal(made.status, 201);
		const once = await server.openStream({ query: { ticket: made.json.ticket } });
		once.close();
		const stream = await server.openStream(who('third'));
		await poll('retention', async () => {
			const [{ n }] = await server.rows('SELECT count(*) AS n FROM events;');
			return n <= 6;
		});
		await server.sql(insert('alice', 'after'));
		await stream.until((event) => event.data?.notification?.title === 'after');
		stream.close();
	});

	test("the database's folder is moved away and made anew", async () => {
		const folder = path.dirname(server.db);
		fs.renameSync(folder, `${folder}.away`);
		assert.equal((await server.request('GET', '/readyz')).status, 503);
		await makeDatabase(server.db);
		await poll('readiness', async () => (await server.request('GET', '/readyz')).status === 200);
		const stream = await server.openStream(who('third'));
		await server.sql(insert('alice', 'new'));
		// One of several processes may find out about the new file only now: then
		// it says that everything is to be loaded again.
		await stream.until((event) => event.event === 'reset' || action('created')(event));
		const { json } = await server.request('GET', '', who('third'));
		assert.equal(json.notifications[0].title, 'new');
		stream.close();
	});
});
