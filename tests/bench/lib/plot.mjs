// Plots as SVG, by hand: bars, distributions on a logarithmic axis, and how many
// came when.

import { short } from './report.mjs';

const COLOURS = {
	floor: '#888888',
	'floor-lighttpd': '#555555',
	belfry: '#d1495b',
	nchan: '#00798c',
	node: '#edae49',
	'better-sse': '#66a182',
	pushpin: '#8d6cab',
};

const escape = (text) =>
	String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

function frame(width, height, title, body) {
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}"`,
		` width="${width}" height="${height}" font-family="sans-serif"`,
		` font-size="12"><rect width="100%" height="100%" fill="white"/>`,
		`<text x="16" y="24" font-size="15">${escape(title)}</text>`,
		...body,
		'</svg>\n',
	].join('');
}

// bars: [{label, value, colour}]
export function barChart(title, unit, bars) {
	const most = Math.max(...bars.map((bar) => bar.value), 1e-9);
	const body = bars.map(({ label, value, colour }, i) => {
		const y = 44 + i * 26;
		const length = Math.max(1, (value / most) * 400);
		return (
			`<text x="180" y="${y + 13}" text-anchor="end">${escape(label)}</text>` +
			`<rect x="190" y="${y}" width="${length.toFixed(1)}" height="18" fill="${colour}"/>` +
			`<text x="${(196 + length).toFixed(1)}" y="${y + 13}">${short(value)} ${escape(unit)}</text>`
		);
	});
	return frame(700, 60 + bars.length * 26, title, body);
}

const PLOT = { left: 60, top: 44, width: 460, height: 280 };

// Nines, so that the tail is seen: 0, 90, 99, 99.9 % at equal distances.
const heightOf = (share) => Math.min(1, -Math.log10(Math.max(1 - share, 1e-4)) / 3.3);

function curve({ buckets, count }, x) {
	let seen = 0;
	const points = buckets.map(([upper, n]) => {
		seen += n;
		const y = PLOT.top + PLOT.height * (1 - heightOf(seen / count));
		return `${x(upper).toFixed(1)},${y.toFixed(1)}`;
	});
	return points.join(' ');
}

// lines: [{label, colour, histogram}]
export function distribution(title, lines) {
	const values = lines.flatMap((line) => line.histogram.buckets.map(([v]) => v));
	const low = Math.floor(Math.log10(Math.max(Math.min(...values), 0.01)));
	const high = Math.ceil(Math.log10(Math.max(...values, 1)));
	const x = (ms) =>
		PLOT.left +
		(PLOT.width * (Math.log10(Math.max(ms, 10 ** low)) - low)) / (high - low);
	const body = [];
	for (let i = low; i <= high; i++) {
		const at = x(10 ** i).toFixed(1);
		body.push(
			`<line x1="${at}" x2="${at}" y1="${PLOT.top}" y2="${PLOT.top + PLOT.height}" stroke="#ddd"/>`,
			`<text x="${at}" y="${PLOT.top + PLOT.height + 16}" text-anchor="middle">${10 ** i} ms</text>`,
		);
	}
	for (const share of [0.5, 0.9, 0.99, 0.999]) {
		const y = (PLOT.top + PLOT.height * (1 - heightOf(share))).toFixed(1);
		body.push(
			`<line x1="${PLOT.left}" x2="${PLOT.left + PLOT.width}" y1="${y}" y2="${y}" stroke="#ddd"/>`,
			`<text x="${PLOT.left - 6}" y="${Number(y) + 4}" text-anchor="end">${share * 100} %</text>`,
		);
	}
	lines.forEach(({ label, colour, histogram }, i) => {
		const y = PLOT.top + 10 + i * 20;
		body.push(
			`<polyline fill="none" stroke="${colour}" stroke-width="2" points="${curve(histogram, x)}"/>`,
			`<rect x="540" y="${y - 9}" width="12" height="12" fill="${colour}"/>`,
			`<text x="558" y="${y + 1}">${escape(label)}</text>`,
		);
	});
	return frame(720, 360, title, body);
}

