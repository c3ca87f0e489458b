// Many responders on one database: one view over all of them, one that watches
// for all, and what is left when some of them are killed, stopped, or find the
// files that they share damaged.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';

import { poll } from './lib/harness.mjs';
import { withGroup } from './lib/processes.mjs';
import { insert } from './lib/writer.mjs';

const isClose = (event) => event.event === 'close';
const titled = (title) => (event) => event.data?.notification?.title === title;

async function stats(group) {
	return JSON.parse(await group.tool('stats', '--json'));
}

async function reaches(group, streams, user, title) {
	await group.sql(insert(user, title));
	for (const stream of streams) await stream.until(titled(title));
}

describe('limits and figures over processes', { concurrency: true }, () => {
	test('max_streams is exact, and the dead do not count', () =>
		withGroup(3, { max_streams: 5 }, async (group) => {
			const [a, b, c] = group.processes;
			const open = [];
			for (const one of [a, a, b, b, c])
				open.push(await group.open(one, `user${open.length}`));
			for (const one of group.processes) {
				const refused = await group.stream(one, 'late');
				assert.equal((await refused.end()).data.reason, 'refused');
			}
			// Nobody has to wait for a tick, or for who was killed to be missed.
			await b.murder();
			await group.open(a, 'late');
			await group.open(c, 'late');
			const refused = await group.stream(a, 'late');
			assert.equal((await refused.end()).data.reason, 'refused');
			open[4].close();
			await poll('a place', async () => {
				const stream = await group.stream(a, 'late');
				return stream.events[0].event === 'connected';
			});
		}));

	test('many that open at the same moment get no more than there are', () =>
		withGroup(3, { max_streams: 10 }, async (group) => {
			for (let i = 0; i < 30; i++) await group.session(`u${i}`);
			const streams = await Promise.all(
				Array.from({ length: 30 }, (_, i) =>
					group.stream(group.processes[i % 3], `u${i}`),
				),
			);
			const first = streams.map((stream) => stream.events[0].event);
			assert.equal(first.filter((name) => name === 'connected').length, 10);
		}));

	test('the newest of a user wins, wherever the oldest is', () =>
		withGroup(3, { max_streams_per_user: 2 }, async (group) => {
			const [a, b, c] = group.processes;
			const other = await group.open(a, 'bob');
			const oldest = await group.open(a, 'alice');
			const second = await group.open(b, 'alice');
			const third = await group.open(c, 'alice');
			const close = await oldest.end();
			assert.equal(close.data.reason, 'evicted');
			assert.ok(close.data.retryAfterMs >= 60_000);
			await reaches(group, [second, third], 'alice', 'for two');
			// Those of a killed process do not push others out.
			await b.murder();
			const fourth = await group.open(c, 'alice');
			await reaches(group, [third, fourth, other], '*', 'for three');
			assert.ok(!third.events.some(isClose));
			assert.ok(!other.events.some(isClose));
		}));

	test('stats, from any process and from the tool', () =>
		withGroup(3, { max_streams: 100 }, async (group) => {
			const long = 'ä'.repeat(200);
			for (const [i, user] of ['alice', 'alice', 'bob', long].entries())
				await group.open(group.processes[i % 3], user);
			const admin = await group.tool(
				...['token', 'create', '--user', 'root', '--scope', 'admin'],
			);
			const reader = await group.tool(
				...['token', 'create', '--user', 'root', '--scope', 'read'],
			);
			const answers = [await stats(group)];
			for (const one of group.processes) {
				assert.equal((await group.get(one, '/stats', reader)).status, 403);
				answers.push((await group.get(one, '/stats', admin)).json);
			}
			for (const json of answers) {
				assert.equal(json.totalConnections, 4);
				assert.equal(json.activeUsers, 3);
				assert.deepEqual(json.connectionsPerUser.slice(0, 2), [
					{ userId: 'alice', connectionCount: 2 },
					{ userId: 'bob', connectionCount: 1 },
				]);
				assert.equal(json.connectionsPerUser[2].userId, `${'ä'.repeat(30)}…`);
				assert.deepEqual(
					json.processes.map((one) => one.pid),
					group.processes.map((one) => one.pid),
				);
				assert.deepEqual(
					json.processes.map((one) => one.connectionCount),
					[2, 1, 1],
				);
				assert.equal(json.processes.filter((one) => one.watcher).length, 1);
				assert.match(json.lastEventId, /^\d+$/);
				assert.match(json.epoch, /^[0-9a-f]{32}$/);
			}
			assert.equal(answers[1].maxConnections, 100);
			await group.processes[0].murder();
			const left = await stats(group);
			assert.equal(left.totalConnections, 2);
			assert.equal(left.processes.length, 2);
			const table = await group.tool('stats');
			assert.match(table, /^streams +open 2 of \d+  users 2  processes 2  lagging 0$/m);
			assert.match(table, /^alice +1$/m);
		}));
});

