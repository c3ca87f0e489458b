// kill -9 at random points: of the responder, of the web server, of a writer, of
// the one process among several that watches for all.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { alive, poll } from '../integration/lib/harness.mjs';
import { LONG, below, fault, faultInLanes, pause, webServer } from './lib/scene.mjs';

const ROUNDS = Number(process.env.ROUNDS || (LONG ? 500 : 20));

// Rounds of a kind: of 500, 200 responders, 100 web servers, 200 writers.
const share = (part) => Math.round(ROUNDS * part);

test(`the responder is killed ${share(0.4)} times`, () =>
	faultInLanes(
		'kill -9 responder',
		share(0.4),
		async (scene, rounds) => {
			// No workers, so that it is lighttpd itself that starts it again.
			assert.equal((await webServer(scene.server)).length, 1);
			scene.write();
			scene.write({ options: { synchronous: 'FULL' } });
			for (; scene.rounds < rounds; scene.rounds++) {
				await scene.server.healthy();
				await scene.writes(below(100));
				await pause(below(50));
				await scene.killResponder();
			}
		},
		{ ignoreStarts: true },
	));

test(`the web server is killed ${share(0.2)} times`, () =>
	faultInLanes(
		'kill -9 web server',
		share(0.2),
		async (scene, rounds) => {
			scene.write();
			for (; scene.rounds < rounds; scene.rounds++) {
				await scene.writes(below(100));
				await scene.killWebServer();
			}
		},
		{ ignoreStarts: true },
	));

test(`a writer is killed ${share(0.4)} times`, () =>
	fault('kill -9 writer', {}, async (scene) => {
		const pens = [
			scene.write(),
			scene.write({ options: { synchronous: 'FULL' } }),
			scene.write({ batch: 20, pauseMs: 0 }),
		];
		for (; scene.rounds < share(0.4); scene.rounds++) {
			await scene.writes(below(60));
			await pause(below(10));
			pens[below(3)].kill();
		}
	}));

const WATCHERS = LONG ? 100 : 5;

test(`of three processes the watcher is killed ${WATCHERS} times`, () =>
	fault(
		'kill -9 watcher of three',
		{ streams: LONG ? 400 : 80, set: { max_streams_per_user: '40' } },
		async (scene) => {
			const { server } = scene;
			await scene.beginOther();
			await scene.beginOther();
			scene.write();
			scene.write({ options: { synchronous: 'FULL' } });
			const watcher = () =>
				poll('a watcher', async () => {
					const { stdout } = await server.tool('stats', '--json');
					return JSON.parse(stdout).processes.find((one) => one.watcher)?.pid;
				});
			const seen = new Set();
			for (; scene.rounds < WATCHERS; scene.rounds++) {
				await scene.writes(below(100));
				const pid = await watcher();
				assert.ok(!seen.has(pid));
				seen.add(pid);
				process.kill(pid, 'SIGKILL');
				scene.killed++;
				await poll('it to be gone', () => !alive(pid));
				// Somebody else watches, before the killed one is there again.
				await watcher();
				await scene.writes(below(20));
			}
		},
		{ ignoreStarts: true },
	));
