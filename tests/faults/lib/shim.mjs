// tests/faults/shim.c, preloaded into a responder or a writer, and its settings,
// which hold from the moment they are set.

import fs from 'node:fs';
import path from 'node:path';

import { ROOT } from '../../integration/lib/harness.mjs';

const LIBRARY = path.join(ROOT, 'build/faults/shim.so');
const NAMES = ['clockOffsetS', 'syncDelayMs', 'inotifyErrno'];

export class Shim {
	constructor(folder) {
		this.file = path.join(folder, `shim-${process.pid}-${Math.random()}`);
		this.set();
	}

	// What is not named is as if there were no shim.
	set(values = {}) {
		const lines = NAMES.map((name) =>
			String(values[name] ?? 0).padStart(20, ' '),
		);
		const fd = fs.openSync(this.file, fs.constants.O_RDWR | fs.constants.O_CREAT);
		fs.writeSync(fd, `${lines.join('\n')}\n`, 0);
		fs.closeSync(fd);
	}

	get env() {
		return { LD_PRELOAD: LIBRARY, FAULT_SHIM: this.file };
	}

	// For scripts/serve: of the responder only.
	get args() {
		return Object.entries(this.env).flatMap(([name, value]) => [
			'--env',
			`${name}=${value}`,
		]);
	}
}
