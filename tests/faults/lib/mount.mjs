// File systems of a test's own.  The Makefile starts these tests in a mount
// namespace, so that nothing of them is left behind however they end.

import { run } from '../../integration/lib/harness.mjs';

async function command(...argv) {
	const done = await run(argv[0], argv.slice(1));
	if (done.code !== 0) throw new Error(`${argv.join(' ')}: ${done.stderr}`);
}

// Why nothing can be mounted here, or false.
export async function cannotMount() {
	const tried = await run('unshare', [
		'--mount',
		'mount',
		'-t',
		'tmpfs',
		'none',
		'/mnt',
	]);
	return tried.code === 0
		? false
		: `THIS MACHINE FORBIDS MOUNTING: ${tried.stderr.trim()}`;
}

export async function mountTmpfs(folder, size) {
	await command('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder);
}

export async function mountOverlay(folder, { lower, upper, work }) {
	const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
	await command('mount', '-t', 'overlay', '-o', layers, 'overlay', folder);
}

export async function remount(folder, how) {
	await command('mount', '-o', `remount,${how}`, folder);
}

export async function unmount(folder) {
	await command('umount', folder);
}
