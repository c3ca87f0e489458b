// What can happen to a database in use: locked, restored, replaced, deleted,
// made anew, its -wal and -shm removed, checkpoints without end.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { makeDatabase, poll, sqlite } from '../integration/lib/harness.mjs';
import { Writer } from '../integration/lib/writer.mjs';
import { LONG, below, fault, pause } from './lib/scene.mjs';

const ROUNDS = LONG ? 20 : 2;
const NAMES = ['', '-wal', '-shm'];

// A copy of a database as a file of its own, with the rights of the one in use.
function place(server, from) {
	const fresh = `${server.db}.new`;
	fs.copyFileSync(from, fresh);
	const { mode, uid, gid } = fs.statSync(server.db, { throwIfNoEntry: false }) ?? {
		mode: 0o660,
		uid: process.getuid(),
		gid: process.getgid(),
	};
	fs.chmodSync(fresh, mode & 0o777);
	fs.chownSync(fresh, uid, gid);
	return fresh;
}

async function epochOf(server) {
	const rows = await server.rows("SELECT value FROM meta WHERE key = 'epoch';");
	return rows[0]?.value;
}

// Streams of before belong to another history: each is told so, and all that
// was written in the meantime is in the list it loads then.
async function newEpoch(server, before) {
	await poll('a new epoch', async () => {
		const now = await epochOf(server).catch(() => before);
		return now && now !== before;
	});
}

test('locked exclusively', () =>
	fault('locked exclusively', {}, async (scene) => {
		for (; scene.rounds < ROUNDS; scene.rounds++) {
			const pens = [scene.write(), scene.write()];
			await scene.writes(100);
			const lock = new Writer(scene.server.db);
			await lock.exec('BEGIN EXCLUSIVE;');
			await pause(LONG ? 10_000 : 2_000);
			await lock.exec('COMMIT;');
			await lock.close();
			await scene.writes(100);
			// Nobody at all may read: the strongest lock there is.
			await Promise.all(pens.map((pen) => pen.stop()));
			await scene.witness.check();
		}
	}));

// Rounds in which a copy takes the database's place, written by nobody meanwhile.
const putBack = (title, replace, resets) =>
	fault(
		title,
		{},
		async (scene) => {
			const { server } = scene;
			for (; scene.rounds < ROUNDS; scene.rounds++) {
				const pen = scene.write();
				await scene.writes(100);
				const backup = await scene.copy();
				await scene.writes(below(200));
				await scene.told();
				await pen.stop();
				scene.witness.was(await scene.copy());
				const before = await epochOf(server);
				await replace(server, backup);
				await newEpoch(server, before);
				const after = scene.write();
				await scene.writes(50);
				await after.stop();
			}
		},
		{ resets },
	);

test('restored', () =>
	putBack(
		'.restore',
		(server, backup) => server.sql(`.restore ${backup}\n`),
		[ROUNDS, ROUNDS],
	));

test('replaced by another file (mv)', () =>
	putBack(
		'replaced (mv)',
		(server, backup) => {
			const fresh = place(server, backup);
			for (const suffix of ['-wal', '-shm'])
				fs.rmSync(server.db + suffix, { force: true });
			fs.renameSync(fresh, server.db);
		},
		[ROUNDS, 2 * ROUNDS],
	));

test('restored, and written on at once', () =>
	fault(
		'.restore, written on at once',
		{},
		async (scene) => {
			const { server } = scene;
			for (; scene.rounds < ROUNDS; scene.rounds++) {
				const pen = scene.write();
				const backup = await scene.copy();
				await scene.writes(below(200));
				await scene.told();
				const before = await epochOf(server);
				await pen.stop();
				scene.witness.was(await scene.copy());
				// Before it is noticed: ids that were given are given again.
				await server.sql(
					`.restore ${backup}\nINSERT INTO notifications(user_id, title)
					VALUES ('*', 'right after');`,
				);
				scene.write();
				await newEpoch(server, before);
				await scene.writes(50);
				await scene.stopWriting();
			}
		},
		{ resets: [ROUNDS, 2 * ROUNDS] },
	));

// They go on writing to a file that has no name any more, as does whoever has
// it open: of what they wrote the beginning may have been told, and no more.
test('replaced under the hands of writers', () =>
	fault(
		'replaced, with writers',
		{},
		async (scene) => {
			const { server } = scene;
			for (; scene.rounds < ROUNDS; scene.rounds++) {
				const pens = [scene.write(), scene.write({ batch: 10 })];
				const keeper = scene.writer();
				await keeper.rows('SELECT count(*) FROM events;');
				const backup = await scene.copy();
				await scene.writes(below(200));
				await scene.told();
				const before = await epochOf(server);
				const fresh = place(server, backup);
				for (const suffix of ['-wal', '-shm'])
					fs.rmSync(server.db + suffix, { force: true });
				fs.renameSync(fresh, server.db);
				await newEpoch(server, before);
				await Promise.all(pens.map((pen) => pen.stop()));
				const old = path.join(server.dir, `old-${scene.rounds}.db`);
				await keeper.exec(`.backup ${old}`);
				await keeper.close();
				scene.witness.was(old);
				const after = scene.write();
				await scene.writes(50);
				await after.stop();
			}
		},
		{ resets: [ROUNDS, 3 * ROUNDS] },
	));

