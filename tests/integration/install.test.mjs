// make install, make uninstall, and the one file of make dist-static in an empty
// chroot.  What docs/deploy.md says besides is run by make check-deploy, the
// package by make check-deb.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { commandsOf, openAccount } from './lib/account.mjs';
import { CONFIG, readDoctor } from './lib/doctor.mjs';
import { ROOT, poll, run, temporaryFolder } from './lib/harness.mjs';
import { params, parse, request } from './lib/fastcgi.mjs';
import { sqlite } from './lib/process.mjs';
import { waiting } from './lib/wait.mjs';

const dir = temporaryFolder();
after(() => fs.rmSync(dir, { recursive: true }));

async function make(...args) {
	const env = { ...process.env };
	for (const name of ['SANITIZER', 'MAKEFLAGS', 'MAKELEVEL', 'OUT']) delete env[name];
	const result = await run('make', ['-s', '-C', ROOT, ...args], { env });
	assert.equal(result.code, 0, `make ${args.join(' ')}: ${result.stderr}`);
	return result.stdout;
}

function files(folder) {
	return fs
		.readdirSync(folder, { recursive: true, withFileTypes: true })
		.filter((entry) => !entry.isDirectory())
		.map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
}

function connected(socket) {
	return new Promise((resolve) => {
		const client = net.connect(socket, () => resolve(client));
		client.on('error', () => resolve(null));
	});
}

describe('make install', () => {
	const root = path.join(dir, 'root');
	const where = [`DESTDIR=${root}`, 'PREFIX=/opt/belfry'];

	test('all of it is below DESTDIR and PREFIX, and says so', async () => {
		await make('install', ...where);
		const found = files(root);
		for (const file of found)
			assert.ok(file.startsWith(path.join(root, 'opt/belfry/')), file);
		const binary = path.join(root, 'opt/belfry/bin/belfry');
		const version = await run(binary, ['--version']);
		assert.match(version.stdout, /^belfry \d+\.\d+\.\d+\n$/);
		const examples = found.filter((file) => file.includes('/doc/belfry/examples/'));
		assert.ok(examples.length >= 9, examples.join(' '));
		for (const file of examples)
			assert.ok(!fs.readFileSync(file, 'utf8').includes('/usr/local/'), file);
		const service = examples.find((file) => file.endsWith('belfry.service'));
		assert.match(
			fs.readFileSync(service, 'utf8'),
			/^ExecStart=\/opt\/belfry\/bin\/belfry serve$/m,
		);
	});

	test('the migrations that are installed make a database', async () => {
		const folder = path.join(root, 'opt/belfry/share/belfry/sql/migrations');
		const db = path.join(dir, 'installed.db');
		const text = fs
			.readdirSync(folder)
			.sort()
			.map((name) => fs.readFileSync(path.join(folder, name), 'utf8'))
			.join('');
		await sqlite(db, `${text}\nINSERT INTO notifications(user_id, title) VALUES ('a', 'b');`);
	});

	test('make uninstall leaves nothing', async () => {
		await make('uninstall', ...where);
		assert.deepEqual(files(root), []);
	});
});

