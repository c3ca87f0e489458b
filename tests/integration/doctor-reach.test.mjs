// belfry doctor through real web servers in which one line is wrong, so that the
// request does not reach Belfry, or not with all that it should know.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { arrived, examine, names } from './lib/doctor.mjs';

const FCGI = '/api/notification[s]'; // not filled in by scripts/serve

describe('belfry doctor URL', { concurrency: 4 }, () => {
	// Belfry is somewhere else.
	const APACHE =
		'apache/proxy.conf: ProxyPass "/api/notifications" …  (or Alias in ' +
		'apache/fcgid.conf, ScriptAlias in apache/cgi.conf)';
	for (const [server, line] of [
		[
			'lighttpd',
			'lighttpd.conf: fastcgi.server = ( "/api/notifications" => … "check-local" => "disable" …)',
		],
		['nginx', 'nginx.conf: location ~ ^/api/notifications(/|$) { fastcgi_pass … }'],
		['apache-proxy', APACHE],
		['apache-fcgid', APACHE],
		['apache-cgi', APACHE],
	])
		test(`${server}: the path leads elsewhere`, async () => {
			const found = await examine(server, {
				args: ['--config', '/dev/null'],
				serve: ['--set', 'base_path=/api/other'],
			});
			names(found, 'web server', /answers 404/, line);
		});

	// The path leads to a socket where nobody listens, or to a program that fails.
	for (const [server, file, lines, status, line] of [
		[
			'lighttpd',
			'lighttpd.conf',
			'fastcgi.server += ( "/api/notification" => (( "socket" => "/none", "check-local" => "disable" )))',
			/answers 50[03]/,
			/^lighttpd.conf: .*"socket" => …/,
		],
		[
			'nginx',
			'nginx.conf',
			`location ~ ^${FCGI} { fastcgi_pass unix:/none; }`,
			/answers 502/,
			/^nginx.conf: fastcgi_pass unix:…;/,
		],
		[
			'apache-proxy',
			'apache/proxy.conf',
			`ProxyPassMatch "^${FCGI}" "unix:/none|fcgi://none/"`,
			/answers 503/,
			/^apache\/proxy.conf: ProxyPass "\/api\/notifications"/,
		],
		[
			'apache-fcgid',
			'apache/fcgid.conf',
			`AliasMatch "^${FCGI}" "/bin/false"\n<Location "/api">\nSetHandler fcgid-script\nOptions +ExecCGI\nRequire all granted\n</Location>`,
			/answers 50[03]/,
			/^apache\/fcgid.conf: FcgidInitialEnv BELFRY_CONFIG/,
		],
		[
			'apache-cgi',
			'apache/cgi.conf',
			`ScriptAliasMatch "^${FCGI}" "/bin/false"\n<Location "/api">\nRequire all granted\n</Location>`,
			/answers 500/,
			/^apache\/cgi.conf: SetEnv BELFRY_CONFIG/,
		],
	])
		test(`${server}: nobody answers it`, async () => {
			const found = await examine(server, {
				args: ['--config', '/dev/null'],
				serve: ['--set', 'base_path=/api/other'],
				file,
				edit: (text) =>
					server === 'nginx'
						? text.replace('location ~', `${lines}\nlocation ~`)
						: `${lines}\n${text}`,
			});
			names(found, 'web server', status);
			assert.ok(
				found.checks['web server'].changes.some((one) => line.test(one)),
				found.text,
			);
		});

	for (const [server, file] of [
		['apache-proxy', 'apache/proxy.conf'],
		['apache-fcgid', 'apache/fcgid.conf'],
		['apache-cgi', 'apache/cgi.conf'],
	])
		test(`${server}: CGIPassAuth missing`, async () => {
			const found = await examine(server, {
				args: ['--quick'],
				file,
				edit: (text) => text.replace('CGIPassAuth On', ''),
			});
			names(
				found,
				'Authorization',
				/keeps the header/,
				`${file}: CGIPassAuth On`,
			);
			// The rest is looked at all the same, by tickets.
			arrived(found);
		});

	for (const [server, file, good, line, bad = ''] of [
		[
			'lighttpd',
			'lighttpd.conf',
			'"tcp-fin-propagate" => "enable"',
			'"tcp-fin-propagate" => "enable"',
		],
		[
			'lighttpd-cgi',
			'lighttpd-cgi.conf',
			'cgi.limits = ( "tcp-fin-propagate" => "SIGTERM" )',
			'cgi.limits = ( "tcp-fin-propagate" => "SIGTERM" )',
		],
		[
			'nginx',
			'nginx.conf',
			'gzip off;',
			'fastcgi_ignore_client_abort off;',
			'gzip off; fastcgi_ignore_client_abort on;',
		],
	])
		test(`${server}: a closed tab that is not told of`, async () => {
			const found = await examine(server, {
				args: ['--quick'],
				file,
				edit: (text) => text.replace(good, bad),
			});
			assert.equal(found.checks['closed tab'].result, 'warn', found.text);
			assert.deepEqual(found.checks['closed tab'].changes, [`${file}: ${line}`]);
		});
});
