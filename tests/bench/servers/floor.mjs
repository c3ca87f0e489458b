// The raw floor: one epoll thread that sends ready bytes to every socket.

import path from 'node:path';

import { BUILD, Child, freePort } from '../lib/process.mjs';
import * as peer from './peer.mjs';

export const name = 'floor';
export const title = 'floor';
export const { variants, maxStreams } = peer;
export const describe = () => 'tests/bench/floor.c';

export async function start({ dir, cpus }) {
	const port = await freePort();
	const child = new Child([path.join(BUILD, 'floor'), String(port)], {
		dir,
		cpus,
	});
	await child.untilPort(port);
	return {
		port,
		pids: () => [['floor', child.pid]],
		stop: () => child.stop(),
		options: peer.options(port),
		everyone: peer.everyone,
	};
}
