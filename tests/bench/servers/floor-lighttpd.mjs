// The floor behind the same lighttpd, with the settings of the project's
// lighttpd.conf: what the web server alone costs.

import fs from 'node:fs';
import path from 'node:path';

import { capacity, limits } from '../lib/lighttpd.mjs';
import { Child, family, freePort, version } from '../lib/process.mjs';
import * as floor from './floor.mjs';
import * as peer from './peer.mjs';

export const name = 'floor-lighttpd';
export const title = 'floor behind lighttpd';
export const { variants } = peer;
export const maxStreams = capacity;
export const severalCpus = true;
export const describe = () => version('lighttpd', ['-v'], /lighttpd\/[\d.]+/);

const conf = (dir, port, to, { fds, connections, workers }) => `
server.document-root = "${dir}"
server.bind = "127.0.0.1"
server.port = ${port}
server.errorlog = "${dir}/lighttpd.log"
server.upload-dirs = ( "${dir}" )
server.modules += ( "mod_proxy" )
server.max-fds = ${fds}
server.max-connections = ${connections}
server.max-worker = ${workers}
server.stream-response-body = 2
proxy.server = ( "" => ((
	"host" => "127.0.0.1",
	"port" => ${to},
	"tcp-fin-propagate" => "enable"
)))
`;

export async function start({ dir, cpus }) {
	const below = await floor.start({ dir, cpus });
	const port = await freePort();
	const file = path.join(dir, 'lighttpd.conf');
	fs.writeFileSync(file, conf(dir, port, below.port, limits()));
	const child = new Child(
		['lighttpd', '-D', '-f', file],
		{ dir, cpus, log: 'lighttpd.out' },
	);
	await child.untilPort(port);
	const lighttpds = () =>
		family(child.pid).filter(([comm]) => comm === 'lighttpd');
	return {
		pids: () => [...lighttpds(), ...below.pids()],
		stop: async () => {
			await child.stop();
			await below.stop();
		},
		options: peer.options(port),
		everyone: peer.everyone,
	};
}
