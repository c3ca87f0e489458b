// The examples, by the interpreters that they are for, against a running site.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { ROOT, run, startServer } from './lib/harness.mjs';

const examples = path.join(ROOT, 'examples');
const NODE = path.join(examples, 'better-auth/node_modules/.bin/node');
const LINES = 20;

const LANGUAGES = [
	{ name: 'PHP', command: ['php'], folder: 'php', ending: 'php' },
	{ name: 'Python', command: ['python3'], folder: 'python', ending: 'py' },
	{ name: 'Node', command: [NODE, '--no-warnings'], folder: 'node', ending: 'mjs' },
];

describe('examples', () => {
	let server;
	before(async () => {
		server = await startServer();
	});
	after(() => server.stop());

	for (const { name, command, folder, ending } of LANGUAGES) {
		const file = (which) => path.join(examples, folder, `${which}.${ending}`);
		const call = async (which, ...args) => {
			const [program, ...options] = command;
			const result = await run(program, [...options, file(which), server.db, ...args]);
			assert.equal(result.code, 0, result.stderr);
			assert.equal(result.stderr, '');
			return result.stdout.trim();
		};

		test(`${name}: a session, and a notification on its stream`, async () => {
			const user = `alice of ${name}`;
			const secret = await call('session', user);
			const stream = await server.openStream({ cookie: secret });
			const title = `Built with “${name}”`;
			const id = await call('notify', user, title);
			const event = await stream.until((one) => one.event === 'notification');
			assert.equal(event.data.notification.id, Number(id));
			assert.equal(event.data.notification.title, title);
			assert.equal(event.data.notification.type, 'build');
			assert.deepEqual(event.data.notification.data, { build: 1482 });

			// The way out that the example names.
			const text = fs.readFileSync(file('session'), 'utf8');
			const [, logout] = /To log out: (DELETE FROM .* = \?)/.exec(text);
			const [{ hash }] = await server.rows(
				`SELECT secret_sha256 AS hash FROM sessions WHERE user_id = '${user}';`,
			);
			await server.sql(logout.replace('?', `'${hash}'`) + ';');
			const last = await stream.end();
			assert.equal(last.event, 'close');
			assert.equal(last.data.reason, 'session');
		});

		test(`${name}: it expires in a day`, async () => {
			const day = 86_400_000;
			const begin = Date.now();
			await call('session', `guest of ${name}`);
			const [{ at }] = await server.rows(
				`SELECT expires_at AS at FROM sessions WHERE user_id = 'guest of ${name}';`,
			);
			assert.ok(at > begin + day - 1000 && at <= Date.now() + day, String(at));
		});

		test(`${name}: twenty lines`, () => {
			for (const which of ['notify', 'session']) {
				const text = fs.readFileSync(file(which), 'utf8');
				assert.ok(text.trimEnd().split('\n').length <= LINES, file(which));
			}
		});
	}
});
