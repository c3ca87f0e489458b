// pushpin in front of a node application, which it asks once per stream.
//
// message_rate=0, because with any rate (2500 is the default) nothing is
// delivered until publishing pauses; and no more than 32 connections are opened
// at once, or it answers 502.  Messages are published at its control port
// straight away, but for the resume scenario through the application, which
// keeps the history that pushpin does not.

import fs from 'node:fs';
import path from 'node:path';

import { Child, family, freePort, version } from '../lib/process.mjs';
import * as node from './node.mjs';
import * as peer from './peer.mjs';

export const name = 'pushpin';
export const title = 'pushpin';
export const { variants } = peer;
export const maxStreams = () => 9000; // two descriptors each while they open
export const severalCpus = true; // four processes

export function describe() {
	return version('pushpin', ['--version'], /pushpin [\d.]+/);
}

const conf = (dir, ports) => `
[global]
include=/usr/lib/pushpin/internal.conf
rundir=${dir}/run
ipc_prefix=pushpin-
[runner]
services=condure,pushpin-proxy,pushpin-handler
http_port=127.0.0.1:${ports.http}
logdir=${dir}/log
log_level=1
client_buffer_size=8192
client_maxconn=19000
[proxy]
routesfile=${dir}/routes
zurl_out_specs=ipc://${dir}/run/zurl-in
zurl_out_stream_specs=ipc://${dir}/run/zurl-in-stream
zurl_in_specs=ipc://${dir}/run/zurl-out
[handler]
push_in_spec=tcp://127.0.0.1:${ports.pull}
push_in_sub_specs=tcp://127.0.0.1:${ports.sub}
push_in_http_addr=127.0.0.1
push_in_http_port=${ports.control}
command_spec=tcp://127.0.0.1:${ports.command}
message_rate=0
message_hwm=1000000
`;

// Its client towards the application, which Debian has as a service.
const zurlConf = (dir) => `
[General]
in_spec=ipc://${dir}/run/zurl-in
in_stream_spec=ipc://${dir}/run/zurl-in-stream
out_spec=ipc://${dir}/run/zurl-out
in_req_spec=ipc://${dir}/run/zurl-req
defpolicy=allow
max_open_requests=2000
buffer_size=200000
timeout=600
`;

export async function start({ dir, cpus }) {
	const ports = {};
	for (const key of ['http', 'pull', 'sub', 'control', 'command'])
		ports[key] = await freePort();
	const application = await node.start({ dir, cpus }, 'pushpin', ports.control);
	fs.mkdirSync(path.join(dir, 'run'));
	fs.mkdirSync(path.join(dir, 'log'));
	fs.writeFileSync(path.join(dir, 'routes'), `* 127.0.0.1:${application.port}\n`);
	const file = path.join(dir, 'pushpin.conf');
	fs.writeFileSync(file, conf(dir, ports));
	fs.writeFileSync(path.join(dir, 'zurl.conf'), zurlConf(dir));
	const zurl = new Child(['zurl', `--config=${dir}/zurl.conf`], {
		dir,
		cpus,
		log: 'zurl.log',
	});
	const child = new Child(
		[
			...['sh', '-c', 'ulimit -n 20000 && exec pushpin --config "$0"'],
			file,
		],
		{ dir, cpus },
	);
	await child.untilPort(ports.http);
	await child.untilPort(ports.control);
	const item =
		'{"items":[{"channel":"%u","formats":' +
		'{"http-stream":{"content":"data: %e\\n\\n"}}}]}';
	return {
		pids: () => [
			...family(child.pid).filter(([comm]) => !/^(sh|setpriv)$/.test(comm)),
			['zurl', zurl.pid],
			...application.pids(),
		],
		stop: async () => {
			await child.stop();
			await zurl.stop();
			await application.stop();
		},
		options: {
			...peer.options(ports.http),
			opening: 32,
			atOnce: 32,
			postUrl: `http://127.0.0.1:${ports.control}`,
			postPath: '/publish/',
			postBody: item,
		},
		resume: {
			postUrl: `http://127.0.0.1:${ports.http}`,
			postPath: '/pub?id=%u',
			postBody: '%p',
		},
		everyone: peer.everyone,
	};
}
