// Plain node:http, and below the same with better-sse (see js-server.mjs).

import path from 'node:path';

import { BENCH, Child, freePort } from '../lib/process.mjs';
import * as peer from './peer.mjs';

export const name = 'node';
export const title = 'node http';
export const { variants, maxStreams } = peer;
export const describe = () => `node ${process.version}`;

export async function start({ dir, cpus }, kind = 'plain', ...more) {
	const port = await freePort();
	const child = new Child(
		[
			process.execPath,
			path.join(BENCH, 'servers/js-server.mjs'),
			kind,
			String(port),
			...more.map(String),
		],
		{ dir, cpus },
	);
	await child.untilPort(port);
	return {
		port,
		pids: () => [['node', child.pid]],
		stop: () => child.stop(),
		options: peer.options(port),
		everyone: peer.everyone,
	};
}
