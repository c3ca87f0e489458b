// Programs that run to their end, and processes as /proc has them.

import { spawn } from 'node:child_process';
import fs from 'node:fs';

// Runs a program to its end; stdin is given as text.
export function run(command, args, { input = '', env, cwd } = {}) {
	return new Promise((resolve, reject) => {
		const child = spawn(command, args, { env, cwd });
		const out = { stdout: [], stderr: [] };
		child.stdout.on('data', (chunk) => out.stdout.push(chunk));
		child.stderr.on('data', (chunk) => out.stderr.push(chunk));
		child.on('error', reject);
		child.on('close', (code, signal) =>
			resolve({
				code,
				signal,
				stdout: Buffer.concat(out.stdout).toString(),
				stderr: Buffer.concat(out.stderr).toString(),
			}),
		);
		child.stdin.on('error', () => {});
		child.stdin.end(input);
	});
}

// The sqlite3 CLI on a file; what it prints.
export async function sqlite(db, text, { args = [] } = {}) {
	const result = await run(
		'sqlite3',
		['-batch', '-bail', '-cmd', '.timeout 60000', ...args, db],
		{ input: text },
	);
	if (result.code !== 0 || result.stderr)
		throw new Error(`sqlite3: ${result.stderr} in ${text.slice(0, 400)}`);
	return result.stdout;
}

export async function sqliteRows(db, text) {
	const out = await sqlite(db, text, { args: ['-json'] });
	return out.trim() ? JSON.parse(out) : [];
}

function readProc(pid, name) {
	try {
		return fs.readFileSync(`/proc/${pid}/${name}`);
	} catch {
		return null;
	}
}

function stat(pid) {
	const text = readProc(pid, 'stat')?.toString();
	if (!text) return null;
	const rest = text.slice(text.lastIndexOf(')') + 2).split(' ');
	return { state: rest[0], ppid: Number(rest[1]) };
}

function allPids() {
	return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
}

// A dead process may be a zombie, but one whose first thread has ended while
// others are still at it holds its sockets.
export function alive(pid) {
	const now = stat(pid);
	if (now === null || now.state === 'X') return false;
	if (now.state !== 'Z') return true;
	try {
		return fs.readdirSync(`/proc/${pid}/task`).length > 1;
	} catch {
		return false;
	}
}

export function descendants(root) {
	const children = new Map();
	for (const pid of allPids()) {
		const now = stat(pid);
		if (!now || now.state === 'Z') continue;
		if (!children.has(now.ppid)) children.set(now.ppid, []);
		children.get(now.ppid).push(Number(pid));
	}
	const found = [];
	const walk = (pid) =>
		(children.get(pid) ?? []).forEach((child) => {
			found.push(child);
			walk(child);
		});
	walk(root);
	return found;
}

export function executable(pid) {
	try {
		return fs.readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '');
	} catch {
		return null;
	}
}

// Processes other than ours that have to do with the folder.
export function processesOf(folder) {
	const found = [];
	for (const pid of allPids()) {
		if (Number(pid) === process.pid || !alive(pid)) continue;
		const texts = ['cmdline', 'environ'].map((name) => readProc(pid, name));
		const links = ['cwd'];
		try {
			for (const fd of fs.readdirSync(`/proc/${pid}/fd`))
				links.push(`fd/${fd}`);
		} catch {
			// it went, or is not ours
		}
		for (const link of links) {
			try {
				texts.push(Buffer.from(fs.readlinkSync(`/proc/${pid}/${link}`)));
			} catch {
				// the same
			}
		}
		if (texts.some((text) => text?.includes(folder)))
			found.push(`${pid} ${readProc(pid, 'cmdline')}`.replaceAll('\0', ' '));
	}
	return found;
}

export function parentOf(pid) {
	return stat(pid)?.ppid;
}