// How many came when: a storm is as good as it is spread.
export function arrivals(title, { label, colour, histogram }) {
	const most = Math.max(...histogram.buckets.map(([ms]) => ms));
	const step = [250, 500, 1000, 2500].find((s) => most / s < 46) ?? 5000;
	const bins = new Array(Math.ceil(most / step)).fill(0);
	for (const [ms, n] of histogram.buckets)
		bins[Math.min(bins.length - 1, Math.floor(ms / step))] += n;
	const highest = Math.max(...bins);
	const width = 600 / bins.length;
	const bottom = PLOT.top + PLOT.height;
	const body = bins.map((n, i) => {
		const height = (n / highest) * PLOT.height;
		return `<rect x="${(PLOT.left + i * width).toFixed(1)}" y="${(bottom - height).toFixed(1)}" width="${(width - 1).toFixed(1)}" height="${height.toFixed(1)}" fill="${colour}"/>`;
	});
	for (let ms = 0; ms <= most; ms += Math.max(step, 1000)) {
		const x = (PLOT.left + (ms / step) * width).toFixed(1);
		body.push(
			`<text x="${x}" y="${bottom + 16}" text-anchor="middle">${ms / 1000} s</text>`,
		);
	}
	body.push(
		`<text x="${PLOT.left - 6}" y="${PLOT.top + 4}" text-anchor="end">${short(highest)}</text>`,
		`<text x="${PLOT.left - 6}" y="${bottom}" text-anchor="end">0</text>`,
	);
	body.push(
		`<text x="${PLOT.left + 300}" y="${bottom + 32}" text-anchor="middle">${escape(label)}: clients back, per ${step} ms</text>`,
	);
	return frame(720, 380, title, body);
}

const titleOf = (data, name) => data.servers.find((s) => s.name === name).title;

function bars(data, summary, scenario, key) {
	return summary
		.filter((entry) => entry.scenario === scenario)
		.filter((entry) => Number.isFinite(entry.metrics[key]?.value))
		.map((entry) => ({
			label: titleOf(data, entry.server) + (entry.first ? '' : ` (${entry.way})`),
			value: entry.metrics[key].value,
			colour: COLOURS[entry.server],
		}));
}

// With which metric which histogram of the load tool is drawn.
const DISTRIBUTIONS = [
	['p99Ms', 'latency', 'latency'],
	['backP99Ms', 'back', 'away for'],
];

// One line per server: its first way, the run in the middle.
function distributions(data, scenario, key) {
	return data.servers.flatMap(({ name, title }) => {
		const runs = data.runs.filter(
			(run) =>
				run.scenario === scenario.id &&
				run.server === name &&
				run.report[key],
		);
		if (!runs.length) return [];
		const mine = runs.filter((run) => run.way === runs[0].way);
		mine.sort((a, b) => a.report[key].p99Ms - b.report[key].p99Ms);
		const histogram = mine[mine.length >> 1].report[key];
		return [{ name, label: title, colour: COLOURS[name], histogram }];
	});
}

// {file name: SVG}
export function plots(data, summary) {
	const files = {};
	for (const scenario of new Set(summary.map((entry) => entry.scenario))) {
		for (const metric of scenario.metrics) {
			const list = bars(data, summary, scenario, metric.key);
			if (list.length < 2) continue;
			files[`${scenario.id}-${metric.key}.svg`] = barChart(
				`${scenario.title}: ${metric.title}`,
				metric.unit,
				list,
			);
		}
		for (const [metric, key, what] of DISTRIBUTIONS) {
			const lines = distributions(data, scenario, key);
			if (scenario.metrics.some((m) => m.key === metric) && lines.length)
				files[`${scenario.id}-${key}.svg`] = distribution(
					`${scenario.title}: ${what}`,
					lines,
				);
		}
		const storm = scenario.metrics.some((m) => m.key === 'backP99Ms');
		for (const line of storm ? distributions(data, scenario, 'back') : [])
			files[`${scenario.id}-${line.name}-arrivals.svg`] = arrivals(
				scenario.title,
				line,
			);
	}
	return files;
}
