// Processes of servers under test: starting on given CPUs, finding what belongs
// to them, stopping.

import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
export const BENCH = path.join(ROOT, 'tests/bench');
export const BUILD = path.join(ROOT, 'build/bench');

const READY_MS = 20_000;
const STOP_MS = 20_000;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// First line of what a program says about its version; null: not installed.
export function version(command, args, pattern = /.*/) {
	const result = spawnSync(command, args, { encoding: 'utf8' });
	if (result.error) return null;
	return pattern.exec(`${result.stdout}${result.stderr}`.trim())?.[0] ?? null;
}

function isFree(port) {
	return new Promise((resolve) => {
		const server = net.createServer();
		server.on('error', () => resolve(false));
		server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
	});
}

// Below those that the kernel gives out by itself, so that no connection of a
// busy machine takes it meanwhile.
export async function freePort() {
	for (;;) {
		const port = 12000 + Math.floor(Math.random() * 8000);
		if (await isFree(port)) return port;
	}
}

function parentOf(pid) {
	try {
		const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
		const rest = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
		return rest[0] === 'Z' ? null : Number(rest[1]);
	} catch {
		return null;
	}
}

// [name, pid] of a process and all below it.
export function family(root) {
	const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
	const parents = new Map(pids.map((pid) => [Number(pid), parentOf(pid)]));
	const found = [root];
	for (let i = 0; i < found.length; i++)
		for (const [pid, parent] of parents)
			if (parent === found[i]) found.push(pid);
	return found.flatMap((pid) => {
		try {
			const name = fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
			return [[name, pid]];
		} catch {
			return [];
		}
	});
}

// One child, pinned; what it says goes to a file.
export class Child {
	constructor(argv, { cpus, dir, log = 'server.log', env = {} }) {
		this.logFile = path.join(dir, log);
		const out = fs.openSync(this.logFile, 'a');
		const pin = cpus ? ['taskset', '-c', cpus] : [];
		const all = ['setpriv', '--pdeathsig', 'TERM', ...pin, ...argv];
		this.name = path.basename(argv[0]);
		this.child = spawn(all[0], all.slice(1), {
			cwd: dir,
			env: { ...process.env, ...env },
			stdio: ['ignore', 'pipe', out],
			// lighttpd with several workers passes a signal on to its whole
			// process group, which must not be ours.
			detached: true,
		});
		fs.closeSync(out);
		this.output = '';
		this.child.stdout.on('data', (chunk) => {
			this.output += chunk;
			fs.appendFileSync(this.logFile, chunk);
		});
		this.ended = new Promise((resolve) => {
			this.child.on('error', (error) => resolve({ error }));
			this.child.on('close', (code, signal) => resolve({ code, signal }));
		});
		this.ended.then((how) => (this.end = how));
	}

	get pid() {
		return this.child.pid;
	}

	// Waits for what `test` finds in what the child has said.
	async until(test) {
		const give_up = Date.now() + READY_MS;
		for (;;) {
			const found = await test(this.output);
			if (found) return found;
			if (this.end || Date.now() > give_up)
				throw new Error(
					`${this.name} did not start: ${JSON.stringify(this.end ?? 'slow')}\n` +
						fs.readFileSync(this.logFile, 'utf8').slice(-2000),
				);
			await sleep(20);
		}
	}

	untilPort(port) {
		return this.until(
			() =>
				new Promise((resolve) => {
					const socket = net.connect(port, '127.0.0.1');
					const done = (answer) => {
						socket.destroy();
						resolve(answer);
					};
					socket.on('connect', () => done(true));
					socket.on('error', () => done(false));
				}),
		);
	}

	async stop() {
		if (this.end) return;
		const below = family(this.pid);
		this.child.kill('SIGTERM');
		const late = setTimeout(() => {
			for (const [, pid] of below)
				try {
					process.kill(pid, 'SIGKILL');
				} catch {
					// it went by itself
				}
		}, STOP_MS);
		await this.ended;
		clearTimeout(late);
	}
}
