// A disk that is full, and a folder that can't be written, and both good again.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import {
	makeDatabase,
	poll,
	temporaryFolder,
} from '../integration/lib/harness.mjs';
import { cannotMount, mountTmpfs, remount, unmount } from './lib/mount.mjs';
import { LONG, below, fault } from './lib/scene.mjs';

const ROUNDS = LONG ? 20 : 2;
const SIZE = '16m';
const forbidden = await cannotMount();

let dir;
let disk;
before(async () => {
	dir = temporaryFolder();
	disk = path.join(dir, 'disk');
	fs.mkdirSync(disk);
});
after(() => fs.rmSync(dir, { recursive: true, force: true }));

// Runs act(scene) with the database on a small disk of its own.
async function onSmallDisk(name, act) {
	await mountTmpfs(disk, SIZE);
	try {
		const folder = path.join(disk, 'data');
		const db = path.join(folder, 'belfry.db');
		await makeDatabase(db);
		await fault(name, { db }, act, { ignoreStarts: true });
	} finally {
		await unmount(disk);
	}
}

// To the last byte.
function fill() {
	const file = fs.openSync(path.join(disk, 'filler'), 'w');
	for (let size = 1 << 20; size >= 1; ) {
		try {
			fs.writeSync(file, Buffer.alloc(size));
		} catch (error) {
			assert.equal(error.code, 'ENOSPC');
			size >>= 1;
		}
	}
	fs.closeSync(file);
}

async function readable(server) {
	await poll('a list', async () => {
		const answer = await server.request('GET', '?limit=1', { user: 'u0' });
		return answer.status === 200;
	});
}

test('a disk that is full, and has room again', { skip: forbidden }, () =>
	onSmallDisk('disk full', async (scene) => {
		const { server } = scene;
		const token = await server.token('app', 'publish');
		const pens = [scene.write(), scene.write({ batch: 20 })];
		for (; scene.rounds < ROUNDS; scene.rounds++) {
			await scene.writes(100);
			fill();
			const refused = pens.map((pen) => pen.refused);
			await poll('writers to be refused', () =>
				pens.every((pen, i) => pen.refused > refused[i] + 1),
			);
			const answer = await server.request('POST', '', {
				token,
				body: { userId: 'u0', title: 'no room' },
			});
			assert.equal(answer.status, 507, answer.text);
			// What is there can be read, also by a responder that starts now.
			await readable(server);
			if (scene.rounds % 2) await scene.killResponder();
			else scene.witness.cut();
			await readable(server);
			await scene.witness.open();
			fs.rmSync(path.join(disk, 'filler'));
			await scene.writes(100);
		}
	}),
);

// A mount can't become read-only while somebody has a file open for writing.
test('a file system made read-only, and back', { skip: forbidden }, () =>
	onSmallDisk('read-only file system', async (scene) => {
		const { server } = scene;
		for (; scene.rounds < ROUNDS; scene.rounds++) {
			const pen = scene.write();
			await scene.writes(below(200));
			await pen.stop();
			await server.whileDown(() =>
				poll('the file system to be read-only', () =>
					remount(disk, 'ro').then(
						() => true,
						() => false,
					),
				),
			);
			await poll('503', async () => {
				const answer = await server.request('GET', '/readyz');
				return answer.status === 503;
			});
			await remount(disk, 'rw');
			await readable(server);
			const after = scene.write();
			await scene.writes(50);
			await after.stop();
		}
	}),
);

test('a folder and its files made read-only, and back', () =>
	fault(
		'read-only folder',
		// root may write anywhere; in a namespace of its own it is like anybody.
		{ wrap: process.getuid() === 0 ? ['unshare', '-U', '--'] : [] },
		async (scene) => {
			const { server } = scene;
			const folder = path.dirname(server.db);
			const everything = () =>
				[folder].concat(
					fs
						.readdirSync(folder, { recursive: true })
						.map((name) => path.join(folder, name)),
				);
			for (; scene.rounds < ROUNDS; scene.rounds++) {
				const pen = scene.write();
				await scene.writes(below(200));
				await pen.stop();
				const modes = everything().map((at) => [at, fs.statSync(at).mode]);
				for (const [at, mode] of modes) fs.chmodSync(at, mode & 0o555);
				// The streams that are open go on; a new responder can't be used.
				await scene.killResponder();
				await poll('503', async () => {
					const answer = await server.request('GET', '/readyz').catch(() => {});
					return answer?.status === 503;
				});
				for (const [at, mode] of modes) fs.chmodSync(at, mode & 0o777);
				await readable(server);
				const after = scene.write();
				await scene.writes(50);
				await after.stop();
			}
		},
		{ ignoreStarts: true },
	));
