// Wake-ups that are lost, refused, or never come: the journal is read all the
// same.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import {
	makeDatabase,
	poll,
	temporaryFolder,
} from '../integration/lib/harness.mjs';
import { cannotMount, mountOverlay, mountTmpfs, unmount } from './lib/mount.mjs';
import { LONG, below, fault } from './lib/scene.mjs';
import { Shim } from './lib/shim.mjs';

const ROUNDS = LONG ? 20 : 2;
const QUEUE = Number(
	fs.readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'),
);
const forbidden = await cannotMount();

let dir;
before(() => {
	dir = temporaryFolder();
});
after(() => fs.rmSync(dir, { recursive: true, force: true }));

test('a queue that overflows', () =>
	fault('inotify queue overflow', {}, async (scene) => {
		const { server } = scene;
		const folder = path.dirname(server.db);
		scene.write();
		for (; scene.rounds < ROUNDS; scene.rounds++) {
			await scene.writes(below(100));
			const pid = await server.responderPid();
			process.kill(pid, 'SIGSTOP');
			try {
				// Two events each; neighbours that are the same become one.
				for (let i = 0; i < QUEUE * 0.6; i++) {
					const file = path.join(folder, `noise-${i % 2}`);
					fs.writeFileSync(file, '');
					fs.rmSync(file);
				}
				await scene.writes(50);
			} finally {
				process.kill(pid, 'SIGCONT');
			}
			await scene.writes(below(50));
		}
	}));

test('no watch is left', () =>
	fault(
		'no inotify watches left',
		{
			wrap: ['unshare', '-U', '-r', 'sh', '-c'].concat(
				'echo 0 >/proc/sys/user/max_inotify_watches && exec "$@"',
				'sh',
			),
		},
		async (scene) => {
			const { server } = scene;
			assert.equal(server.logLines('inotify-unavailable').length, 1);
			scene.write();
			for (; scene.rounds < ROUNDS; scene.rounds++) {
				await scene.writes(100);
				scene.witness.cut();
				await scene.writes(100);
			}
			const found = await server.rowsFound();
			assert.equal(found.inotify, 0);
			assert.ok(found.tick + found.recheck > 0, JSON.stringify(found));
			// Said once, though it is tried again and again.
			assert.equal(server.logLines('inotify-unavailable').length, 1);
		},
	));

test('watches are refused, and given again', async () => {
	const shim = new Shim(dir);
	const ENOSPC = 28;
	shim.set({ inotifyErrno: ENOSPC });
	await fault('watches refused and given', { args: shim.args }, async (scene) => {
		const { server } = scene;
		const folder = path.dirname(server.db);
		scene.write();
		for (; scene.rounds < ROUNDS; scene.rounds++) {
			await scene.writes(100);
			shim.set();
			// Only inotify finds rows between two ticks.
			const before = (await server.rowsFound()).inotify;
			await poll('inotify to work', async () => {
				await scene.writes(5);
				return (await server.rowsFound()).inotify > before;
			});
			shim.set({ inotifyErrno: ENOSPC });
			// The folder is moved away and put back: that watch is void.
			await scene.stopWriting();
			fs.renameSync(folder, `${folder}.away`);
			fs.renameSync(`${folder}.away`, folder);
			scene.write();
			await scene.writes(50);
		}
	});
});

test('a file system where inotify may be blind', { skip: forbidden }, async () => {
	const base = path.join(dir, 'base');
	fs.mkdirSync(base);
	await mountTmpfs(base, '64m');
	const [lower, upper, work, data] = ['lower', 'upper', 'work', 'data'].map(
		(name) => path.join(base, name),
	);
	[lower, upper, work, data].forEach((folder) => fs.mkdirSync(folder));
	await mountOverlay(data, { lower, upper, work });
	try {
		const db = path.join(data, 'belfry.db');
		await makeDatabase(db);
		await fault('overlay, polled', { db }, async (scene) => {
			assert.equal(scene.server.logLines('inotify-blind').length, 1);
			scene.write();
			scene.write({ batch: 30 });
			for (; scene.rounds < ROUNDS; scene.rounds++) {
				await scene.writes(200);
				scene.witness.cut();
				await scene.writes(200);
			}
		});
	} finally {
		await unmount(data);
		await unmount(base);
	}
});
