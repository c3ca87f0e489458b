// A thousand peers on the FastCGI socket who say nothing, one byte, or garbage.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';

import { BASE, poll } from '../integration/lib/harness.mjs';
import * as fastcgi from '../integration/lib/fastcgi.mjs';
import { LONG, below, fault } from './lib/scene.mjs';

const PEERS = 1000;
const ROUNDS = LONG ? 10 : 1;

const half = fastcgi.request(
	fastcgi.params('GET', `${BASE}/stream`, { Cookie: 'belfry_session=no' }),
);
const sayings = [
	() => Buffer.alloc(0),
	() => Buffer.from([below(256)]),
	() => randomBytes(1 + below(4096)),
	() => half.subarray(0, 1 + below(half.length - 1)),
];

function connect(where, peers) {
	return new Promise((resolve, reject) => {
		const socket = net.connect(where, () => resolve(socket));
		socket.on('error', reject);
		peers.push(socket);
	});
}

test('are no matter to all others', () =>
	fault('1,000 hostile peers', {}, async (scene) => {
		const { server } = scene;
		const where = await server.socketPath();
		const pid = await server.responderPid();
		const open = () => fs.readdirSync(`/proc/${pid}/fd`).length;
		const before = open();
		scene.write();
		for (; scene.rounds < ROUNDS; scene.rounds++) {
			const peers = [];
			for (let i = 0; i < PEERS; i++) {
				const socket = await connect(where, peers);
				// Refused ones are closed, as is right.
				socket.on('error', () => {});
				socket.write(sayings[i % sayings.length]());
			}
			await scene.writes(50);
			scene.witness.cut();
			const list = await server.request('GET', '?limit=1', { user: 'u0' });
			assert.equal(list.status, 200);
			await scene.witness.open();
			await scene.writes(50);
			peers.forEach((socket) => socket.destroy());
			await poll('them to be forgotten', () => open() <= before + 16);
		}
	}));
