// Processes that have one request at a time give their memory back while they
// wait.  Then they read at a tick only what the watcher does not vouch for: what
// must not be lost by that.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';

import { poll } from './lib/harness.mjs';
import { withGroup } from './lib/processes.mjs';
import { insert } from './lib/writer.mjs';

const titled = (title) => (event) => event.data?.notification?.title === title;

async function reaches(group, streams, user, title) {
	await group.sql(insert(user, title));
	for (const stream of streams) await stream.until(titled(title));
}

describe('a process that has one request at a time', { concurrency: true }, () => {
	const small = (count, action) =>
		withGroup(count, { log_level: 'debug' }, async (group) => {
			const streams = new Map();
			for (const [i, one] of group.processes.entries())
				streams.set(one, await group.open(one, `user${i}`));
			const watcher = await poll('a watcher', () => group.watcher);
			const others = group.alive.filter((one) => one !== watcher);
			const shrunk = () =>
				poll('memory given back', () =>
					others.every((one) => one.over || one.log('memory').length),
				);
			await shrunk();
			await action({ group, streams, watcher, others });
		}, 'fcgid');

	test('gets its rows while it is small, and is small again', () =>
		small(3, async ({ group, streams, others }) => {
			const [one, bystander] = others;
			const user = `user${group.processes.indexOf(one)}`;
			const reads = async () =>
				(await bystander.rowsFound()).tick + bystander.log('memory').length;
			let rounds = 0;
			// Commits that concern others do not make it read, but for those that
			// the watcher is late to read, on a busy machine.
			await poll('rounds in which the bystander sleeps', async () => {
				const before = await reads();
				for (let i = 0; i < 3; i++) {
					const small = one.log('memory').length;
					await reaches(group, [streams.get(one)], user, `row ${++rounds}`);
					await poll('it to be small again', () => one.log('memory').length > small);
				}
				return (await reads()) === before;
			});
			await reaches(group, [...streams.values()], '*', 'for all');
		}));

	test('the watcher is stopped: it reads by itself, and sees a revocation', () =>
		small(3, async ({ group, streams, watcher, others }) => {
			watcher.kill('SIGSTOP');
			const theirs = others.map((one) => streams.get(one));
			await reaches(group, theirs, '*', 'while it is stopped');
			for (const one of others)
				assert.ok((await one.rowsFound()).tick > 0, 'found by the tick');
			await group.sql('DELETE FROM sessions;');
			for (const stream of theirs)
				assert.equal((await stream.end()).data.reason, 'session');
			watcher.kill('SIGCONT');
		}));

	test('the watcher is killed: one of them is the next', () =>
		small(3, async ({ group, streams, watcher, others }) => {
			await watcher.murder();
			await reaches(group, others.map((one) => streams.get(one)), '*', 'after');
			await poll('a watcher', () => group.watcher);
		}));

	test('the database is replaced while they are small', () =>
		small(3, async ({ group, streams }) => {
			await group.sql(insert('*', 'first'));
			const backup = path.join(group.dir, 'backup.db');
			await group.sql(`VACUUM INTO '${backup}'`);
			await reaches(group, [...streams.values()], '*', 'lost');
			const next = `${group.db}.next`;
			fs.copyFileSync(backup, next);
			await group.sqlOn(next, 'PRAGMA journal_mode=WAL;');
			for (const suffix of ['-wal', '-shm'])
				fs.rmSync(`${group.db}${suffix}`, { force: true });
			fs.renameSync(next, group.db);
			for (const stream of streams.values())
				await stream.until((event) => event.event === 'reset');
			await reaches(group, [...streams.values()], '*', 'after');
		}));
});
