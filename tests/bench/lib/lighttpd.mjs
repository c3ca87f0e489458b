// What the project's lighttpd.conf comes to on this machine: its limits are
// computed from that of the descriptors.

import { spawnSync } from 'node:child_process';
import path from 'node:path';

import { ROOT } from './process.mjs';

export function limits() {
	const { stdout } = spawnSync(
		'lighttpd',
		['-p', '-f', path.join(ROOT, 'lighttpd.conf')],
		{ encoding: 'utf8' },
	);
	const given = (key) =>
		Number(new RegExp(`server\\.${key}\\s*=\\s*(\\d+)`).exec(stdout)?.[1]);
	return {
		fds: given('max-fds') || 4096,
		connections: given('max-connections') || Infinity,
		workers: given('max-worker') || 1,
	};
}

// Streams: two descriptors each, up to nine tenths of them, and some for others.
export function capacity() {
	const { fds, connections, workers } = limits();
	return Math.floor(Math.min(connections, fds * 0.45)) * workers - 60;
}
