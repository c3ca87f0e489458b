// What others notice of one who asks without end, each time as soon as he is
// answered: a user (lists, changes, streams that are opened and dropped), and a
// program that may publish (arrays of a thousand besides).  All come from this
// machine, which no limit by address covers: the worst case.
// `node tests/bench/noisy.mjs [SECONDS]`
//
// They take turns with silence on one server; what counts is the ratio.  A part
// of it is not Belfry's: on a small machine the noisy one also takes the
// processor.  So the same is done once more with answers that cost Belfry
// nothing (lighttpd's own 404).

import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { load } from './lib/load.mjs';
import * as belfry from './servers/belfry.mjs';

const STREAMS = 50;
const RATE = 100;
const ASK_MS = 25;
const ROUNDS = 3;
const BIN = process.env.BELFRY_BIN ?? 'build/belfry';
const BASE = '/api/notifications';

function ask(url, { agent, method = 'GET', headers, body, drop }) {
	return new Promise((resolve) => {
		const request = http.request(url, { agent, method, headers }, (response) => {
			if (drop) {
				response.once('data', () => response.destroy());
				response.once('close', () => resolve(response.statusCode));
				return;
			}
			response.resume();
			response.once('close', () => resolve(response.statusCode));
		});
		request.on('error', () => resolve(0));
		request.end(body);
	});
}

// ---- the noisy one, a process of its own ----

const LOOPS = 12;
const NOISE = {
	elsewhere: ['nothing'],
	user: ['lists', 'changes', 'streams'],
	publisher: ['lists', 'changes', 'streams', 'arrays'],
};

async function hammer(origin, session, token, noise) {
	const agent = new http.Agent({ keepAlive: true });
	const cookie = { Cookie: `belfry_session=${session}`, 'Sec-Fetch-Site': 'same-origin' };
	const thousand = JSON.stringify(Array.from({ length: 1000 }, (_, i) => ({ userId: 'noisy', title: `n${i}` })));
	const bearer = {
		Authorization: `Bearer ${token}`,
		'Content-Type': 'application/json',
		'Content-Length': thousand.length,
	};
	const url = origin + BASE;
	const counts = {};
	const kinds = {
		lists: () => ask(`${url}?limit=100`, { agent, headers: cookie }),
		changes: () => ask(`${url}/read-all`, { agent, method: 'POST', headers: cookie }),
		streams: () => ask(`${url}/stream`, { agent: false, headers: cookie, drop: true }),
		arrays: () => ask(url, { agent, method: 'POST', headers: bearer, body: thousand }),
		nothing: () => ask(`${origin}/nothing`, { agent }),
	};
	process.on('SIGTERM', () => {
		console.log(JSON.stringify(counts));
		process.exit();
	});
	for (let i = 0; i < LOOPS; i++)
		void (async () => {
			const kind = NOISE[noise][i % NOISE[noise].length];
			for (;;) {
				const key = `${kind} ${await kinds[kind]()}`;
				counts[key] = (counts[key] ?? 0) + 1;
			}
		})();
}

if (process.argv[2] === 'hammer') await hammer(...process.argv.slice(3, 7));
else await measure(Number(process.argv[2] ?? 5));

// ---- the others ----

function quantile(sorted, q) {
	return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

// Lists of one who asks now and then; from when it was due, as a queue counts.
async function reader(url, session, seconds) {
	const agent = new http.Agent({ keepAlive: true });
	const headers = { Cookie: `belfry_session=${session}` };
	const begin = performance.now();
	const took = [];
	const pending = [];
	for (let i = 0; i < (seconds * 1000) / ASK_MS; i++) {
		const due = begin + i * ASK_MS;
		await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
		pending.push(
			ask(`${url}?limit=20`, { agent, headers }).then((status) => {
				if (status !== 200) throw new Error(`a reader got ${status}`);
				took.push(performance.now() - due);
			}),
		);
	}
	await Promise.all(pending);
	return took;
}

async function phase(server, who, seconds, noise) {
	const origin = new URL(server.options.url).origin;
	const child =
		noise &&
		spawn(process.execPath, [fileURLToPath(import.meta.url), 'hammer', origin, who.noisy, who.token, noise], {
			stdio: ['ignore', 'pipe', 'inherit'],
		});
	let counts = '';
	child?.stdout.on('data', (chunk) => (counts += chunk));
	const [report, took] = await Promise.all([
		load({
			...server.options,
			streams: STREAMS,
			messages: RATE * seconds,
			rate: RATE,
			via: 'sql',
			settle: 500,
			check: true,
		}),
		reader(origin + BASE, who.reader, seconds),
	]);
	if (child) {
		child.kill('SIGTERM');
		await new Promise((resolve) => child.on('close', resolve));
	}
	if (!report.correct) throw new Error('what was delivered is not what was written');
	return { delivery: report.latency, took, counts };
}

async function measure(seconds) {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'belfry-noisy-'));
	const server = await belfry.start({ dir, streams: STREAMS, set: { rate_limit: 'on' } });
	const create = (...args) =>
		execFileSync(BIN, [...args, '--db', server.options.db], { encoding: 'utf8' }).trim();
	const who = {
		noisy: create('session', 'create', '--user', 'noisy'),
		reader: create('session', 'create', '--user', 'reader'),
		token: create('token', 'create', '--user', 'noisy', '--scope', 'publish'),
	};
	const results = { still: [], elsewhere: [], user: [], publisher: [] };
	try {
		for (let round = 0; round < ROUNDS; round++)
			for (const what of Object.keys(results)) {
				const one = await phase(server, who, seconds, NOISE[what] && what);
				const took = one.took.sort((a, b) => a - b);
				const result = { delivery: one.delivery.p99Ms, list: quantile(took, 0.99) };
				results[what].push(result);
				console.log(
					`${what}: delivery p50 ${one.delivery.p50Ms} p99 ${one.delivery.p99Ms} max ${one.delivery.maxMs} ms; ` +
						`list p50 ${quantile(took, 0.5).toFixed(1)} p99 ${result.list.toFixed(1)} ms ${one.counts.trim()}`,
				);
			}
	} finally {
		await server.stop();
		fs.rmSync(dir, { recursive: true, force: true });
	}
	const middle = (what, of) => results[what].map((r) => r[of]).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)];
	for (const of of ['delivery', 'list'])
		for (const what of Object.keys(NOISE)) {
			const ratio = (to) => (middle(what, of) / middle(to, of)).toFixed(2);
			console.log(`${of}: p99 with ${what} is ${ratio('still')} of that in silence, ${ratio('elsewhere')} of that with elsewhere`);
		}
}
