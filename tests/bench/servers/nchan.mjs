// nginx with nchan: memory store, one worker, the newest message first.

import fs from 'node:fs';
import path from 'node:path';

import { Child, family, freePort, version } from '../lib/process.mjs';
import * as peer from './peer.mjs';

const MODULE = '/usr/lib/nginx/modules/ngx_nchan_module.so';

export const name = 'nchan';
export const title = 'nchan';
export const { variants, maxStreams } = peer;

export function describe() {
	const nginx = version('nginx', ['-v'], /nginx\/[\d.]+/);
	if (!nginx || !fs.existsSync(MODULE)) return null;
	const nchan = version('dpkg-query', [
		...['-W', '-f=${Version}', 'libnginx-mod-nchan'],
	]);
	return `${nginx}, nchan ${nchan ?? '?'}`;
}

const conf = (dir, port) => `
${process.getuid() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${dir}/nginx.pid;
error_log ${dir}/nginx.log warn;
load_module ${MODULE};
events { worker_connections 19000; }
http {
	access_log off;
	keepalive_requests 1000000000;
	client_body_temp_path ${dir}/body;
	proxy_temp_path ${dir}/proxy;
	fastcgi_temp_path ${dir}/fastcgi;
	uwsgi_temp_path ${dir}/uwsgi;
	scgi_temp_path ${dir}/scgi;
	nchan_message_buffer_length 128;
	nchan_message_timeout 10m;
	server {
		listen 127.0.0.1:${port} backlog=4096;
		location /sub {
			nchan_subscriber eventsource;
			nchan_subscriber_first_message newest;
			nchan_channel_id $arg_id;
		}
		location /pub {
			nchan_publisher http;
			nchan_channel_id $arg_id;
		}
	}
}
`;

export async function start({ dir, cpus }) {
	const port = await freePort();
	const file = path.join(dir, 'nginx.conf');
	fs.writeFileSync(file, conf(dir, port));
	const child = new Child(
		['nginx', '-p', dir, '-e', `${dir}/nginx.log`, '-c', file],
		{ dir, cpus },
	);
	await child.untilPort(port);
	const pids = () => family(child.pid).filter(([comm]) => comm === 'nginx');
	// The port is open before there is a worker.
	await child.until(() => pids().length === 2);
	return {
		pids,
		stop: () => child.stop(),
		options: peer.options(port),
		everyone: peer.everyone,
	};
}
