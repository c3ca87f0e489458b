// Better Auth, the real package: its session is the login, and its sign-out the
// end of the stream.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { ROOT, startServer, temporaryFolder } from './lib/harness.mjs';
import { waiting } from './lib/wait.mjs';

const example = path.join(ROOT, 'examples/better-auth');

// The example's own belfry.conf, but for its paths.
function settings(appDatabase) {
	const set = { heartbeat: '1s', session_database: appDatabase };
	const text = fs.readFileSync(path.join(example, 'belfry.conf'), 'utf8');
	for (const [, key, value] of text.matchAll(/^(\w+) = (.*)$/gm))
		if (key !== 'database') set[key] ??= value;
	assert.equal(set.session_cookie_format, 'signed');
	return set;
}

function startApp(appDatabase) {
	const child = spawn(
		'setpriv',
		[
			'--pdeathsig',
			'TERM',
			path.join(example, 'node_modules/.bin/node'),
			path.join(example, 'server.mjs'),
		],
		{
			stdio: ['ignore', 'pipe', 'pipe'],
			env: {
				...process.env,
				PORT: '0',
				APP_DATABASE: appDatabase,
				BETTER_AUTH_SECRET: randomBytes(32).toString('hex'),
				// Known before the port is; nothing is redirected to it.
				BETTER_AUTH_URL: 'http://app.example',
			},
		},
	);
	let output = '';
	return waiting('the application', () => output, (done, fail) => {
		const take = (chunk) => {
			output += chunk;
			const ready = /^ready (\S+)\/$/m.exec(output);
			if (ready) done({ child, url: ready[1] });
		};
		child.stdout.on('data', take);
		child.stderr.on('data', take);
		child.on('close', () => fail(new Error(output)));
	});
}

describe('a Better Auth application', () => {
	const dir = temporaryFolder();
	const appDatabase = path.join(dir, 'app.db');
	let server;
	let app;
	before(async () => {
		app = await startApp(appDatabase);
		server = await startServer({ set: settings(appDatabase) });
	});
	after(async () => {
		await server?.stop();
		app?.child.kill('SIGTERM');
		fs.rmSync(dir, { recursive: true });
	});

	// What a browser would send back: "name=value", as it was set.
	async function post(at, body, cookie) {
		const answer = await fetch(`${app.url}/api/auth/${at}`, {
			method: 'POST',
			headers: {
				'Content-Type': 'application/json',
				Origin: 'http://app.example',
				...(cookie ? { Cookie: cookie } : {}),
			},
			body: JSON.stringify(body),
		});
		assert.equal(answer.status, 200, await answer.clone().text());
		const [set = ''] = answer.headers
			.getSetCookie()
			.filter((one) => one.startsWith('better-auth.session_token='));
		return { json: await answer.json(), cookie: set.split(';')[0] };
	}

	const alice = {
		name: 'Alice',
		email: 'alice@example.org',
		password: 'correct horse battery staple',
	};

	test('nobody signed in: no stream', async () => {
		assert.equal((await server.request('GET', '/unread-count')).status, 401);
	});

	test('sign up, stream, sign out', async () => {
		const { json, cookie } = await post('sign-up/email', alice);
		assert.match(decodeURIComponent(cookie), /^better-auth\.session_token=[^.]+\.[^.]+=$/);
		const user = json.user.id;
		const headers = { Cookie: cookie };
		const stream = await server.openStream({ headers });
		await server.sql(
			`INSERT INTO notifications(user_id, title) VALUES ('${user}', 'Welcome');`,
		);
		const event = await stream.until((one) => one.event === 'notification');
		assert.equal(event.data.notification.title, 'Welcome');
		assert.equal(event.data.unreadCount, 1);

		// A second login of hers lives on.
		const second = await post('sign-in/email', alice);
		const other = await server.openStream({ headers: { Cookie: second.cookie } });

		await post('sign-out', {}, cookie);
		const last = await stream.end();
		assert.equal(last.event, 'close');
		assert.equal(last.data.reason, 'session');
		assert.equal((await server.request('GET', '', { headers })).status, 401);
		await server.sql(
			`INSERT INTO notifications(user_id, title) VALUES ('${user}', 'Still there');`,
		);
		await other.until((one) => one.data.notification?.title === 'Still there');
		other.close();
	});

	test('a cookie whose token is another one', async () => {
		const { cookie } = await post('sign-in/email', alice);
		const forged = cookie.replace(/=./, (start) => (start === '=x' ? '=y' : '=x'));
		const answer = await server.request('GET', '', { headers: { Cookie: forged } });
		assert.equal(answer.status, 401);
	});
});