test('our own folder beside it removed', () =>
	fault(
		'-belfry.d removed',
		{},
		async (scene) => {
			const { server } = scene;
			scene.write();
			for (; scene.rounds < ROUNDS; scene.rounds++) {
				await scene.writes(100);
				fs.rmSync(`${server.db}-belfry.d`, { recursive: true });
				await scene.writes(100);
				scene.witness.cut();
				await scene.writes(100);
				// Who starts without it knows nothing of what was told before.
				if (scene.rounds % 2) await scene.killResponder();
				await scene.witness.open();
			}
		},
		{ resets: [0, ROUNDS], ignoreStarts: true },
	));

// Who has a session there goes on; all others are told that theirs is over.
test('deleted, and put back', () =>
	fault(
		'deleted and put back',
		{},
		async (scene) => {
			const { server } = scene;
			for (; scene.rounds < ROUNDS; scene.rounds++) {
				const pen = scene.write();
				await scene.writes(below(200));
				await pen.stop();
				const copy = await scene.copy();
				scene.witness.was(copy);
				for (const suffix of NAMES)
					fs.rmSync(server.db + suffix, { force: true });
				await poll('503', async () => {
					const answer = await server.request('GET', '/readyz');
					return answer.status === 503;
				});
				fs.renameSync(place(server, copy), server.db);
				await server.healthy();
				const after = scene.write();
				await scene.writes(50);
				await after.stop();
			}
		},
		{ resets: [0, 2 * ROUNDS] },
	));

test('made anew, with the sessions of before', () =>
	fault(
		'recreated',
		{},
		async (scene) => {
			const { server } = scene;
			for (; scene.rounds < ROUNDS; scene.rounds++) {
				const pen = scene.write();
				await scene.writes(below(200));
				await pen.stop();
				const copy = await scene.copy();
				scene.witness.was(copy);
				const before = await epochOf(server);
				const fresh = path.join(server.dir, `fresh-${scene.rounds}.db`);
				await makeDatabase(fresh);
				await sqlite(
					fresh,
					`ATTACH '${copy}' AS old;
					INSERT INTO sessions SELECT * FROM old.sessions;
					DETACH old; PRAGMA wal_checkpoint(TRUNCATE);`,
				);
				for (const suffix of NAMES)
					fs.rmSync(server.db + suffix, { force: true });
				fs.renameSync(place(server, fresh), server.db);
				await newEpoch(server, before);
				const after = scene.write();
				await scene.writes(50);
				await after.stop();
			}
		},
		{ resets: [ROUNDS, 2 * ROUNDS] },
	));

// SQLite's documentation forbids it while somebody has the database open, and
// people do it.  What was in the -wal only is gone, for everybody.  All threads
// of the responder have the old ones open and have to let go of them.
test('-wal and -shm removed', () =>
	fault(
		'-wal and -shm removed',
		{},
		async (scene) => {
			const { server } = scene;
			const token = await server.token('app', 'read,publish');
			const list = () => server.request('GET', '?limit=1', { user: 'u0' });
			const post = () =>
				server.request('POST', '', {
					token,
					body: { userId: '*', title: 'by REST' },
				});
			for (; scene.rounds < ROUNDS; scene.rounds++) {
				const pen = scene.write();
				await scene.writes(below(200));
				await Promise.all(Array.from({ length: 32 }, list));
				await pen.stop();
				assert.equal((await post()).status, 201);
				scene.witness.was(await scene.copy());
				if (scene.rounds % 2 === 0)
					await server.sql('PRAGMA wal_checkpoint(TRUNCATE);');
				for (const suffix of ['-wal', '-shm'])
					fs.rmSync(server.db + suffix, { force: true });
				const after = scene.write();
				await scene.writes(50);
				await poll('a list', async () => (await list()).status === 200);
				await poll('a POST', async () => (await post()).status === 201);
				await after.stop();
				await scene.witness.check({ resets: [0, 100] });
			}
		},
		{ resets: [0, 2 * ROUNDS] },
	));

test('checkpoints without end', () =>
	fault('checkpoint storm', {}, async (scene) => {
		scene.write();
		scene.write({ batch: 50, pauseMs: 0 });
		const modes = ['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'];
		const storms = [new Writer(scene.server.db), new Writer(scene.server.db)];
		for (; scene.rounds < ROUNDS * 50; scene.rounds++)
			await Promise.all(
				storms.map((db) =>
					db
						.exec(`PRAGMA wal_checkpoint(${modes[below(4)]});`)
						.catch((error) => assert.match(error.message, /locked/)),
				),
			);
		await Promise.all(storms.map((db) => db.close()));
		await scene.writes(10);
	}));
