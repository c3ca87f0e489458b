// From raw runs to medians, and from medians to one table.

const WAYS = {
	sql: 'SQL',
	post: 'POST',
	'post-100': 'POST, 100 at once',
	'sql-100': 'SQL, 100 in a transaction',
};

function median(values) {
	const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
	if (!sorted.length) return undefined;
	const middle = sorted.length >> 1;
	return sorted.length % 2
		? sorted[middle]
		: (sorted[middle - 1] + sorted[middle]) / 2;
}

function medianParts(list) {
	const names = new Set(list.flatMap((parts) => Object.keys(parts)));
	return Object.fromEntries(
		[...names].map((name) => [name, median(list.map((p) => p[name]))]),
	);
}

function summarizeMetric(metric, reports) {
	return {
		value: median(reports.map(metric.of)),
		parts: metric.parts && medianParts(reports.map(metric.parts)),
	};
}

function wrongs(reports) {
	const most = (key) => Math.max(0, ...reports.map((r) => r[key] ?? 0));
	return Object.fromEntries(
		['lost', 'doubled', 'idsDisordered', 'refused', 'ended'].map((key) => [
			key,
			most(key),
		]),
	);
}

// [{scenario, server, way, first, streams, metrics: {key: {value, parts}}, …}]
export function summarize(data, scenarios) {
	const summary = [];
	for (const scenario of scenarios)
		for (const { name } of data.servers) {
			const runs = data.runs.filter(
				(run) => run.scenario === scenario.id && run.server === name,
			);
			for (const way of new Set(runs.map((run) => run.way))) {
				const all = runs.filter((run) => run.way === way);
				const reports = all.map((r) => r.report).filter((r) => !r.error);
				summary.push({
					scenario,
					server: name,
					way,
					first: name !== 'belfry' || way === runs[0].way,
					failed: all.length - reports.length,
					streams: reports[0]?.streams,
					others: median(reports.map((r) => r.machine.othersCpu)),
					wrong: wrongs(reports),
					metrics: Object.fromEntries(
						scenario.metrics.map((m) => [m.key, summarizeMetric(m, reports)]),
					),
				});
			}
		}
	return summary;
}

export function short(value) {
	if (value === undefined || value === null) return '–';
	if (Math.abs(value) >= 999500) return `${(value / 1e6).toPrecision(3)} M`;
	if (Math.abs(value) >= 10000) return `${(value / 1000).toPrecision(3)} k`;
	if (Math.abs(value) >= 100) return String(Math.round(value));
	return String(Number(value.toPrecision(2 + (Math.abs(value) >= 10))));
}

// "12.3 (1.9×)"
function cell(value, floor) {
	const text = short(value);
	if (!floor || value === undefined || value === floor) return text;
	return `${text} (${(value / floor).toFixed(2)}×)`;
}

const WRONGS = {
	lost: 'lost',
	doubled: 'doubled',
	idsDisordered: 'out of order',
	refused: 'refused',
};

// What went wrong, for the cell of a scenario's first metric.
function marks(entry, scenario) {
	const told = scenario.metrics.some((m) => m.key === 'lost');
	const list = Object.keys(WRONGS)
		.filter((key) => entry.wrong[key] && !(told && key === 'lost'))
		.map((key) => `${short(entry.wrong[key])} ${WRONGS[key]}`);
	if (entry.streams && entry.streams < scenario.streams)
		list.push(`${entry.streams.toLocaleString('en')} streams`);
	return list.length ? `<br>${list.join(', ')}` : '';
}

function metricCells(data, entries, metric, first) {
	const floor = entries.find((e) => e.server === 'floor');
	return data.servers.map(({ name }) => {
		const entry = entries.find((e) => e.server === name);
		if (!entry) return '';
		if (entry.failed && !entry.streams) return 'failed';
		const { value, parts } = entry.metrics[metric.key];
		const compared = metric.noRatio ? undefined : floor;
		let text = cell(value, compared?.metrics[metric.key].value);
		if (parts && Object.keys(parts).length > 1 && name !== 'pushpin')
			text += `<br>${Object.entries(parts)
				.map(([part, share]) => `${part} ${short(share)}`)
				.join(', ')}`;
		return text + (first ? marks(entry, entry.scenario) : '');
	});
}

function scenarioRows(data, summary, scenario) {
	const all = summary.filter((entry) => entry.scenario === scenario);
	const belfry = all.filter((entry) => entry.server === 'belfry');
	const rows = [];
	if (!all.length) return rows;
	rows.push([`**${scenario.title}**`, ...data.servers.map(() => '')]);
	for (const way of new Set(belfry.map((entry) => entry.way).concat('post'))) {
		const main = belfry.length ? belfry[0].way === way : true;
		const entries = main
			? all.filter((entry) => entry.first)
			: belfry.filter((entry) => entry.way === way);
		if (!entries.length || (!main && !belfry.some((e) => e.way === way)))
			continue;
		scenario.metrics.forEach((metric, i) => {
			const unit = metric.unit && !/^\//.test(metric.unit) ? ` ${metric.unit}` : '';
			const per = metric.unit === '/s' ? ' per second' : '';
			const note = belfry.length > 1 ? ` (Belfry: ${WAYS[way]})` : '';
			const floor = all.filter((e) => e.server === 'floor');
			const shown = main ? entries : [...entries, ...floor];
			const cells = metricCells(data, shown, metric, i === 0);
			if (!main)
				data.servers.forEach(({ name }, at) => {
					if (name !== 'belfry') cells[at] = '';
				});
			rows.push([`… ${metric.title}${per}${unit && `,${unit}`}${note}`, ...cells]);
		});
	}
	return rows;
}

function busyNote(summary) {
	const others = summary.map((entry) => entry.others).filter(Number.isFinite);
	if (!others.length) return '';
	return (
		`Other programs took ${short(median(others))} of a CPU meanwhile ` +
		`(median; at worst ${short(Math.max(...others))}).`
	);
}

export function markdown(data, summary) {
	const scenarios = [...new Set(summary.map((entry) => entry.scenario))];
	const rows = scenarios.flatMap((s) => scenarioRows(data, summary, s));
	const head = ['', ...data.servers.map((server) => server.title)];
	const line = (cells) => `| ${cells.join(' | ')} |`;
	return [
		`${data.at.slice(0, 10)}, ${data.quick ? 'quick run' : 'full run'}, ` +
			`${data.repeat === 1 ? 'once each' : `medians of ${data.repeat}`}, ` +
			`${data.seconds} s in all. ${data.machine.cpu}, ` +
			`${data.machine.kernel}. ${busyNote(summary)}`,
		'',
		...data.servers.map((s) => `- ${s.title}: ${s.description}`),
		'',
		line(head),
		line(head.map(() => '---')),
		...rows.map(line),
		'',
	].join('\n');
}
