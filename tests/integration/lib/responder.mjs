// A responder without a web server: for what it says and how it ends when it is
// started badly, which a web server would hide.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

import * as fastcgi from './fastcgi.mjs';
import { BINARY } from './harness.mjs';
import { poll, waiting } from './wait.mjs';

// A web server's way to start a responder: descriptor 0 is a listening socket.
const LISTEN = `
	my ($path, @command) = @ARGV;
	socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die $!;
	bind($s, sockaddr_un($path)) or die $!;
	listen($s, 64) or die $!;
	open(STDIN, '<&', $s) or die $!;
	exec(@command) or die $!;`;

// root may write anywhere; without its capabilities it is like anybody.
const UNPRIVILEGED =
	process.getuid() === 0 ? ['unshare', '-U', '--'] : [];

const running = new Set();

export function killResponders() {
	for (const { child } of running) child.kill('SIGKILL');
}

export class Responder {
	output = '';
	code = undefined;

	// dir: where its files and the sanitizers' reports go.
	constructor({ dir, config, env = {}, unprivileged = false }) {
		this.folder = fs.mkdtempSync(path.join(dir, 'r'));
		this.config = path.join(this.folder, 'belfry.conf');
		fs.writeFileSync(this.config, config);
		this.socket = path.join(this.folder, 'socket');
		const san = `log_path=${path.join(dir, 'sanitizer')}`;
		const command = unprivileged ? [...UNPRIVILEGED, BINARY] : [BINARY];
		this.child = spawn(
			'setpriv',
			['--pdeathsig', 'KILL', 'perl', '-MSocket', '-e', LISTEN]
				.concat(this.socket, command),
			{
				stdio: ['ignore', 'pipe', 'pipe'],
				env: {
					PATH: process.env.PATH,
					BELFRY_CONFIG: this.config,
					ASAN_OPTIONS: san,
					UBSAN_OPTIONS: san,
					TSAN_OPTIONS: san,
					...env,
				},
			},
		);
		this.child.stdout.on('data', (chunk) => (this.output += chunk));
		this.child.stderr.on('data', (chunk) => (this.output += chunk));
		running.add(this);
		this.exited = new Promise((resolve) =>
			this.child.on('close', (code, signal) => {
				running.delete(this);
				this.code = code ?? signal;
				resolve(this.code);
			}),
		);
	}

	async exit() {
		return waiting('the responder to exit', () => this.output, (done) => {
			this.exited.then(done);
		});
	}

	// One request on the socket.
	async ask(uri, headers = {}) {
		await poll('the socket', () => this.listening || this.#listens());
		const socket = net.connect(this.socket);
		const parts = [];
		socket.on('error', () => {});
		socket.on('data', (chunk) => parts.push(chunk));
		socket.write(fastcgi.request(fastcgi.params('GET', uri, headers)));
		await waiting('an answer', () => this.output, (done) => {
			socket.on('close', done);
		});
		return fastcgi.parse(Buffer.concat(parts));
	}

	async #listens() {
		this.listening = await new Promise((resolve) => {
			const socket = net.connect(this.socket);
			socket.on('connect', () => resolve(true));
			socket.on('connect', () => socket.destroy());
			socket.on('error', () => resolve(false));
		});
		return this.listening;
	}
}