for (const kind of ['serve', 'fcgid']) {
	const groupOf = (count, set, action) => withGroup(count, set, action, kind);

	describe(`${kind}: one process watches for all`, { concurrency: true }, () => {
		test('the others are woken for what concerns them, and only for that', () =>
			groupOf(3, {}, async (group) => {
				const streams = [];
				for (const [i, one] of group.processes.entries())
					streams.push(await group.open(one, `user${i}`));
				const watcher = await poll('a watcher', () => group.watcher);
				assert.equal(group.alive.filter((one) => one.watches).length, 1);
				// Without these all are found by the tick, which is slow.
				for (let i = 0; i < 3; i++)
					assert.ok(fs.statSync(path.join(group.shared, `wake-${i}`)).isFIFO());
				const others = group.alive.filter((one) => one !== watcher);
				const index = group.processes.indexOf(others[0]);
				for (let i = 0; i < 30; i++)
					await reaches(group, [streams[index]], `user${index}`, `n${i}`);
				const concerned = await others[0].rowsFound();
				const bystander = await others[1].rowsFound();
				assert.ok(concerned.watcher >= 20, JSON.stringify(concerned));
				assert.equal(bystander.watcher, 0, JSON.stringify(bystander));
				await reaches(group, streams, '*', 'for all');
			}));

		test('the watcher is killed again and again: nothing is lost', () =>
			groupOf(4, {}, async (group) => {
				const writer = group.writer();
				const streams = new Map();
				let number = 0;
				let longest = 0;
				for (let round = 0; round < 3; round++) {
					for (const one of group.alive)
						if (!streams.has(one))
							streams.set(one, [number, await group.open(one, 'alice')]);
					const watcher = await poll('a watcher', () => group.watcher);
					const times = new Map();
					for (let i = 0; i < 60; i++) {
						if (i === 20) watcher.kill('SIGKILL');
						await writer.exec(insert('alice', `n${number}`));
						times.set(`n${number++}`, performance.now());
					}
					await watcher.exited;
					streams.delete(watcher);
					for (const [, stream] of streams.values()) {
						await stream.until(titled(`n${number - 1}`));
						for (const event of stream.events) {
							const at = times.get(event.data?.notification?.title);
							if (at) longest = Math.max(longest, event.at - at);
						}
					}
					await group.add();
				}
				for (const [from, stream] of streams.values())
					assert.deepEqual(
						stream.titles(),
						Array.from({ length: number - from }, (_, i) => `n${from + i}`),
					);
				console.log(`longest wait after the kill: ${longest.toFixed(0)} ms`);
			}));

		test('the watcher is stopped: the others read by themselves', () =>
			groupOf(3, {}, async (group) => {
				const streams = new Map();
				for (const one of group.processes)
					streams.set(one, await group.open(one, 'alice'));
				const watcher = await poll('a watcher', () => group.watcher);
				const others = [...streams].filter(([one]) => one !== watcher);
				watcher.kill('SIGSTOP');
				await reaches(
					group,
					others.map(([, stream]) => stream),
					'alice',
					'while it is stopped',
				);
				for (const [one] of others)
					assert.ok((await one.rowsFound()).tick > 0, 'found by the tick');
				watcher.kill('SIGCONT');
				await reaches(group, [...streams.values()], 'alice', 'after');
				for (const stream of streams.values())
					assert.deepEqual(stream.titles(), ['while it is stopped', 'after']);
			}));

		test('one that ends by itself has an heir', () =>
			groupOf(2, {}, async (group) => {
				const watcher = await poll('a watcher', () => group.watcher);
				const [other] = group.alive.filter((one) => one !== watcher);
				const stream = await group.open(other, 'alice');
				watcher.kill('SIGTERM');
				assert.equal(await watcher.exited, 0);
				await poll('the other to watch', () => other.watches);
				await reaches(group, [stream], 'alice', 'after');
			}));

		test('a stream that knows more than its process misses nothing', () =>
			groupOf(2, {}, async (group) => {
				const watcher = await poll('a watcher', () => group.watcher);
				const [other] = group.alive.filter((one) => one !== watcher);
				for (let i = 0; i < 20; i++) {
					const [before, after] = [`before ${i}`, `after ${i}`];
					await group.sql(insert('alice', before));
					const stream = await group.open(other, 'alice', '?lastEventId=0');
					await stream.until(titled(before));
					await reaches(group, [stream], 'alice', after);
					assert.equal(new Set(stream.titles()).size, 2 * i + 2);
					stream.close();
				}
			}));
	});

	describe(`${kind}: all processes see the same history`, { concurrency: true }, () => {
		test('a revoked session ends its streams in each of them', () =>
			groupOf(3, {}, async (group) => {
				const streams = [];
				for (const one of group.processes)
					streams.push(await group.open(one, 'alice'));
				await group.sql("DELETE FROM sessions WHERE user_id = 'alice';");
				for (const stream of streams)
					assert.equal((await stream.end()).data.reason, 'session');
			}));

		test('a database put back: one new epoch, one reset for each stream', () =>
			groupOf(4, {}, async (group) => {
				for (let i = 0; i < 4; i++) await group.session(`user${i}`);
				await group.sql(insert('*', 'first'));
				const backup = path.join(group.dir, 'backup.db');
				await group.sql(`.backup ${backup}`);
				const streams = [];
				for (const [i, one] of group.processes.entries())
					streams.push(await group.open(one, `user${i}`));
				await reaches(group, streams, '*', 'will be lost');
				await group.sql(`.restore ${backup}`);
				for (const stream of streams) {
					const reset = await stream.until((event) => event.event === 'reset');
					assert.equal(reset.data.reason, 'rewritten');
				}
				await reaches(group, streams, '*', 'after');
				for (const stream of streams)
					assert.equal(
						stream.events.filter((event) => event.event === 'reset').length,
						1,
					);
				const begun = group.processes.flatMap((one) => one.log('new-epoch'));
				assert.equal(begun.length, 1);
				const { epoch } = await stats(group);
				for (const one of group.processes) {
					const stream = await group.open(one, 'user0', `?epoch=${epoch}`);
					assert.equal(stream.events[0].data.epoch, epoch);
					assert.equal(stream.events.length, 1);
				}
			}));

		test('a mark that another process has raised is not lowered', () =>
			groupOf(2, {}, async (group) => {
				const watcher = await poll('a watcher', () => group.watcher);
				const [other] = group.alive.filter((one) => one !== watcher);
				const stream = await group.open(other, 'alice');
				await group.sql(insert('alice', 'kept'));
				await stream.until(titled('kept'));
				const backup = path.join(group.dir, 'backup.db');
				await group.sql(`.backup ${backup}`);
				// The watcher never sees what the other one hands out.
				watcher.kill('SIGSTOP');
				await reaches(group, [stream], 'alice', 'handed out');
				await other.murder();
				watcher.kill('SIGKILL');
				await watcher.exited;
				for (const suffix of ['', '-wal', '-shm'])
					fs.rmSync(`${group.db}${suffix}`, { force: true });
				fs.copyFileSync(backup, group.db);
				const next = await group.add();
				assert.equal(next.log('new-epoch').length, 1);
			}));
	});
}

