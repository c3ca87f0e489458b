// The benchmark: every scenario on every server, one after the other, so that
// the ratios are those of one machine at one time.  See docs/benchmarks.md.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { load } from './lib/load.mjs';
import { plots } from './lib/plot.mjs';
import { BUILD, ROOT } from './lib/process.mjs';
import { markdown, summarize } from './lib/report.mjs';
import { scenarios } from './scenarios.mjs';

const NAMES = [
	'floor',
	'floor-lighttpd',
	'belfry',
	'nchan',
	'node',
	'better-sse',
	'pushpin',
];

const USAGE = `usage: scripts/bench [OPTION]...

  --quick            shorter, once each, under three minutes in all
  --only S1,S3       scenarios, by group or id
  --peers nchan      besides floor, floor-lighttpd and belfry; none: no peers
  --servers A,B      exactly these: ${NAMES.join(', ')}
  --ways sql,post    how Belfry's messages are published
  --repeat N         of which the median counts (3; quick: 1)
  --server-cpus 0    CPUs of the servers
  --load-cpus 1      CPUs of the load tool
  --out DIR          where results go (build/bench)
  --report           only make table and plots of the results that are there
  --docs             put the table into docs/benchmarks.md as well
`;

function options() {
	const text = (value) => ({ type: 'string', default: value });
	const { values } = parseArgs({
		options: {
			quick: { type: 'boolean', default: false },
			only: text(''),
			peers: text(''),
			servers: text(''),
			ways: text(''),
			repeat: text(''),
			'server-cpus': text('0'),
			'load-cpus': text(os.cpus().length > 1 ? '1' : '0'),
			out: text(BUILD),
			report: { type: 'boolean', default: false },
			docs: { type: 'boolean', default: false },
			help: { type: 'boolean', default: false },
		},
	});
	if (values.help) {
		process.stdout.write(USAGE);
		process.exit(0);
	}
	return values;
}

const words = (list) => list.split(',').filter(Boolean);

async function chosenServers(o) {
	let names = NAMES.filter((name) => !(o.quick && name === 'node'));
	if (o.servers) names = words(o.servers);
	else if (o.peers)
		names = [...NAMES.slice(0, 3), ...words(o.peers).filter((n) => n !== 'none')];
	const servers = [];
	for (const name of names) {
		if (!NAMES.includes(name)) throw new Error(`no server is called ${name}`);
		const server = await import(`./servers/${name}.mjs`);
		const description = server.describe();
		if (description) servers.push({ ...server, description });
		else say(`${name} is not installed: left out`);
	}
	return servers;
}

// "S1" is a group; quick runs leave out its longest.
function chosenScenarios(o) {
	const only = words(o.only);
	const chosen = scenarios.filter((s) =>
		only.includes(s.id)
			? true
			: !(o.quick && s.fullOnly) && (!only.length || only.includes(s.group)),
	);
	if (!chosen.length) throw new Error(`no scenario is called ${o.only}`);
	return chosen;
}

const say = (text) => process.stderr.write(`${text}\n`);

function loadOptions(scenario, server, instance, way, o) {
	const streams = Math.min(scenario.streams, server.maxStreams());
	const pids = instance.pids();
	const restarted = pids.find(([comm]) => comm === server.restarts);
	return {
		streams,
		...instance.options,
		...(scenario.to === 'everyone' ? instance.everyone : {}),
		...(o.quick ? { openTimeout: 20_000 } : {}),
		...scenario.options(o.quick, way),
		...server.variants[way],
		...(scenario.resumes ? instance.resume : {}),
		...(scenario.kills ? { killPid: restarted[1] } : {}),
		pid: pids.slice(0, 16).map((pair) => pair.join('=')),
	};
}

// What is running, should the benchmark itself be stopped.
const running = { instance: null, dir: null };

async function cleanUp() {
	await running.instance?.stop();
	if (running.dir) fs.rmSync(running.dir, { recursive: true, force: true });
	running.instance = running.dir = null;
}

for (const signal of ['SIGINT', 'SIGTERM'])
	process.once(signal, async () => {
		await cleanUp();
		process.exit(1);
	});

