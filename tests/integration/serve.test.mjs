// `belfry serve`: sockets of its own, sockets from systemd, and what it refuses.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';

import * as fastcgi from './lib/fastcgi.mjs';
import {
	BASE,
	BINARY,
	ROOT,
	alive,
	makeDatabase,
	poll,
	run,
	sanitizerReports,
	temporaryFolder,
} from './lib/harness.mjs';

// Of sysexits(3).
const USAGE = 64;
const UNAVAILABLE = 69;
const CONFIG = 78;

const dir = temporaryFolder();
// What the sandbox allows is below dir/var: the sockets lie elsewhere.
const db = path.join(dir, 'var/data/belfry.db');
const children = new Set();
const env = {
	...Object.fromEntries(
		Object.entries(process.env).filter(([name]) => !name.startsWith('BELFRY_')),
	),
	ASAN_OPTIONS: `log_path=${dir}/sanitizer`,
	UBSAN_OPTIONS: `log_path=${dir}/sanitizer`,
	TSAN_OPTIONS: `log_path=${dir}/sanitizer`,
};

before(() => makeDatabase(db));
after(async () => {
	for (const child of children) child.process.kill('SIGKILL');
	await Promise.all([...children].map((child) => child.ended));
	assert.deepEqual(sanitizerReports(dir), []);
	fs.rmSync(dir, { recursive: true });
});

let folders = 0;
function folder() {
	const made = path.join(dir, String(++folders));
	fs.mkdirSync(made, { mode: 0o755 });
	return made;
}

// A program in the background, what it says as lines.
function start(command, args, { detached = false } = {}) {
	const child = { output: '', exit: null };
	child.process = spawn(command, args, { env, detached });
	for (const stream of [child.process.stdout, child.process.stderr])
		stream.on('data', (chunk) => (child.output += chunk));
	child.ended = new Promise((resolve) =>
		child.process.on('close', (code, signal) => {
			children.delete(child);
			resolve((child.exit = { code, signal }));
		}),
	);
	child.says = (text, times = 1) =>
		poll(`"${text}" in ${child.output}`, () => {
			if (child.output.split(text).length > times) return true;
			assert.equal(child.exit, null, child.output);
			return false;
		});
	child.stop = async (signal = 'SIGTERM') => {
		child.process.kill(signal);
		return child.ended;
	};
	children.add(child);
	return child;
}

const serve = (...args) => start(BINARY, ['serve', '--db', db, ...args]);

async function started(...args) {
	const child = serve(...args);
	await child.says(' start ');
	return child;
}

async function refused(code, message, args, more = { db }) {
	const given = more.db ? ['--db', more.db] : [];
	const result = await run(BINARY, ['serve', ...given, ...args], { env });
	assert.equal(result.code, code, result.stderr);
	assert.match(result.stderr, message);
	assert.match(result.stderr, /^belfry serve: [^\n]+\n$/);
	assert.equal(result.stdout, '');
}

// One FastCGI request; resolves with what came back when it ends.
function ask(where, { wait } = {}) {
	return new Promise((resolve, reject) => {
		const socket = net.connect(where);
		const parts = [];
		socket.on('error', reject);
		socket.on('data', (chunk) => parts.push(chunk));
		socket.on('close', () => resolve(fastcgi.parse(Buffer.concat(parts))));
		socket.on('connect', () => wait?.());
		socket.write(fastcgi.request(fastcgi.params('GET', `${BASE}/healthz`)));
	});
}

async function answers(where) {
	const answer = await ask(where);
	assert.equal(answer.ended, true);
	assert.match(answer.body, /"ok"/);
}

function freePort() {
	return new Promise((resolve) => {
		const server = net.createServer().listen(0, '127.0.0.1', () => {
			const { port } = server.address();
			server.close(() => resolve(port));
		});
	});
}

// ---- unix sockets ----

test('a unix socket: mode, group, an answer, and gone at the end', async () => {
	const file = path.join(folder(), 'belfry.sock');
	const gid = process.getuid() === 0 ? 33 : process.getgid();
	const child = await started(
		...['--listen', `unix:${file}`, '--mode', '0620', '--group', String(gid)],
	);
	const stat = fs.statSync(file);
	assert.ok(stat.isSocket());
	assert.equal((stat.mode & 0o777).toString(8), '620');
	assert.equal(stat.gid, gid);
	await answers(file);
	assert.deepEqual(await child.stop(), { code: 0, signal: null });
	assert.equal(fs.existsSync(file), false);
});

test('the mode is 0660 unless told otherwise, whatever the umask', async () => {
	const file = path.join(folder(), 'belfry.sock');
	const child = start('sh', [
		'-c',
		'umask 0; exec "$0" serve --db "$1" --listen "unix:$2"',
		...[BINARY, db, file],
	]);
	await child.says(' start ');
	assert.equal((fs.statSync(file).mode & 0o777).toString(8), '660');
	await child.stop();
});

