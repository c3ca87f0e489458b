// A machine that is short of descriptors, whose clock jumps, whose disk is slow,
// and on which somebody sleeps.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';

import { poll, run, temporaryFolder } from '../integration/lib/harness.mjs';
import { LONG, below, fault, pause, webServer } from './lib/scene.mjs';
import { Shim } from './lib/shim.mjs';

const ROUNDS = LONG ? 10 : 1;
const DAY_S = 86_400;

let dir;
before(() => {
	dir = temporaryFolder();
});
after(() => fs.rmSync(dir, { recursive: true, force: true }));

const timeOf = ({ line }) => Date.parse(/\d{4}-\S+Z/.exec(line)[0]);
const openFiles = (pid) => fs.readdirSync(`/proc/${pid}/fd`).length;

async function limitFiles(pid, most) {
	const done = await run('prlimit', [`--pid=${pid}`, `--nofile=${most}:20000`]);
	assert.equal(done.code, 0, done.stderr);
}

test('no descriptor is left, and some are again', () =>
	fault('descriptors exhausted', {}, async (scene) => {
		const { server } = scene;
		scene.write();
		for (; scene.rounds < ROUNDS * 3; scene.rounds++) {
			await scene.writes(50);
			const pid = await server.responderPid();
			const before = server.logLines('accept').length;
			// Room for some of those that come back.
			const room = 12 + below(40);
			await limitFiles(pid, room);
			scene.witness.cut();
			await poll('word of it', () => server.logLines('accept').length > before);
			await poll('all of them to be taken', () => openFiles(pid) >= room);
			await scene.writes(50);
			// It does not spin: between two words of it there is a pause of 100 ms,
			// by the log's own clock, from the turn that said the first.
			const said = server.logLines('accept').length;
			const words = await poll('more words of it', () => {
				const lines = server.logLines('accept').slice(said);
				return lines.length >= 10 && lines.map(timeOf);
			});
			assert.ok(words[9] - words[0] >= 450, words.join());
			await limitFiles(pid, 20_000);
			await scene.writes(50);
			await scene.witness.open();
		}
	}));

test('the clock is set by a day, there and back', async () => {
	const shim = new Shim(dir);
	await fault('clock stepped', { args: shim.args }, async (scene) => {
		scene.write();
		for (; scene.rounds < ROUNDS * 4; scene.rounds++) {
			for (const days of [1, 0, -1, 0]) {
				shim.set({ clockOffsetS: days * DAY_S });
				await scene.writes(30);
				const stats = await scene.server.request('GET', '?limit=1', {
					user: 'u0',
				});
				assert.equal(stats.status, 200);
				const { timestamp } = (
					await scene.server.openStream({ user: 'u9' })
				).events[0].data;
				const off = timestamp - Date.now() - days * DAY_S * 1000;
				assert.ok(Math.abs(off) < DAY_S * 500, 'the shim is at work');
				if (below(2)) scene.witness.cut();
				await scene.writes(30);
			}
		}
	});
});

test('syncs are slow', async () => {
	const [writers, responder] = [new Shim(dir), new Shim(dir)];
	responder.set({ syncDelayMs: 60 });
	await fault('slow fdatasync', { args: responder.args }, async (scene) => {
		const { server } = scene;
		const token = await server.token('app', 'publish');
		scene.write({ options: { synchronous: 'FULL', env: writers.env } });
		scene.write({ options: { env: writers.env } });
		for (; scene.rounds < ROUNDS * 3; scene.rounds++) {
			for (const syncDelayMs of [5, 60, 200]) {
				writers.set({ syncDelayMs });
				await scene.writes(syncDelayMs > 100 ? 4 : 12);
				// With such a disk the lock is taken most of the time.
				await poll('a notification by REST', async () => {
					const answer = await server.request('POST', '', {
						token,
						body: { userId: `u${below(9)}`, title: 'by REST' },
					});
					if (answer.status !== 201) assert.equal(answer.status, 503);
					return answer.status === 201;
				});
			}
		}
		// None was found only because the clock came round.
		assert.equal((await server.rowsFound()).tick, 0);
	});
});

test('the web server sleeps', () =>
	fault('web server stopped', {}, async (scene) => {
		const { server } = scene;
		scene.write();
		scene.write({ batch: 20 });
		for (; scene.rounds < (LONG ? 2 : 1); scene.rounds++) {
			await scene.writes(below(100));
			const pids = await webServer(server);
			for (const pid of pids) process.kill(pid, 'SIGSTOP');
			try {
				await pause(LONG ? 60_000 : 5_000);
				await scene.writes(10);
			} finally {
				for (const pid of pids) process.kill(pid, 'SIGCONT');
			}
			await scene.writes(below(100));
		}
	}));

test('the responder sleeps', () =>
	fault('responder stopped', {}, async (scene) => {
		scene.write();
		scene.write({ batch: 20 });
		for (; scene.rounds < ROUNDS * 2; scene.rounds++) {
			await scene.writes(below(100));
			const pid = await scene.server.responderPid();
			process.kill(pid, 'SIGSTOP');
			try {
				await scene.writes(300);
			} finally {
				process.kill(pid, 'SIGCONT');
			}
		}
	}));
