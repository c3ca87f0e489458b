// What is measured.  Each scenario gives the load tool's options and says what
// is read off its report, and how the table shows it.
//
// ways: how Belfry's messages are published (its first is what stands in the
// table's main row, others get rows of their own); peers take POSTs.
// only, quickWithout: servers that a scenario is for, or that take too long to
// open their streams for a quick run.

const sum = (list, of) => list.reduce((total, item) => total + of(item), 0);
const cpuMs = (r) => sum(r.machine.processes, (p) => p.cpuMs);
const pssKib = (r, at) => sum(r.machine.processes, (p) => p.pssKib[at]);

// {lighttpd: …, belfry: …}: each process's share, by name.
function byName(r, of) {
	const shares = {};
	for (const p of r.machine.processes)
		shares[p.name] = (shares[p.name] ?? 0) + of(p);
	return shares;
}

const cpuPerDelivery = {
	key: 'cpuUs',
	title: 'CPU per delivery',
	unit: 'µs',
	of: (r) => (cpuMs(r) * 1000) / r.received,
	parts: (r) => byName(r, (p) => (p.cpuMs * 1000) / r.received),
};
const p50 = {
	key: 'p50Ms',
	title: 'latency p50',
	unit: 'ms',
	of: (r) => r.latency?.p50Ms,
};
const p99 = {
	key: 'p99Ms',
	title: 'latency p99',
	unit: 'ms',
	of: (r) => r.latency?.p99Ms,
};
const perSecond = (title) => ({
	key: 'perSecond',
	title,
	unit: '/s',
	of: (r) => (r.received * 1000) / r.spanMs,
});
const publishedPerSecond = {
	key: 'published',
	title: 'published',
	unit: '/s',
	noRatio: true,
	of: (r) => r.publisher.answered / r.publisher.seconds,
};

// How long clients were away, as each of them saw it.
const back = [
	{
		key: 'backP50Ms',
		title: 'a client is back after, p50',
		unit: 'ms',
		of: (r) => r.back?.p50Ms,
	},
	{
		key: 'backP99Ms',
		title: 'a client is back after, p99',
		unit: 'ms',
		of: (r) => r.back?.p99Ms,
	},
];
const lost = {
	key: 'lost',
	title: 'lost',
	unit: '',
	noRatio: true,
	of: (r) => r.lost,
};

function paced(streams, rate, seconds) {
	return {
		id: `S1-${streams}`,
		group: 'S1',
		title: `S1: ${streams.toLocaleString('en')} subscribers, ${rate} msg/s to all`,
		streams,
		to: 'everyone',
		ways: ['sql'],
		options: (quick) => ({
			rate,
			messages: rate * (quick ? Math.min(2, seconds) : seconds),
		}),
		metrics: [cpuPerDelivery, p50, p99],
	};
}

function saturated(streams, messages, ways, quickMessages) {
	return {
		id: `S1-${streams}-unpaced`,
		group: 'S1',
		title: `S1 unpaced: ${streams.toLocaleString('en')} subscribers, as fast as they are taken`,
		streams,
		to: 'everyone',
		ways,
		options: (quick) => ({
			rate: 0,
			messages: quick ? quickMessages : messages,
			connections: 8,
		}),
		metrics: [perSecond('deliveries'), cpuPerDelivery],
	};
}

const users = 1000;

function stalled(n) {
	return {
		id: n ? 'S5-stalled' : 'S5-none',
		group: 'S5',
		title: n
			? `S5: 20 subscribers, ${n} never read, 1,000 msg/s of 3,000 B`
			: 'S5 without stalled readers',
		streams: 20,
		to: 'everyone',
		ways: ['sql'],
		options: (quick) => ({
			rate: 1000,
			messages: quick ? 2000 : 15000,
			patience: quick ? 1500 : 5000,
			size: 3000,
			stalled: n,
			// One connection of a slow server could not keep this pace.
			connections: 8,
		}),
		metrics: [
			{ ...p99, title: "others' latency p99" },
			{
				key: 'growthMib',
				title: 'memory growth',
				unit: 'MiB',
				noRatio: true,
				of: (r) => (pssKib(r, 1) - pssKib(r, 0)) / 1024,
			},
			{
				key: 'lost',
				title: 'lost, of what all should get',
				unit: '%',
				noRatio: true,
				of: (r) => (r.lost / r.expected) * 100,
			},
		],
	};
}

