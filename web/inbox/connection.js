// What a person is told of the connection, and the one thing they can do about
// it.

const REASONS = {
	401: 'signed out',
	403: 'not allowed',
	429: 'too many requests',
	503: 'server busy',
	closed: 'switched off',
	evicted: 'too many open tabs',
	hidden: 'in the background',
	lifetime: 'stream renewed',
	network: 'no network',
	offline: 'offline',
	refused: 'server busy',
	shutdown: 'server restarting',
	silence: 'no sign of life',
};

// { text, action, waitMs } for a snapshot of the store; waitMs: null, or how
// long until the next try.
export function describe({ connectionStatus, retryAt, reason }, now) {
	const why = REASONS[reason] ? ` · ${REASONS[reason]}` : '';

	if (connectionStatus === 'connected')
		return { text: 'Connected', action: 'Disconnect', waitMs: null };
	if (connectionStatus === 'connecting')
		return { text: 'Connecting…', action: '', waitMs: null };
	if (connectionStatus === 'error')
		return { text: `Stopped${why}`, action: 'Try now', waitMs: null };
	if (retryAt === null)
		return { text: `Disconnected${why}`, action: 'Connect', waitMs: null };
	const waitMs = Math.max(0, retryAt - now);
	return {
		text: `Next try in ${Math.ceil(waitMs / 1000)} s${why}`,
		action: 'Try now',
		waitMs,
	};
}

// The line of one store. Returns what draws it again.
export function connectionLine(root, store) {
	const line = root.querySelector('.connection');
	const button = root.querySelector('.switch');
	const countdown = root.querySelector('.countdown');
	let until = 0; // of the countdown that runs
	let whole = 0; // how long that is

	button.addEventListener('click', () => {
		const { connectionStatus } = store;
		if (connectionStatus === 'connected')
			store.disconnect();
		// Signed out: the demo may have been started anew, with new tokens.
		else if (connectionStatus === 'error')
			location.reload();
		else
			store.reconnect();
	});
	return () => {
		const now = Date.now();
		const { text, action, waitMs } = describe(store, now);
		line.dataset.status = store.connectionStatus;
		const words = line.querySelector('.connection-text');
		if (words.textContent !== text)
			words.textContent = text;
		button.hidden = !action;
		if (button.textContent !== action)
			button.textContent = action;
		countdown.hidden = waitMs === null;
		if (waitMs === null)
			return;
		if (store.retryAt !== until) {
			until = store.retryAt;
			whole = Math.max(1, waitMs);
		}
		countdown.style.setProperty('--left', String(waitMs / whole));
	};
}
