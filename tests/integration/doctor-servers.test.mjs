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

// One line of a web server's configuration that is wrong, in which check that is seen, and which
// line the tool names.
const WRONG = [
	{
		name: 'stream-response-body 0',
		server: 'lighttpd',
		file: 'lighttpd.conf',
		edit: (text) => text.replace('stream-response-body = 2', 'stream-response-body = 0'),
		check: 'stream',
		detail: /ended, all of it came at once/,
		line: 'server.stream-response-body = 2',
	},
	{
		name: 'a short timeout',
		server: 'lighttpd',
		file: 'lighttpd.conf',
		edit: (text) => `server.max-write-idle = 1\n${text}`,
		detail: /was cut after \d+\.\d s of silence/,
		line: 'server.max-write-idle = 360  (and no "read-timeout")',
	},
	{
		name: 'stream-response-body 0',
		server: 'lighttpd-cgi',
		file: 'lighttpd-cgi.conf',
		edit: (text) => text.replace('stream-response-body = 2', 'stream-response-body = 0'),
		check: 'stream',
		detail: /all of it came at once/,
		line: 'server.stream-response-body = 2',
	},
	{
		name: 'a short timeout',
		server: 'lighttpd-cgi',
		file: 'lighttpd-cgi.conf',
		edit: (text) => `server.max-write-idle = 1\n${text}`,
		detail: /was cut after \d+\.\d s of silence/,
		line: 'server.max-write-idle = 360  (and no "read-timeout" in cgi.limits)',
	},
	{
		name: 'buffering',
		server: 'nginx',
		file: 'nginx.conf',
		edit: (text) =>
			text.replace(
				'fastcgi_buffering off;',
				'fastcgi_buffering on; fastcgi_ignore_headers X-Accel-Buffering;',
			),
		check: 'stream',
		detail: /all of it came at once/,
		line: 'fastcgi_buffering off;',
	},
	{
		name: 'a short timeout',
		server: 'nginx',
		file: 'nginx.conf',
		edit: (text) => text.replace('read_timeout 300s', 'read_timeout 1s'),
		line: 'fastcgi_read_timeout 300s;',
	},
	{
		name: 'compression',
		server: 'nginx',
		file: 'nginx.conf',
		edit: (text) =>
			text.replace('gzip off;', 'gzip on; gzip_types text/event-stream; gzip_min_length 1;'),
		check: 'stream',
		detail: /compressed \(gzip\)/,
		line: 'gzip off;',
	},
	...[['apache-proxy', 'proxy'], ['apache-fcgid', 'fcgid'], ['apache-cgi', 'cgi']].map(
		([server, name]) => ({
			name: 'compression',
			server,
			file: `apache/${name}.conf`,
			edit: (text) =>
				`LoadModule deflate_module /usr/lib/apache2/modules/mod_deflate.so
				SetOutputFilter DEFLATE\n${text}`,
			check: 'stream',
			detail: /compressed \(gzip\)/,
			line: 'SetEnv no-gzip 1',
		}),
	),
	{
		name: 'flushpackets missing',
		server: 'apache-proxy',
		file: 'apache/proxy.conf',
		edit: (text) => text.replace('" flushpackets=on', '"'),
		check: 'stream',
		detail: /all of it came at once/,
		line: 'ProxyPass … flushpackets=on',
	},
	{
		name: 'a short timeout',
		server: 'apache-proxy',
		file: 'apache/proxy.conf',
		edit: (text) => text.replace('timeout=300 enable', 'timeout=1 enable'),
		line: 'ProxyPass … timeout=300',
	},
	{
		name: 'the buffer left as it is',
		server: 'apache-fcgid',
		file: 'apache/fcgid.conf',
		edit: (text) => text.replace('FcgidOutputBufferSize 0', ''),
		check: 'stream',
		detail: /all of it came at once/,
		line: 'FcgidOutputBufferSize 0',
	},
	{
		name: 'a short timeout',
		server: 'apache-fcgid',
		file: 'apache/fcgid.conf',
		edit: (text) => text.replace('FcgidIOTimeout 300', 'FcgidIOTimeout 1'),
		line: 'FcgidIOTimeout 300',
	},
	{
		name: 'a short timeout',
		server: 'apache-cgi',
		file: 'apache/cgi.conf',
		edit: (text) => text.replace('CGIDScriptTimeout 300', 'CGIDScriptTimeout 1'),
		line: 'CGIDScriptTimeout 300',
	},
];

// On a busy machine an event may take more than a second: then the tool warns.
function arrived(found) {
	assert.match(found.checks.event?.detail ?? '', /^arrives \d+ ms after its commit$/, found.text);
	assert.notEqual(found.checks.event.result, 'fail');
}

describe('belfry doctor URL', { concurrency: 4 }, () => {
	for (const server of SERVERS)
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

	for (const { name, server, file, edit, check = 'heartbeat', detail = /was cut/, line } of WRONG)
		test(`${server}: ${name}`, async () => {
			const found = await examine(server, { file, edit });
			names(found, check, detail, `${file}: ${line}`);
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