export const scenarios = [
	paced(1000, 20, 6),
	{ ...paced(5000, 4, 6), quickWithout: ['pushpin'] },
	{ ...paced(10000, 2, 6), fullOnly: true },
	saturated(1000, 500, ['sql', 'post'], 250),
	{ ...saturated(5000, 200, ['sql', 'post'], 60), fullOnly: true },
	{
		id: 'S2',
		group: 'S2',
		title: 'S2: 1,000 users, 2,000 msg/s to one each',
		streams: users,
		to: 'one',
		ways: ['post', 'sql'],
		options: (quick) => ({
			rate: 2000,
			messages: quick ? 4000 : 12000,
			connections: 32,
		}),
		metrics: [
			{
				...cpuPerDelivery,
				title: 'CPU per message',
			},
			p50,
			p99,
			publishedPerSecond,
		],
	},
	{
		id: 'S2-unpaced',
		group: 'S2',
		title: 'S2 unpaced: as fast as they are taken',
		streams: users,
		to: 'one',
		ways: ['post', 'post-100', 'sql', 'sql-100'],
		options: (quick, way) => ({
			rate: 0,
			messages: (way === 'post' ? 1 : 2) * (quick ? 10000 : 40000),
			connections: 32,
		}),
		metrics: [
			perSecond('messages'),
			{ ...cpuPerDelivery, title: 'CPU per message' },
		],
	},
	{
		id: 'S3',
		group: 'S3',
		quickWithout: ['pushpin'],
		title: 'S3: 5,000 idle streams',
		streams: 5200,
		to: 'one',
		ways: ['sql'],
		// Idle is after a second: that is when memory which the opening has
		// left over is given back.
		options: () => ({ scenario: 'idle', warm: 200, hold: 1200 }),
		metrics: [
			{
				key: 'kib',
				title: 'memory per stream',
				unit: 'KiB',
				noRatio: true,
				of: (r) => (pssKib(r, 1) - pssKib(r, 0)) / (r.streams - 200),
				parts: (r) =>
					byName(r, (p) => (p.pssKib[1] - p.pssKib[0]) / (r.streams - 200)),
			},
			{
				key: 'openUs',
				title: 'CPU per opened stream',
				unit: 'µs',
				of: (r) => (cpuMs(r) * 1000) / (r.streams - 200),
			},
		],
	},
	{
		id: 'S4',
		group: 'S4',
		resumes: true,
		title: 'S4: 1,000 clients come back at once, 100 missed each',
		streams: 1000,
		to: 'everyone',
		ways: ['sql'],
		options: () => ({ scenario: 'resume', missed: 100 }),
		metrics: [
			{
				key: 'resumeMs',
				title: 'all caught up',
				unit: 'ms',
				of: (r) => r.resumeMs,
			},
		],
	},
	stalled(0),
	stalled(2),
	{
		id: 'S6',
		group: 'S6',
		title: 'S6: SQL commit to client, 1 stream, 100 commits/s',
		streams: 1,
		to: 'one',
		ways: ['sql'],
		only: ['belfry'],
		options: (quick) => ({ rate: 100, messages: quick ? 200 : 1000 }),
		metrics: [
			{
				key: 'p50Ms',
				title: 'p50',
				unit: 'ms',
				of: (r) => r.answeredToClient.p50Ms,
			},
			{
				key: 'p99Ms',
				title: 'p99',
				unit: 'ms',
				of: (r) => r.answeredToClient.p99Ms,
			},
		],
	},
	{
		id: 'storm',
		group: 'storm',
		resumes: true,
		fullOnly: true,
		title: 'storm: 1,000 clients cut twice under 20 msg/s',
		streams: 1000,
		to: 'everyone',
		ways: ['sql'],
		options: () => ({ rate: 20, messages: 120, cutAt: [2000, 4000] }),
		metrics: [...back, lost],
	},
	{
		id: 'killed',
		group: 'storm',
		title: 'storm: responder killed (-9) under 10,000 streams and 2 commits/s to all',
		streams: 10000,
		to: 'everyone',
		ways: ['sql'],
		only: ['belfry'],
		kills: true,
		fullOnly: true,
		options: () => ({
			rate: 2,
			messages: 50,
			killAt: 2000,
			reconnect: true,
		}),
		metrics: [
			{
				key: 'allBackMs',
				title: 'all back after',
				unit: 'ms',
				of: (r) => r.allBackMs,
			},
			...back,
			lost,
		],
	},
];
