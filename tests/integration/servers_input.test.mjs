// scripts/serve refuses what can't work: with a word, and nothing is left half
// started.  What differs between the web servers is in servers.test.mjs.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';

import { BINARY, ROOT, run, temporaryFolder } from './lib/harness.mjs';
import { processesOf } from './lib/process.mjs';
import { WEB_SERVER } from './lib/servers.mjs';

describe('scripts/serve', () => {
	// Refused: with a word, and without anything left behind.
	const dir = temporaryFolder();
	after(() => fs.rmSync(dir, { recursive: true }));
	const serve = async (...args) => {
		const env = { ...process.env, TMPDIR: dir };
		const result = await run(path.join(ROOT, 'scripts/serve'), args, { env });
		assert.equal(result.stdout, '');
		assert.deepEqual(processesOf(dir), []);
		assert.deepEqual(fs.readdirSync(dir), []);
		return result;
	};

	test('an unknown server', async () => {
		const result = await serve('--server', 'iis');
		assert.equal(result.code, 64);
		assert.match(
			result.stderr,
			/expected one of: .*apache-cgi, apache-fcgid, apache-htaccess, .*lighttpd-cgi, lighttpd-procs, lighttpd, nginx/,
		);
	});

	test('folders that can not be written', async () => {
		const file = path.join(ROOT, 'README.md');
		for (const [option, message] of [
			[['--keep', `${file}/x`], /--keep .*: can't be made/],
			[['--log', `${file}/x`], /--log .*: can't be written/],
			[['--db', `${file}/x.db`], /x\.db: belfry init failed/],
			[['--docroot', `${file}/x`], /--docroot .*: no such folder/],
		]) {
			const result = await serve(
				...['--server', WEB_SERVER, '--bin', BINARY, '--port', '0', ...option],
			);
			assert.equal(result.code, 1);
			assert.match(result.stderr, message);
		}
	});

	test('a database that is somebody else\'s', async (t) => {
		if (process.getuid() !== 0) return t.skip('needs to become somebody else');
		const own = temporaryFolder();
		const db = path.join(own, 'belfry.db');
		try {
			await run(BINARY, ['init', '--db', db]);
			fs.chmodSync(own, 0o755);
			fs.chmodSync(db, 0o644);
			const result = await run('setpriv', [
				...['--reuid', 'nobody', '--clear-groups'],
				...['env', `TMPDIR=${os.tmpdir()}`, path.join(ROOT, 'scripts/serve')],
				...['--server', WEB_SERVER, '--bin', BINARY, '--port', '0', '--db', db],
			]);
			assert.equal(result.code, 1, result.stdout);
			assert.match(result.stderr, /belfry\.db: nobody may not write it/);
			assert.equal(result.stdout, '');
		} finally {
			fs.rmSync(own, { recursive: true });
		}
	});

	test('a module that is missing', async () => {
		process.env.APACHE_MODULES = dir;
		try {
			const result = await serve('--server', 'apache-fcgid', '--bin', BINARY);
			assert.equal(result.code, 1);
			assert.match(
				result.stderr,
				/Apache's mod_\w+ is not there: scripts\/deps servers installs it/,
			);
		} finally {
			delete process.env.APACHE_MODULES;
		}
	});
});
