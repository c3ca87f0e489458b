// `belfry stats --watch`, on a terminal (util-linux's script makes one) and into
// a pipe.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { action } from './lib/frames.mjs';
import { BINARY, poll, startServer } from './lib/harness.mjs';
import { insert } from './lib/writer.mjs';

const OTHER_SCREEN = '\x1b[?1049h';
const FIRST_SCREEN = '\x1b[?1049l';

describe('belfry stats --watch', () => {
	let server, stream;
	before(async () => {
		server = await startServer({ users: ['alice', 'bob'], checkDatabase: false });
		stream = await server.openStream({ user: 'alice' });
	});
	after(() => server.stop());

	function start(command, args, env = {}) {
		const child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], {
			stdio: ['ignore', 'pipe', 'pipe'],
			env: { ...process.env, ...env },
		});
		const view = { child, text: '', errors: '' };
		child.stdout.on('data', (chunk) => (view.text += chunk));
		child.stderr.on('data', (chunk) => (view.errors += chunk));
		view.exited = new Promise((resolve) => child.on('close', resolve));
		return view;
	}

	const watch = `stty rows 14 cols 70; exec ${BINARY} stats --watch --interval 100ms --db`;
	const onTerminal = (env) =>
		start('script', ['-qefc', `${watch} ${server.db}`, '/dev/null'], { SHELL: '/bin/sh', ...env });
	// The page that is drawn now, without colors.
	const page = (view) =>
		view.text.split('\x1b[H').at(-1).replace(/\x1b\[[0-9;?]*[a-zA-Z]/g, '');
	const shows = (view, pattern) =>
		poll(`${pattern}`, () => pattern.test(page(view)), () => JSON.stringify(page(view)));

	test('streams, users, rates, lag and processes; nothing is longer than the terminal', async () => {
		const view = onTerminal();
		await shows(view, /^streams +open 1 of \d+  users 1  processes 1  lagging 0\r?$/m);
		await shows(view, /^journal +head \d+  floor 0  epoch [0-9a-f]+\r?$/m);
		await shows(view, /^\d+ +1  \d+ s +watches for all\r?$/m);
		await shows(view, /^alice +1\r?$/m);
		await shows(view, /^trouble +none\r?$/m);
		// Rates: something happens again and again, until it is seen.
		await poll('a rate', async () => {
			await server.sql(insert('alice', 'x').repeat(5));
			return /^rates +events [1-9]\d*\.\d\/s  delivered [1-9]/m.test(page(view));
		});
		await shows(view, /^lag +half within \d+ ms  99 % within \d+ ms /m);
		await server.addSessions(Array.from({ length: 20 }, (_, i) => `user${i}`));
		const more = await Promise.all(
			Array.from({ length: 20 }, (_, i) => server.openStream({ user: `user${i}` })),
		);
		await shows(view, /^and \d+ more\r?$/m);
		assert.ok(page(view).split('\n').length <= 14, page(view));
		more.forEach((one) => one.close());
		await shows(view, /open 1 of/);
		view.child.kill('SIGTERM');
		await view.exited;
	});

	test('trouble is seen', async () => {
		const view = onTerminal();
		await shows(view, /^trouble +none/m);
		await poll('resets', async () => {
			const lost = await server.openStream({ user: 'bob', lastEventId: '999999999' });
			lost.close();
			return /\x1b\[1;31m  resets [1-9]\d*\.\d\/s/.test(view.text);
		});
		const plain = onTerminal({ NO_COLOR: '1' });
		await shows(plain, /^trouble/m);
		assert.doesNotMatch(plain.text, /\x1b\[(1;31|7)m/);
		for (const one of [view, plain]) one.child.kill('SIGTERM');
		await Promise.all([view.exited, plain.exited]);
	});

	test('the database goes and comes back, the view stays; Ctrl-C gives the terminal back', async () => {
		const view = start('script', ['-qefc', `echo $$ >&2; ${watch} ${server.db}`, '/dev/null'], { SHELL: '/bin/sh' });
		await shows(view, /^streams +open/m);
		fs.renameSync(server.db, `${server.db}.away`);
		await shows(view, /is not there|does not exist|no such/i);
		fs.renameSync(`${server.db}.away`, server.db);
		await shows(view, /^streams +open/m);
		assert.ok(view.text.includes(OTHER_SCREEN));
		assert.ok(!view.text.includes(FIRST_SCREEN));
		process.kill(Number(/^(\d+)/.exec(view.text)[1]), 'SIGINT');
		assert.equal(await view.exited, 0);
		assert.ok(view.text.endsWith(FIRST_SCREEN), JSON.stringify(view.text.slice(-80)));
	});

	test('into a pipe: a line each time, and no escapes', async () => {
		const view = start(BINARY, ['stats', '--watch', '--interval', '100ms', '--db', server.db]);
		await poll('a lag', async () => {
			await server.sql(insert('alice', 'y'));
			return / events_per_s=[1-9]\S* delivered_per_s=[1-9]\S* lag_p99_ms=\d+$/m.test(view.text);
		}, () => view.text);
		assert.doesNotMatch(view.text, /\x1b/);
		for (const line of view.text.trim().split('\n').slice(0, -1))
			assert.match(line, /^\S+Z streams=\d+ users=\d+ processes=1 lagging=\d+ last=\d+/);
		view.child.kill('SIGINT');
		assert.equal(await view.exited, 0);
		assert.equal(view.errors, '');
		await stream.until(action('created'));
	});

	test('what is wrong at the start is an error', async () => {
		const { code, stdout, stderr } = await server.tool('stats', '--watch', '--db', '/nowhere/a.db');
		assert.notEqual(code, 0);
		assert.equal(stdout, '');
		assert.match(stderr, /^belfry stats: .*\n$/);
	});
});
