// Runs the load tool.

import { spawn } from 'node:child_process';
import path from 'node:path';

import { BUILD } from './process.mjs';

export const LOAD = path.join(BUILD, 'load');

// {name: value} as options of the load tool: true is a flag, a list is the
// option again and again.
export function argumentsOf(options) {
	return Object.entries(options).flatMap(([key, value]) => {
		const name = `--${key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
		if (value === undefined || value === null || value === false) return [];
		if (value === true) return [name];
		return [value].flat().flatMap((one) => [name, String(one)]);
	});
}

// What it reports; an error where it could not do it.
export function load(options, { cpus, binary = LOAD, timeoutMs = 300_000 } = {}) {
	const argv = [binary, ...argumentsOf(options)];
	if (cpus) argv.unshift('taskset', '-c', cpus);
	argv.unshift('setpriv', '--pdeathsig', 'KILL');
	return new Promise((resolve, reject) => {
		const child = spawn(argv[0], argv.slice(1));
		let out = '';
		let err = '';
		const late = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
		child.stdout.on('data', (chunk) => (out += chunk));
		child.stderr.on('data', (chunk) => (err += chunk));
		child.on('error', reject);
		child.on('close', (code, signal) => {
			clearTimeout(late);
			// 1 is also what a sanitizer ends with, and then there is no report.
			if ((code === 0 || code === 1) && out)
				resolve({ code, ...JSON.parse(out) });
			else reject(new Error(err.trim() || `load: ${code ?? signal}`));
		});
	});
}
