// belfry doctor through real web servers: as the project configures them all is
// well, and where one line of that is wrong, it names the line: answers that are
// held back, compressed, or cut.  See doctor-reach.test.mjs for the rest.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import {
	CONFIG,
	QUICKLY,
	doctor,
	examine,
	names,
	serveEdited,
} from './lib/doctor.mjs';
import { BINARY, run } from './lib/harness.mjs';

const SERVERS = [
	'lighttpd',
	'lighttpd-cgi',
	'nginx',
	'apache-proxy',
	'apache-fcgid',
	'apache-cgi',
];

const LIGHTTPD = 'lighttpd.conf: server.stream-response-body = 2';
const LIGHTTPD_CGI = 'lighttpd-cgi.conf: server.stream-response-body = 2';

describe('belfry doctor URL', { concurrency: 4 }, () => {
	for (const server of SERVERS)
		test(`${server}: all is well`, async () => {
			const found = await examine(server, {});
			for (const check of ['web server', 'Authorization', 'stream', 'event', 'heartbeat'])
				assert.equal(found.checks[check]?.result, 'ok', found.text);
			assert.match(found.checks.heartbeat.detail, /after [34]\.\d s of silence/);
			assert.equal(found.checks['HTTP version'].result, 'warn');
		});

	test('TLS and HTTP/2', async () => {
		const serve = ['--tls'];
		const found = await examine('nginx', { serve, args: ['--insecure', '--quick'] });
		assert.equal(found.checks['HTTP version'].detail, 'HTTP/2');
		assert.equal(found.checks.event.result, 'ok', found.text);
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

	test('lighttpd: stream-response-body 0', async () => {
		const found = await examine('lighttpd', {
			file: 'lighttpd.conf',
			edit: (text) => text.replace('stream-response-body = 2', 'stream-response-body = 0'),
		});
		names(found, 'stream', /ended, all of it came at once/, LIGHTTPD);
	});

	test('lighttpd: a short timeout', async () => {
		const found = await examine('lighttpd', {
			file: 'lighttpd.conf',
			edit: (text) => `server.max-write-idle = 1\n${text}`,
		});
		names(
			found,
			'heartbeat',
			/was cut after [12]\.\d s of silence/,
			'lighttpd.conf: server.max-write-idle = 360  (and no "read-timeout")',
		);
	});

	test('lighttpd-cgi: stream-response-body 0', async () => {
		const found = await examine('lighttpd-cgi', {
			file: 'lighttpd-cgi.conf',
			edit: (text) => text.replace('stream-response-body = 2', 'stream-response-body = 0'),
		});
		names(found, 'stream', /all of it came at once/, LIGHTTPD_CGI);
		assert.deepEqual(found.checks.stream.changes, [LIGHTTPD_CGI], found.text);
	});

	test('lighttpd-cgi: a short timeout', async () => {
		const found = await examine('lighttpd-cgi', {
			file: 'lighttpd-cgi.conf',
			edit: (text) => `server.max-write-idle = 1\n${text}`,
		});
		names(
			found,
			'heartbeat',
			/was cut after [12]\.\d s of silence/,
			'lighttpd-cgi.conf: server.max-write-idle = 360  (and no "read-timeout" in cgi.limits)',
		);
	});

	test('nginx: buffering', async () => {
		const found = await examine('nginx', {
			file: 'nginx.conf',
			edit: (text) =>
				text.replace(
					'fastcgi_buffering off;',
					'fastcgi_buffering on; fastcgi_ignore_headers X-Accel-Buffering;',
				),
		});
		names(found, 'stream', /all of it came at once/, 'nginx.conf: fastcgi_buffering off;');
	});

	test('nginx: a short timeout', async () => {
		const found = await examine('nginx', {
			file: 'nginx.conf',
			edit: (text) => text.replace('read_timeout 300s', 'read_timeout 1s'),
		});
		names(found, 'heartbeat', /was cut/, 'nginx.conf: fastcgi_read_timeout 300s;');
	});

	test('nginx: compression', async () => {
		const found = await examine('nginx', {
			file: 'nginx.conf',
			edit: (text) =>
				text.replace('gzip off;', 'gzip on; gzip_types text/event-stream; gzip_min_length 1;'),
		});
		names(found, 'stream', /compressed \(gzip\)/, 'nginx.conf: gzip off;');
	});

	for (const [server, file] of [
		['apache-proxy', 'apache/proxy.conf'],
		['apache-fcgid', 'apache/fcgid.conf'],
		['apache-cgi', 'apache/cgi.conf'],
	])
		test(`${server}: compression`, async () => {
			const found = await examine(server, {
				file,
				edit: (text) =>
					`LoadModule deflate_module /usr/lib/apache2/modules/mod_deflate.so
					SetOutputFilter DEFLATE\n${text}`,
			});
			names(found, 'stream', /compressed \(gzip\)/, `${file}: SetEnv no-gzip 1`);
		});

	test('apache-proxy: flushpackets missing', async () => {
		const found = await examine('apache-proxy', {
			file: 'apache/proxy.conf',
			edit: (text) => text.replace('" flushpackets=on', '"'),
		});
		names(
			found,
			'stream',
			/all of it came at once/,
			'apache/proxy.conf: ProxyPass … flushpackets=on',
		);
	});

	test('apache-proxy: a short timeout', async () => {
		const found = await examine('apache-proxy', {
			file: 'apache/proxy.conf',
			edit: (text) => text.replace('timeout=300 enable', 'timeout=1 enable'),
		});
		names(
			found,
			'heartbeat',
			/was cut/,
			'apache/proxy.conf: ProxyPass … timeout=300',
		);
	});

	test('apache-fcgid: the buffer left as it is', async () => {
		const found = await examine('apache-fcgid', {
			file: 'apache/fcgid.conf',
			edit: (text) => text.replace('FcgidOutputBufferSize 0', ''),
		});
		names(
			found,
			'stream',
			/all of it came at once/,
			'apache/fcgid.conf: FcgidOutputBufferSize 0',
		);
	});

	test('apache-fcgid: a short timeout', async () => {
		const found = await examine('apache-fcgid', {
			file: 'apache/fcgid.conf',
			edit: (text) => text.replace('FcgidIOTimeout 300', 'FcgidIOTimeout 1'),
		});
		names(
			found,
			'heartbeat',
			/was cut/,
			'apache/fcgid.conf: FcgidIOTimeout 300',
		);
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
		assert.equal(found.checks.event.result, 'ok', found.text);
	});

	test('apache-cgi: a short timeout', async () => {
		const found = await examine('apache-cgi', {
			file: 'apache/cgi.conf',
			edit: (text) => text.replace('CGIDScriptTimeout 300', 'CGIDScriptTimeout 1'),
		});
		names(
			found,
			'heartbeat',
			/was cut/,
			'apache/cgi.conf: CGIDScriptTimeout 300',
		);
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
			assert.equal(poll.checks.event.result, 'ok', poll.text);
		} finally {
			await site.stop();
			await other.stop();
		}
		const refused = await doctor([site.url, '--token', 'x']);
		assert.match(refused.checks['web server'].detail, /Failed to connect|refused/);
	});
});
