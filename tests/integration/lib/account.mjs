// An account on shared hosting: a home folder, and somebody else's Apache with
// mod_fcgid and mod_rewrite, which both have nothing but their own defaults, and
// start programs as the account's user.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { ROOT, poll, run, temporaryFolder } from './harness.mjs';

const MODULES = 'mpm_event authz_core mime dir env rewrite fcgid'.split(' ');
const TRIES = 20;

// Root would have no account: whom the web server is instead.
const AS_ACCOUNT =
	process.getuid() === 0
		? ['setpriv', '--reuid', 'www-data', '--regid', 'www-data', '--clear-groups']
		: [];

function configuration(dir, port) {
	return `
ServerRoot "${dir}/apache"
PidFile "${dir}/apache/pid"
Mutex pthread default
ErrorLog "${dir}/apache/error.log"
ServerName 127.0.0.1
Listen 127.0.0.1:${port}
${MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
TypesConfig /etc/mime.types
FcgidIPCDir "${dir}/apache"
FcgidProcessTableFile "${dir}/apache/table"
DocumentRoot "${dir}/home/public_html"
<Directory "${dir}/home/public_html">
	AllowOverride All
	Require all granted
</Directory>
`;
}

// The commands of docs/deploy.md for `recipe`, as they stand there.
export function commandsOf(recipe) {
	const text = fs.readFileSync(path.join(ROOT, 'docs/deploy.md'), 'utf8');
	return [...text.matchAll(/^```sh (.*)\n([^]*?)^```$/gm)]
		.filter(([, names]) => names.split(' ').includes(recipe))
		.map(([, , commands]) => commands)
		.join('');
}

class Account {
	constructor(dir) {
		this.dir = dir;
		this.home = path.join(dir, 'home');
	}

	async make() {
		for (const folder of ['home/public_html', 'apache'])
			fs.mkdirSync(path.join(this.dir, folder), { recursive: true });
		if (AS_ACCOUNT.length === 0) return;
		fs.chmodSync(this.dir, 0o711);
		const { code, stderr } = await run('chown', [
			...['-R', 'www-data:www-data', this.home, path.join(this.dir, 'apache')],
		]);
		if (code !== 0) throw new Error(stderr);
	}

	// Runs commands as its user, in its home.
	sh(commands) {
		const [program, ...args] = [...AS_ACCOUNT, 'bash', '--norc', '-eu', '-c', commands];
		return run(program, args, {
			cwd: this.home,
			env: { HOME: this.home, LANG: 'C.UTF-8', PATH: process.env.PATH },
		});
	}

	// Which port is free is seen by taking it.
	async startApache() {
		for (let i = 0; i < TRIES; i++) {
			const port = 20_000 + Math.floor(Math.random() * 12_000);
			if (await this.#tryPort(port)) return;
		}
		throw new Error(`Apache did not start\n${this.log()}`);
	}

	async #tryPort(port) {
		const file = path.join(this.dir, 'apache.conf');
		fs.writeFileSync(file, configuration(this.dir, port));
		const command = ['setpriv', ...AS_ACCOUNT.slice(1), '--pdeathsig', 'TERM'];
		this.child = spawn(command[0], [...command.slice(1), 'apache2', '-DFOREGROUND', '-f', file], {
			stdio: ['ignore', 'ignore', 'ignore'],
			env: { PATH: `${process.env.PATH}:/usr/sbin` },
		});
		this.ended = new Promise((resolve) => this.child.on('close', resolve));
		let over = false;
		this.ended.then(() => (over = true));
		this.url = `http://127.0.0.1:${port}/`;
		return poll(
			'Apache',
			async () => {
				if (over) return 'ended';
				return fetch(this.url).then(
					() => 'answers',
					() => null,
				);
			},
			() => this.log(),
		).then((what) => what === 'answers' && !over);
	}

	log() {
		try {
			return fs.readFileSync(path.join(this.dir, 'apache/error.log'), 'utf8');
		} catch {
			return '';
		}
	}

	async close() {
		this.child?.kill('SIGTERM');
		await this.ended;
		fs.rmSync(this.dir, { recursive: true });
	}
}

export async function openAccount() {
	const account = new Account(temporaryFolder());
	await account.make();
	await account.startApache();
	return account;
}
