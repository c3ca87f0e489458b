// belfry doctor through real web servers: as the project configures them all is
// well, and where one line of that is wrong, it names the line: answers that are
// held back, compressed, or cut.  See doctor-reach.test.mjs for the rest.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import {
	CONFIG,
	QUICKLY,
	arrived,
	doctor,
	examine,
	names,
	serveEdited,
} from './lib/doctor.mjs';
import { BINARY, run } from './lib/harness.mjs';

const FILES = {
	'lighttpd': 'lighttpd.conf',
	'lighttpd-cgi': 'lighttpd-cgi.conf',
	'nginx': 'nginx.conf',
	'apache-proxy': 'apache/proxy.conf',
	'apache-fcgid': 'apache/fcgid.conf',
	'apache-cgi': 'apache/cgi.conf',
};

const first = (line) => (text) => `${line}\n${text}`;
const change = (from, to) => (text) => text.replace(from, to);
const deflate = first(
	`LoadModule deflate_module /usr/lib/apache2/modules/mod_deflate.so
	SetOutputFilter DEFLATE`,
);

// Which check fails, and what it says.
const HELD = ['stream', /ended, all of it came at once/];
const CUT = ['heartbeat', /was cut after \d+\.\d s of silence/];
const PACKED = ['stream', /compressed \(gzip\)/];

// One line of a web server's configuration that is wrong, what comes of it, and which line the
// tool names.
const WRONG = [
	['lighttpd', change('stream-response-body = 2', 'stream-response-body = 0'), HELD,
		'server.stream-response-body = 2'],
	['lighttpd', first('server.max-write-idle = 1'), CUT,
		'server.max-write-idle = 360  (and no "read-timeout")'],
	['lighttpd-cgi', change('stream-response-body = 2', 'stream-response-body = 0'), HELD,
		'server.stream-response-body = 2'],
	['lighttpd-cgi', first('server.max-write-idle = 1'), CUT,
		'server.max-write-idle = 360  (and no "read-timeout" in cgi.limits)'],
	['nginx', change('fastcgi_buffering off;',
		'fastcgi_buffering on; fastcgi_ignore_headers X-Accel-Buffering;'), HELD,
	'fastcgi_buffering off;'],
	['nginx', change('read_timeout 300s', 'read_timeout 1s'), CUT, 'fastcgi_read_timeout 300s;'],
	['nginx', change('gzip off;', 'gzip on; gzip_types text/event-stream; gzip_min_length 1;'),
		PACKED, 'gzip off;'],
	['apache-proxy', deflate, PACKED, 'SetEnv no-gzip 1'],
	['apache-proxy', change('" flushpackets=on', '"'), HELD, 'ProxyPass … flushpackets=on'],
	['apache-proxy', change('timeout=300 enable', 'timeout=1 enable'), CUT, 'ProxyPass … timeout=300'],
	['apache-fcgid', deflate, PACKED, 'SetEnv no-gzip 1'],
	['apache-fcgid', change('FcgidOutputBufferSize 0', ''), HELD, 'FcgidOutputBufferSize 0'],
	['apache-fcgid', change('FcgidIOTimeout 300', 'FcgidIOTimeout 1'), CUT, 'FcgidIOTimeout 300'],
	['apache-cgi', deflate, PACKED, 'SetEnv no-gzip 1'],
	['apache-cgi', change('CGIDScriptTimeout 300', 'CGIDScriptTimeout 1'), CUT,
		'CGIDScriptTimeout 300'],
];

describe('belfry doctor URL', { concurrency: 4 }, () => {
	for (const server of Object.keys(FILES))
		test(`${server}: all is well`, async () => {
			const found = await examine(server, {});
			for (const check of ['web server', 'Authorization', 'stream', 'heartbeat'])
				assert.equal(found.checks[check]?.result, 'ok', found.text);
			arrived(found);
			assert.match(found.checks.heartbeat.detail, /^comes after \d+\.\d s of silence$/);
			assert.equal(found.checks['HTTP version'].result, 'warn');
		});

	test('TLS and HTTP/2', async () => {
		const serve = ['--tls'];
		const found = await examine('nginx', { serve, args: ['--insecure', '--quick'] });
		assert.equal(found.checks['HTTP version'].detail, 'HTTP/2');
		arrived(found);
		assert.equal(found.checks.heartbeat.result, 'skip');
		const strict = await examine('nginx', { serve });
		assert.match(strict.checks['web server'].detail, /certificate/);
	});

	test('credentials that are given, without the database', async () => {
		const site = await serveEdited('lighttpd', { args: QUICKLY });
		try {
			const secret = async (...args) =>
				(await run(BINARY, [...args, '--user', 'alice', '--db', site.db])).stdout.trim();
			const session = await secret('session', 'create');
			const token = await secret('token', 'create', '--scope', 'read');
			for (const given of [['--session', session], ['--token', token]]) {
				const found = await doctor([site.url, ...given]);
				assert.equal(found.code, 0, found.text);
				assert.equal(found.checks.database.result, 'skip');
				assert.equal(found.checks.event.result, 'skip');
				assert.equal(found.checks.heartbeat.result, 'ok', found.text);
			}
			const bad = await doctor([site.url, '--token', 'bft_none']);
			assert.equal(bad.code, CONFIG);
			assert.match(bad.checks.Authorization.detail, /refused \(401\)/);
		} finally {
			await site.stop();
		}
	});

	for (const [server, edit, [check, detail], line] of WRONG)
		test(`${server}: without ${line}`, async () => {
			const file = FILES[server];
			const found = await examine(server, { file, edit });
			names(found, check, detail, `${file}: ${line}`);
			// The other ways of the same web server are not named.
			if (server === 'lighttpd-cgi' && check === 'stream')
				assert.deepEqual(found.checks.stream.changes, [`${file}: ${line}`], found.text);
		});

	test('apache-fcgid: both left out is poll mode, and works', async () => {
		const found = await examine('apache-fcgid', {
			file: 'apache/fcgid.conf',
			edit: (text) =>
				text
					.replace('FcgidOutputBufferSize 0', '')
					.replace('FcgidInitialEnv BELFRY_STREAM_MODE stream', ''),
		});
		assert.equal(found.code, 0, found.text);
		assert.equal(found.checks.stream.result, 'warn');
		assert.match(found.checks.stream.detail, /^poll mode/);
		assert.ok(
			found.checks.stream.changes.includes('apache/fcgid.conf: FcgidOutputBufferSize 0'),
			found.text,
		);
		arrived(found);
	});

	test('nobody listens; another database; poll mode', async () => {
		const none = await doctor(['http://127.0.0.1:1/', '--db', '/dev/null']);
		assert.equal(none.code, CONFIG);
		const site = await serveEdited('lighttpd', { args: ['--set', 'stream_mode=poll'] });
		const other = await serveEdited('lighttpd');
		try {
			const wrong = await doctor([site.url, '--db', other.db]);
			assert.equal(wrong.code, CONFIG, wrong.text);
			assert.match(wrong.checks.Authorization.detail, /has another database/);
			const poll = await doctor([site.url, '--db', site.db]);
			assert.equal(poll.code, 0, poll.text);
			assert.match(poll.checks.stream.detail, /^poll mode/);
			arrived(poll);
		} finally {
			await site.stop();
			await other.stop();
		}
		const refused = await doctor([site.url, '--token', 'x']);
		assert.match(refused.checks['web server'].detail, /Failed to connect|refused/);
	});
});