describe('make dist-static', () => {
	const root = path.join(dir, 'chroot');
	let archive;
	const chroot =
		process.getuid() === 0
			? ['chroot', root]
			: ['unshare', '--map-root-user', 'chroot', root];
	const inside = (...args) => run(chroot[0], [...chroot.slice(1), '/belfry', ...args], {
			env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
		});

	test('an archive with all that an account needs', async () => {
		const said = await make('dist-static');
		[, archive] = /(build\/dist\/\S+\.tar\.gz): [\d.]+ MB/.exec(said);
		const unpacked = path.join(dir, 'unpacked');
		fs.mkdirSync(unpacked);
		const tar = await run('tar', ['-xzf', path.join(ROOT, archive), '-C', unpacked]);
		assert.equal(tar.code, 0, tar.stderr);
		const [folder] = fs.readdirSync(unpacked);
		const names = fs.readdirSync(path.join(unpacked, folder)).sort();
		assert.deepEqual(names, [
			'.htaccess',
			'LICENSE',
			'belfry',
			'belfry.conf.example',
			'belfry.fcgi',
			'deploy.md',
		]);
		const mode = (name) => fs.statSync(path.join(unpacked, folder, name)).mode & 0o777;
		assert.equal(mode('belfry'), 0o755);
		assert.equal(mode('belfry.fcgi'), 0o755);
		fs.mkdirSync(path.join(root, 'db'), { recursive: true });
		fs.chmodSync(path.join(root, 'db'), 0o2770);
		fs.copyFileSync(path.join(unpacked, folder, 'belfry'), path.join(root, 'belfry'));
	});

	test('it works where there is nothing else', async () => {
		const made = await inside('init', '--db', '/db/belfry.db');
		assert.equal(made.stdout, '/db/belfry.db\n', made.stderr);
		const session = await inside('session', 'create', '--user', 'alice', '--db', '/db/belfry.db');
		assert.match(session.stdout, /^bfs_\S+\n$/, session.stderr);
		const doctor = await inside('doctor', '--db', '/db/belfry.db');
		assert.equal(doctor.code, 0, doctor.stdout + doctor.stderr);

		const responder = spawn(
			'setpriv',
			['--pdeathsig', 'TERM', ...chroot, '/belfry', 'serve', '--listen', 'unix:/db/socket'],
			{ env: { BELFRY_DATABASE: '/db/belfry.db', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, stdio: ['ignore', 'pipe', 'pipe'] },
		);
		const ended = new Promise((resolve) => responder.on('close', resolve));
		let log = '';
		responder.stderr.on('data', (chunk) => (log += chunk));
		try {
			const socket = path.join(root, 'db/socket');
			// It is there a moment before somebody listens.
			const client = await poll('the socket', () => connected(socket));
			const cookie = `belfry_session=${session.stdout.trim()}`;
			client.write(
				request(params('GET', '/api/notifications/stream', { Cookie: cookie })),
			);
			const bytes = [];
			const seen = (text) =>
				waiting(text, () => Buffer.concat(bytes) + log, (done, fail) => {
					const look = () => {
						if (parse(Buffer.concat(bytes)).body.includes(text)) done();
					};
					client.on('data', (chunk) => {
						bytes.push(chunk);
						look();
					});
					client.on('close', () => fail(new Error(log)));
					look();
				});
			await seen('event: connected');
			// A writer that is not in the chroot.
			await sqlite(
				path.join(root, 'db/belfry.db'),
				"INSERT INTO notifications(user_id, title) VALUES ('alice', 'Hello in there');",
			);
			await seen('Hello in there');
			client.removeAllListeners('close');
			client.destroy();
		} finally {
			responder.kill('SIGTERM');
			assert.equal(await ended, 0, log);
		}
	});

	// docs/deploy.md, "Shared hosting", as it stands there.
	describe('an account on shared hosting', () => {
		// What WordPress puts there: every address that is no file is its own.
		const THEIRS = `RewriteEngine On
RewriteCond %{REQUEST_FILENAME} !-f
RewriteRule . /index.html [L]
`;
		const FILES =
			'public_html/.htaccess public_html/belfry.fcgi belfry/belfry.conf';
		let account;
		before(async () => {
			account = await openAccount();
			await account.sh(
				`echo '${THEIRS}' >theirs; cp theirs public_html/.htaccess; echo Theirs >public_html/index.html`,
			);
			fs.copyFileSync(
				path.join(ROOT, archive),
				path.join(account.home, path.basename(archive)),
			);
		});
		after(() => account?.close());

		const examine = async () =>
			readDoctor(
				await account.sh(
					`belfry/belfry doctor ${account.url} --config belfry/belfry.conf --json`,
				),
			);

		test('the recipe', async () => {
			const commands = commandsOf('shared');
			assert.match(commands, /http:\/\/localhost\//);
			const done = await account.sh(
				commands.replace('http://localhost/', account.url),
			);
			assert.equal(done.code, 0, done.stdout + done.stderr + account.log());
			assert.match(done.stdout, /^ok {4}stream: poll mode, which is right here/m);
			assert.match(done.stdout, /^ok {4}event: arrives/m);
			assert.doesNotMatch(done.stdout, /->/);
			// The site is as it was.
			const page = await fetch(`${account.url}no/such/page`);
			assert.equal(await page.text(), 'Theirs\n');
		});

		// One thing is wrong, and it says which line: of the files that an
		// account has, and with the paths that are right.
		for (const [what, wrong, check, line] of [
			[
				'CGIPassAuth missing',
				'sed -i /CGIPassAuth/d public_html/.htaccess',
				'Authorization',
				'.htaccess: CGIPassAuth On',
			],
			[
				'the rules after those of others',
				'cat theirs belfry/.htaccess >public_html/.htaccess',
				'web server',
				'.htaccess: RewriteRule … "belfry.fcgi" [END]',
			],
			[
				'a program that is handed out',
				'sed -i /AddHandler/d public_html/.htaccess',
				'web server',
				'.htaccess: AddHandler fcgid-script .fcgi',
			],
			[
				'the wrong configuration',
				'sed -i s,/belfry.conf,/none.conf, public_html/belfry.fcgi',
				'web server',
				'belfry.fcgi: BELFRY_CONFIG=HOME/belfry/belfry.conf',
			],
			[
				'the wrong program',
				'sed -i "s,^exec .*,exec /none," public_html/belfry.fcgi',
				'web server',
				'belfry.fcgi: exec HOME/belfry/belfry',
			],
			[
				'answers that are held back',
				'echo stream_mode = stream >>belfry/belfry.conf',
				'stream',
				'belfry.conf: stream_mode = poll',
			],
		])
			test(what, async () => {
				const save = 'public_html/.htaccess public_html/belfry.fcgi belfry/belfry.conf';
				await account.sh(`mkdir good; cp ${FILES} good; ${wrong}`);
				try {
					const found = await examine();
					assert.equal(found.code, CONFIG, found.text);
					const { result, changes } = found.checks[check];
					assert.equal(result, 'fail', found.text);
					const expected = line.replace('HOME', account.home);
					assert.ok(
						changes.some((one) => one.startsWith(expected)),
						found.text,
					);
					assert.doesNotMatch(changes.join('\n'), /^apache\/|systemctl/m);
				} finally {
					await account.sh(
						`for file in ${FILES}; do cp good/$\{file##*/} $file; done; rm -r good`,
					);
				}
			});
	});
});