test('a second responder on one socket is refused, the first goes on', async () => {
	const file = path.join(folder(), 'belfry.sock');
	const first = await started('--listen', `unix:${file}`);
	const { ino } = fs.statSync(file);
	await refused(UNAVAILABLE, /belfry\.sock: somebody listens there already/, [
		...['--listen', `unix:${file}`],
	]);
	assert.equal(fs.statSync(file).ino, ino);
	await answers(file);
	await first.stop();
});

test('the socket of a killed responder is replaced', async () => {
	const file = path.join(folder(), 'belfry.sock');
	const first = await started('--listen', `unix:${file}`);
	await first.stop('SIGKILL');
	assert.ok(fs.existsSync(file));
	const second = await started('--listen', `unix:${file}`);
	await answers(file);
	await second.stop();
});

test('of many that start at once on a stale socket, one wins', async () => {
	const file = path.join(folder(), 'belfry.sock');
	const first = await started('--listen', `unix:${file}`);
	await first.stop('SIGKILL');
	const many = Array.from({ length: 12 }, () =>
		serve('--listen', `unix:${file}`),
	);
	await poll('all but one to end', () =>
		many.filter((child) => child.exit).length === many.length - 1,
	);
	for (const child of many.filter((each) => each.exit)) {
		assert.equal(child.exit.code, UNAVAILABLE, child.output);
		assert.match(child.output, /somebody listens there already/);
	}
	const winner = many.find((child) => !child.exit);
	await winner.says(' start ');
	await answers(file);
	await winner.stop();
	assert.equal(fs.existsSync(file), false);
});

test('opening a socket is done under a lock on its folder', async () => {
	const where = folder();
	const file = path.join(where, 'belfry.sock');
	const holder = start('flock', [where, 'sh', '-c', 'echo held; read line']);
	await holder.says('held');
	const child = serve('--listen', `unix:${file}`);
	await poll('it to wait for the lock', () => {
		assert.ok(!fs.existsSync(file), 'it did not wait');
		return new RegExp(`-> FLOCK .* ${child.process.pid} `).test(
			fs.readFileSync('/proc/locks', 'utf8'),
		);
	});
	holder.process.stdin.end('\n');
	await child.says(' start ');
	await holder.ended;
	await answers(file);
	await child.stop();
});

test('the end of one does not remove the socket of its successor', async () => {
	const file = path.join(folder(), 'belfry.sock');
	const first = await started('--listen', `unix:${file}`);
	fs.unlinkSync(file); // as somebody may who wants a second one
	const second = await started('--listen', `unix:${file}`);
	await first.stop();
	await answers(file);
	await second.stop();
});

test('what can not be a socket is refused, and left as it is', async () => {
	const where = folder();
	const file = path.join(where, 'precious');
	fs.writeFileSync(file, 'text');
	await refused(UNAVAILABLE, /expected a socket or nothing/, [
		...['--listen', `unix:${file}`],
	]);
	assert.equal(fs.readFileSync(file, 'utf8'), 'text');
	const missing = path.join(where, 'no/belfry.sock');
	await refused(74, /\/no: No such file/, ['--listen', `unix:${missing}`]);
	const long = path.join(where, 'x'.repeat(120));
	await refused(USAGE, /at most 107 bytes/, ['--listen', `unix:${long}`]);
	await refused(USAGE, /no file name/, ['--listen', 'unix:']);
});

test('without a database nothing is begun', async () => {
	const file = path.join(folder(), 'belfry.sock');
	await refused(
		CONFIG,
		/database is not set/,
		['--listen', `unix:${file}`],
		{},
	);
	assert.equal(fs.existsSync(file), false);
});

test('2,000 connections wait for a responder that is busy', async () => {
	const file = path.join(folder(), 'belfry.sock');
	const child = await started('--listen', `unix:${file}`);
	child.process.kill('SIGSTOP');
	let sent = 0;
	const answersOf = Array.from({ length: 2000 }, () =>
		ask(file, { wait: () => sent++ }),
	);
	await Promise.race([
		poll('all to be connected', () => sent === 2000),
		Promise.all(answersOf),
	]);
	child.process.kill('SIGCONT');
	for (const answer of await Promise.all(answersOf))
		assert.match(answer.body, /"ok"/);
	await child.stop();
});

// ---- TCP ----

test('loopback TCP, once', async () => {
	const port = await freePort();
	const child = await started('--listen', `127.0.0.1:${port}`);
	await answers({ host: '127.0.0.1', port });
	await refused(UNAVAILABLE, /somebody listens there already/, [
		...['--listen', `localhost:${port}`],
	]);
	await child.stop();
	// TIME_WAIT does not hinder the next one.
	const next = await started('--listen', `localhost:${port}`);
	await answers({ host: '127.0.0.1', port });
	await next.stop();
});

test('a public address has to be given twice', async () => {
	const port = await freePort();
	const open = `0.0.0.0:${port}`;
	for (const address of [open, '192.0.2.1:9000', '[::]:9000', '[2001:db8::1]:9'])
		await refused(USAGE, /can be reached by others/, ['--listen', address]);
	await refused(USAGE, /can be reached by others/, [
		...['--listen', open, '--public', `0.0.0.0:${port - 1}`],
	]);
	await refused(USAGE, /not a public address/, [
		...['--listen', `127.0.0.1:${port}`, '--public', `127.0.0.1:${port}`],
	]);
	const child = await started('--listen', open, '--public', open);
	await answers({ host: '127.0.0.1', port });
	await child.stop();
});