describe('the files that they share', { concurrency: true }, () => {
	const damages = {
		'cut short': (file) => fs.truncateSync(file, 0),
		removed: (file) => fs.rmSync(file),
		'overwritten with garbage': (file) => {
			const fd = fs.openSync(file, 'r+');
			fs.writeSync(fd, Buffer.alloc(fs.statSync(file).size, 0xa5), 0, undefined, 0);
			fs.closeSync(fd);
		},
		'overwritten behind the header': (file) => {
			const fd = fs.openSync(file, 'r+');
			const garbage = Buffer.alloc(fs.statSync(file).size - 64, 0x5a);
			fs.writeSync(fd, garbage, 0, undefined, 64);
			fs.closeSync(fd);
		},
	};
	for (const [name, damage] of Object.entries(damages))
		test(`${name} under live streams`, () =>
			withGroup(3, { max_streams_per_user: 4 }, async (group) => {
				const streams = [];
				for (const one of group.processes)
					streams.push(await group.open(one, 'alice'));
				damage(path.join(group.shared, 'registry-1'));
				damage(path.join(group.shared, 'head-1'));
				await reaches(group, streams, 'alice', 'right after');
				await poll('the figures to be right again', async () => {
					const json = await stats(group);
					return (
						json.totalConnections === 3 &&
						json.processes.length === 3 &&
						json.processes.filter((one) => one.watcher).length === 1 &&
						json.processes.every((one) => one.connectionCount === 1)
					);
				});
				await reaches(group, streams, '*', 'and later');
				await group.open(group.processes[0], 'alice');
				await group.open(group.processes[1], 'alice');
				assert.equal((await streams[0].end()).data.reason, 'evicted');
				for (const stream of streams.slice(1))
					assert.ok(!stream.events.some(isClose));
			}));

	test('the whole folder removed', () =>
		withGroup(2, {}, async (group) => {
			const streams = [];
			for (const one of group.processes)
				streams.push(await group.open(one, 'alice'));
			fs.rmSync(group.shared, { recursive: true });
			await poll('the figures to be right again', async () => {
				const json = await stats(group);
				return (
					json.totalConnections === 2 &&
					json.processes.filter((one) => one.watcher).length === 1
				);
			});
			await reaches(group, streams, 'alice', 'after');
		}));

	test('no place for them: each process is on its own, and says so', () =>
		withGroup(0, { max_streams_per_user: 2 }, async (group) => {
			fs.mkdirSync(path.join(group.shared, 'registry-1'), { recursive: true });
			const a = await group.add();
			const b = await group.add();
			assert.equal(a.log('registry-alone').length, 1);
			const streams = [];
			for (const one of [a, a, b, b])
				streams.push(await group.open(one, 'alice'));
			await reaches(group, streams, 'alice', 'to each');
			fs.rmdirSync(path.join(group.shared, 'registry-1'));
			await poll('the figures of both', async () => {
				const json = await stats(group);
				return json.totalConnections === 4 && json.processes.length === 2;
			});
			await group.open(a, 'alice');
			for (const stream of streams.slice(0, 3))
				assert.equal((await stream.end()).data.reason, 'evicted');
		}));
});
