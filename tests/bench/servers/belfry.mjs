// Belfry as it is delivered: scripts/serve, the project's lighttpd.conf, one
// database in a folder of its own.

import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

import { capacity } from '../lib/lighttpd.mjs';
import { Child, ROOT, family, version } from '../lib/process.mjs';

const BIN = process.env.BELFRY_BIN || path.join(ROOT, 'build/belfry');
const SERVE = path.join(ROOT, 'scripts/serve');
const BASE = '/api/notifications';

function run(command, args, input) {
	const result = spawnSync(command, args, {
		input,
		encoding: 'utf8',
		maxBuffer: 1 << 28,
	});
	if (result.status !== 0)
		throw new Error(`${command}: ${result.error ?? result.stderr}`);
	return result.stdout;
}

// Rows as `belfry session create` makes them: only the hash is stored.
function credentials(table, users, prefix, scopes) {
	const secrets = [];
	const rows = users.map((user) => {
		const secret = prefix + randomBytes(32).toString('base64url');
		const hash = createHash('sha256').update(secret).digest('hex');
		secrets.push(secret);
		return `('${hash}','${user}','${scopes}')`;
	});
	const sql = [];
	for (let i = 0; i < rows.length; i += 500)
		sql.push(
			`INSERT INTO ${table}(secret_sha256, user_id, scopes) VALUES ` +
				`${rows.slice(i, i + 500).join(',')};`,
		);
	return { secrets, sql: sql.join('\n') };
}

export const name = 'belfry';
export const title = 'Belfry';
// The load tool's ways to publish, best known first.
export const variants = {
	sql: { via: 'sql' },
	post: { via: 'post' },
	'post-100': { via: 'post', batch: 100 },
	'sql-100': { via: 'sql', batch: 100 },
};
export const maxStreams = capacity;
export const severalCpus = true;
export const restarts = 'belfry'; // what the storm kills

export function describe() {
	if (!fs.existsSync(BIN)) return null;
	const git = ['-C', ROOT, 'describe', '--always', '--dirty'];
	const commit = version('git', git, /^\S+$/) ?? '(no commit)';
	const web = version('lighttpd', ['-v'], /lighttpd\/[\d.]+/);
	return web && `Belfry ${commit}, ${web}`;
}

export async function start({ dir, cpus, streams, prepare, set = {} }) {
	const db = path.join(dir, 'db/belfry.db');
	fs.mkdirSync(path.dirname(db));
	prepare?.(db);
	run(BIN, ['init', '--db', db]);
	const users = Array.from({ length: streams }, (_, i) => `u${i}`);
	const sessions = credentials('sessions', users, 'bfs_', 'read');
	const token = credentials('tokens', ['publisher'], 'bft_', 'read,publish');
	run(
		'sqlite3',
		['-batch', '-bail', db],
		`BEGIN;${sessions.sql}${token.sql}COMMIT;`,
	);
	const secrets = path.join(dir, 'secrets');
	fs.writeFileSync(secrets, `${sessions.secrets.join('\n')}\n`);

	const settings = {
		rate_limit: 'off',
		max_streams: 20000,
		log_level: 'warn',
		...set,
	};
	const extra = (process.env.BELFRY_BENCH_SET ?? '').split(' ').filter(Boolean);
	const sets = Object.entries(settings).map((pair) => pair.join('='));
	const child = new Child(
		[
			SERVE,
			...['--port', '0', '--db', db, '--bin', BIN],
			...['--keep', path.join(dir, 'keep')],
			...['--log', path.join(dir, 'belfry.log')],
			...[...sets, ...extra].flatMap((pair) => ['--set', pair]),
		],
		{ dir, cpus },
	);
	const [, url] = await child.until((text) => /^ready (\S+)\/ db=/m.exec(text));
	return {
		pids: () =>
			family(child.pid).filter(([comm]) => /^(lighttpd|belfry)$/.test(comm)),
		stop: () => child.stop(),
		log: () => fs.readFileSync(path.join(dir, 'belfry.log'), 'utf8'),
		options: {
			url,
			path: `${BASE}/stream`,
			header: 'Cookie: belfry_session=%s',
			secrets,
			readyAtEvent: true,
			db,
			postPath: BASE,
			postHeader: [
				`Authorization: Bearer ${token.secrets[0]}`,
				'Content-Type: application/json',
			],
			postBody: '{"userId":"%u","title":"bench","data":%p}',
		},
		everyone: { everyone: true },
	};
}