test('addresses and options that make no sense', async () => {
	await refused(USAGE, /expected --listen/, []);
	for (const address of ['9000', ':9000', 'host:9000', '127.0.0.1:0', '1.2.3.4'])
		await refused(USAGE, /expected unix:PATH, or IP:PORT/, [
			...['--listen', address],
		]);
	const file = `unix:${path.join(folder(), 'belfry.sock')}`;
	for (const mode of ['660x', '8', '1777', '-1', ''])
		await refused(USAGE, /--mode: expected octal/, [
			...['--listen', file, '--mode', mode],
		]);
	for (const group of ['nobody-has-this', '99999999999', '4294967295', '-1', ''])
		await refused(USAGE, new RegExp(`there is no group "${group}"`), [
			...['--listen', file, '--group', group],
		]);
	await refused(USAGE, /--mode and --group: expected with unix:PATH/, [
		...['--listen', '127.0.0.1:9000', '--mode', '0600'],
	]);
});

// ---- systemd ----

// What systemd does for Type=notify with a socket unit, in the Perl that every
// Debian has: listens, takes what it is told, and runs the service again each
// time that it reads a line.
const MANAGER = `
use Socket; use IO::Handle; $^F = 3; STDOUT->autoflush(1);
my ($file, $notify, @command) = @ARGV;
socket(my $listen, AF_UNIX, SOCK_STREAM, 0); # descriptor 3
bind($listen, pack_sockaddr_un($file)) && listen($listen, 64) or die $!;
socket(my $told, AF_UNIX, SOCK_DGRAM, 0);
bind($told, pack_sockaddr_un($notify)) or die $!;
if (!fork) { print "told $text\\n" while defined recv($told, $text, 4096, 0); exit }
while (<STDIN>) {
	my $pid = fork;
	if (!$pid) {
		@ENV{qw(LISTEN_PID LISTEN_FDS NOTIFY_SOCKET)} = ($$, 1, $notify);
		exec @command;
	}
	print "pid $pid\\n";
	waitpid($pid, 0);
	print "status $?\\n";
}`;

function manage(file, ...args) {
	const manager = start(
		'perl',
		[
			...['-e', MANAGER, file, `${file}.notify`],
			...[BINARY, 'serve', '--db', db, ...args],
		],
		{ detached: true }, // a group of its own
	);
	manager.again = () => manager.process.stdin.write('\n');
	manager.pid = () => Number(/.*\bpid (\d+)/s.exec(manager.output)[1]);
	return manager;
}

// With its other half, which waits for messages, and the responder.
async function dismiss(manager) {
	process.kill(-manager.process.pid, 'SIGKILL');
	await manager.ended;
}

test('a socket from systemd: told when ready, kept across a restart', async () => {
	const file = path.join(folder(), 'belfry.sock');
	const manager = manage(file);
	manager.again();
	await manager.says('told READY=1');
	await answers(file);
	process.kill(manager.pid(), 'SIGTERM');
	await manager.says('told STOPPING=1');
	await manager.says('status 0');
	// While nobody runs, people are not refused but wait.
	let sent = false;
	const answer = ask(file, { wait: () => (sent = true) });
	await poll('to be connected', () => sent);
	manager.again();
	assert.match((await answer).body, /"ok"/);
	process.kill(manager.pid(), 'SIGKILL');
	await manager.says('status 9');
	assert.ok(fs.existsSync(file), 'the socket is not ours to remove');
	await dismiss(manager);
});

test('--listen may say the same as systemd, and nothing else', async () => {
	const file = path.join(folder(), 'belfry.sock');
	const same = manage(file, '--listen', `unix:${file}`);
	same.again();
	await same.says('told READY=1');
	await answers(file);
	await dismiss(same);
	const other = path.join(folder(), 'belfry.sock');
	const differs = manage(other, '--listen', `unix:${file}`);
	differs.again();
	await differs.says('systemd has passed a socket that listens on unix:');
	await differs.says(`status ${USAGE << 8}`);
	await dismiss(differs);
});

test('what was passed to somebody else is not taken', async () => {
	const result = await run(BINARY, ['serve', '--db', db], {
		env: { ...env, LISTEN_PID: '1', LISTEN_FDS: '1' },
	});
	assert.equal(result.code, USAGE);
	assert.match(result.stderr, /expected --listen/);
});

test('the unit file is hardened: exposure below 2.0', async () => {
	const result = await run('systemd-analyze', [
		...['security', '--offline=true', '--threshold=20'],
		path.join(ROOT, 'dist/belfry.service'),
	]);
	assert.equal(result.code, 0, result.stdout.slice(-200) + result.stderr);
});

test('every test has stopped what it started', () => {
	for (const child of children) assert.ok(!alive(child.process.pid));
});