async function one(scenario, server, way, o) {
	const dir = fs.mkdtempSync(path.join(o.out, 'run-'));
	running.dir = dir;
	const cpus = server.severalCpus
		? `${o['server-cpus']},${o['load-cpus']}`
		: o['server-cpus'];
	let instance;
	try {
		const streams = Math.min(scenario.streams, server.maxStreams());
		instance = await server.start({ dir, cpus, streams });
		running.instance = instance;
		const options = loadOptions(scenario, server, instance, way, o);
		return await load(options, { cpus: o['load-cpus'] });
	} catch (error) {
		return { error: `${error.message}\n${instance?.log?.() ?? ''}`.trim() };
	} finally {
		await cleanUp();
	}
}

function waysOf(scenario, server, o) {
	const ways =
		server.name === 'belfry'
			? scenario.ways
			: Object.keys(server.variants).slice(0, 1);
	const wanted = words(o.ways);
	return server.name === 'belfry' && wanted.length
		? Object.keys(server.variants).filter((way) => wanted.includes(way))
		: ways;
}

function tell(scenario, server, way, report) {
	const where = `${scenario.id} ${server.name}${way === 'post' ? '' : ` ${way}`}`;
	if (report.error) {
		say(`${where}: ${report.error}`);
		return;
	}
	const values = scenario.metrics
		.map((m) => [m.title, m.of(report), m.unit])
		.map(([t, v, u]) => `${t} ${v === undefined ? '–' : v.toPrecision(4)} ${u}`);
	const wrong = ['lost', 'doubled', 'idsDisordered', 'refused', 'ended']
		.filter((key) => report[key])
		.map((key) => `${key} ${report[key]}`);
	const { othersCpu } = report.machine;
	say(
		`${where}: ${[...values, ...wrong].join(', ')}` +
			` (${report.wholeSeconds.toFixed(0)} s)` +
			(othersCpu > 0.1 ? ` [others took ${othersCpu.toFixed(1)} CPU]` : ''),
	);
}

// A server that did not start, or let not all in, is tried once more.
async function again(scenario, server, way, o) {
	for (let attempt = 0; ; attempt++) {
		const begin = Date.now();
		const report = await one(scenario, server, way, o);
		report.wholeSeconds = (Date.now() - begin) / 1000;
		tell(scenario, server, way, report);
		if (!report.error || attempt) return report;
	}
}

async function measure(o) {
	const servers = await chosenServers(o);
	const runs = [];
	const repeat = Number(o.repeat || (o.quick ? 1 : 3));
	for (const scenario of chosenScenarios(o))
		for (let turn = 0; turn < repeat; turn++)
			for (const server of servers) {
				if (scenario.only && !scenario.only.includes(server.name)) continue;
				if (o.quick && scenario.quickWithout?.includes(server.name)) continue;
				for (const way of waysOf(scenario, server, o)) {
					const report = await again(scenario, server, way, o);
					runs.push({ scenario: scenario.id, server: server.name, way, report });
				}
			}
	return {
		at: new Date().toISOString(),
		quick: o.quick,
		repeat,
		machine: {
			cpu: `${os.cpus().length} × ${os.cpus()[0].model}`,
			kernel: `${os.type()} ${os.release()}`,
			memoryMib: Math.round(os.totalmem() / 2 ** 20),
		},
		servers: servers.map(({ name, title, description }) => ({
			name,
			title,
			description,
		})),
		runs,
	};
}

function putIntoDocs(table) {
	const file = path.join(ROOT, 'docs/benchmarks.md');
	const text = fs.readFileSync(file, 'utf8');
	const [begin, end] = ['<!-- last run -->\n', '<!-- end of last run -->'];
	const from = text.indexOf(begin) + begin.length;
	fs.writeFileSync(
		file,
		`${text.slice(0, from)}\n${table}\n${text.slice(text.indexOf(end))}`,
	);
}

const o = options();
const results = path.join(o.out, 'results.json');
fs.mkdirSync(o.out, { recursive: true });
const begin = Date.now();
const data = o.report
	? JSON.parse(fs.readFileSync(results, 'utf8'))
	: await measure(o);
if (!o.report) {
	data.seconds = Math.round((Date.now() - begin) / 1000);
	fs.writeFileSync(results, JSON.stringify(data));
}
const summary = summarize(data, scenarios);
const table = markdown(data, summary);
fs.writeFileSync(path.join(o.out, 'table.md'), table);
for (const [file, svg] of Object.entries(plots(data, summary)))
	fs.writeFileSync(path.join(o.out, file), svg);
if (o.docs) putIntoDocs(table);
process.stdout.write(`${table}\n`);
say(`table.md, results.json and *.svg are in ${path.relative('.', o.out) || '.'}`);
