// kill -9 at random points: of the responder, of the web server, of a writer.

import { test } from 'node:test';

import { LONG, below, fault, pause } from './lib/scene.mjs';

const ROUNDS = Number(process.env.ROUNDS || (LONG ? 500 : 20));

// Rounds of a kind: of 500, 200 responders, 100 web servers, 200 writers.
const share = (part) => Math.round(ROUNDS * part);

test(`the responder is killed ${share(0.4)} times`, () =>
	fault(
		'kill -9 responder',
		{},
		async (scene) => {
			scene.write();
			scene.write({ options: { synchronous: 'FULL' } });
			for (; scene.rounds < share(0.4); scene.rounds++) {
				await scene.server.healthy();
				await scene.writes(below(100));
				await pause(below(50));
				await scene.killResponder();
			}
		},
		{ ignoreStarts: true },
	));

test(`the web server is killed ${share(0.2)} times`, () =>
	fault(
		'kill -9 web server',
		{},
		async (scene) => {
			scene.write();
			for (; scene.rounds < share(0.2); scene.rounds++) {
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
