// Tests wait for conditions, never for a time.  The only clock is the guard
// against waiting for ever, which is no part of any assertion.

export const HANG_MS = Number(process.env.BELFRY_TEST_HANG_MS || 120_000);

// Runs start(done, fail); fails with a description when nothing comes of it.
export function waiting(what, describe, start) {
	return new Promise((resolve, reject) => {
		let stop = null;
		let over = false;
		const finish = (settle) => (value) => {
			if (over) return;
			over = true;
			clearTimeout(guard);
			stop?.();
			settle(value);
		};
		const fail = finish(reject);
		const guard = setTimeout(
			() => fail(new Error(`hung waiting for ${what}\n${describe()}`)),
			HANG_MS,
		);
		stop = start(finish(resolve), fail);
		if (over) stop?.();
	});
}

// Opens with open(expiresAt) what expires soon, all of it before it does: where
// that took too long, on a busy machine, again with twice the time.
export async function beforeExpiry(ms, open) {
	for (;; ms *= 2) {
		const expiresAt = Date.now() + ms;
		try {
			const opened = await open(expiresAt);
			if (Date.now() < expiresAt) return { expiresAt, opened };
			for (const stream of opened) stream.close();
		} catch (error) {
			if (Date.now() < expiresAt) throw error;
		}
	}
}

// Waits for a condition that nothing announces (a process, a file).  When it does
// not come, the error has what describe() says of how things are.
export async function poll(what, check, describe = () => '') {
	const deadline = Date.now() + HANG_MS;
	for (;;) {
		const value = await check();
		if (value) return value;
		if (Date.now() > deadline)
			throw new Error(`hung waiting for ${what}\n${describe()}`);
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
}
