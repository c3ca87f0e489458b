// better-sse (npm) on node: a channel per user, or one for all.

import fs from 'node:fs';
import path from 'node:path';

import { BENCH } from '../lib/process.mjs';
import * as node from './node.mjs';

const MODULE = path.join(BENCH, 'node_modules/better-sse/package.json');

export const name = 'better-sse';
export const title = 'better-sse';
export const { variants, maxStreams } = node;

export function describe() {
	if (!fs.existsSync(MODULE)) return null;
	const { version } = JSON.parse(fs.readFileSync(MODULE, 'utf8'));
	return `better-sse ${version} on node ${process.version}`;
}

export const start = (where) => node.start(where, 'better-sse');
