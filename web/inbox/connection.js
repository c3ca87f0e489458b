// One stream to the server, kept up for as long as it is wanted.
//
// The browser's own reconnecting is not relied upon: EventSource gives up for
// good on any answer but 200, and in Firefox on a refused connection too. So
// every `error` closes it, and a new one is made after a wait, with the cursor
// in the query. How long that wait is, the server decides where it said so (a
// `close` frame, Retry-After); else it grows from 1 to 30 seconds with jitter.
//
// status: "connecting"    a stream, or the snapshot before it, is asked for
//         "connected"     the server's `connected` event has come
//         "disconnected"  waiting; `retryAt` says until when
//         "error"         stopped: who we are is not accepted; start() again

const BACKOFF_MS = [1000, 2000, 4000, 8000, 16000, 30000];
const CONNECT_TIMEOUT_MS = 10000;
const STABLE_MS = 10000;
const WATCHDOG_HEARTBEATS = 2.5;
const FRESH_MS = 2000;
const EVENTS = ['connected', 'notification', 'heartbeat', 'reset', 'close'];

export class Connection {
	#url;
	#snapshot;
	#onFrame;
	#onStatus;

	#wanted = false;
	#cursor = null; // last event id that was handed on; null: none yet
	#epoch = null;
	#source = null;
	#attempt = 0; // each try has its number: what an older one says is void
	#failures = 0;
	#timer = null; // the next try, or the end of patience with this one
	#watchdog = null;
	#connectedAt = 0;
	#lastFrameAt = 0;
	#heartbeatMs = 30000;
	#notBefore = 0; // the server asked not to come back earlier
	#forget = [];

	// snapshot(): resolves to { cursor, epoch } of what is now on the screen;
	//   it is called when there is no cursor to go on from. It may reject
	//   with an error that has `status` and `retryAfterMs`.
	// onFrame({ event, id, data }): in order; data is parsed JSON.
	// onStatus({ status, retryAt, reason })
	constructor({ url, snapshot, onFrame, onStatus }) {
		this.#url = url;
		this.#snapshot = snapshot;
		this.#onFrame = onFrame;
		this.#onStatus = onStatus;
	}

	start() {
		if (this.#wanted)
			return;
		this.#wanted = true;
		this.#listen(document, 'visibilitychange', () => {
			if (document.visibilityState === 'visible')
				this.#comeBack();
		});
		this.#listen(window, 'pageshow', (event) => {
			if (event.persisted)
				this.#comeBack();
		});
		this.#listen(window, 'online', () => this.#comeBack());
		this.#try();
	}

	stop() {
		this.#wanted = false;
		this.#cut();
		for (const forget of this.#forget.splice(0))
			forget();
	}

	// A person asked for it: at once, whatever the wait was for.
	retryNow() {
		if (!this.#wanted)
			return this.start();
		this.#notBefore = 0;
		this.#try();
	}

	// What is on the screen is not to be gone on from: snapshot() anew. Counts
	// as a failure of the connection, so that it has one loop of retries.
	startOver() {
		this.#cursor = null;
		if (this.#wanted)
			this.#waitFor(null);
	}

	#listen(target, type, listener) {
		target.addEventListener(type, listener);
		this.#forget.push(() => target.removeEventListener(type, listener));
	}

	// The page was hidden, frozen or offline: a dead connection would tell
	// nothing. One that spoke just now is alive; this is also the debouncing.
	#comeBack() {
		const now = Date.now();

		if (now - this.#lastFrameAt < FRESH_MS || now < this.#notBefore)
			return;
		this.#lastFrameAt = now;
		this.#try();
	}

	#cut() {
		const lived = this.#connectedAt && Date.now() - this.#connectedAt;

		if (lived >= STABLE_MS)
			this.#failures = 0;
		this.#connectedAt = 0;
		this.#attempt++;
		this.#source?.close();
		this.#source = null;
		clearTimeout(this.#timer);
		clearInterval(this.#watchdog);
	}

	async #try() {
		this.#cut();
		const attempt = this.#attempt;

		this.#onStatus({ status: 'connecting', retryAt: null, reason: null });
		if (this.#cursor === null) {
			try {
				const start = await this.#snapshot();
				if (attempt !== this.#attempt)
					return;
				this.#cursor = start.cursor;
				this.#epoch = start.epoch;
			} catch (error) {
				if (attempt === this.#attempt)
					this.#failed(error);
				return;
			}
		}
		this.#open(attempt);
	}

	#open(attempt) {
		const url = new URL(this.#url, document.baseURI);

		url.searchParams.set('lastEventId', this.#cursor);
		if (this.#epoch)
			url.searchParams.set('epoch', this.#epoch);
		const source = new EventSource(url);
		this.#source = source;
		for (const name of EVENTS)
			source.addEventListener(name, (event) => {
				if (attempt === this.#attempt)
					this.#frame(name, event);
			});
		source.addEventListener('error', () => {
			if (attempt === this.#attempt)
				this.#lost();
		});
		this.#timer = setTimeout(
			() => this.#waitFor(null, 'no answer'),
			CONNECT_TIMEOUT_MS,
		);
	}

	#frame(event, { lastEventId: id, data: text }) {
		let data;

		try {
			data = JSON.parse(text);
		} catch {
			return this.startOver(); // never past what was not understood
		}
		this.#lastFrameAt = Date.now();
		if (event === 'connected')
			this.#connected(data);
		if (event === 'close')
			return this.#closed(data);
		this.#onFrame({ event, id, data });
		if (id !== '')
			this.#cursor = id;
	}

	#connected({ epoch, heartbeatMs }) {
		clearTimeout(this.#timer);
		this.#epoch = epoch;
		this.#heartbeatMs = heartbeatMs;
		this.#connectedAt = Date.now();
		this.#notBefore = 0;
		// By the clock: timers stand still in frozen tabs and asleep.
		this.#watchdog = setInterval(() => {
			const silence = Date.now() - this.#lastFrameAt;
			if (silence > WATCHDOG_HEARTBEATS * this.#heartbeatMs)
				this.#waitFor(null, 'silence');
		}, Math.min(1000, heartbeatMs));
		this.#onStatus({ status: 'connected', retryAt: null, reason: null });
	}

	#closed({ reason, retryAfterMs }) {
		if (reason === 'session')
			return this.#lost(); // the probe will tell what is left of it
		// An evicted tab that is looked at again may come back at once.
		this.#waitFor(retryAfterMs, reason, reason !== 'evicted');
	}

	// A failed EventSource does not tell its status; HEAD makes all the checks
	// and opens nothing.
	async #lost() {
		this.#cut();
		const attempt = this.#attempt;

		this.#onStatus({ status: 'connecting', retryAt: null, reason: null });
		let problem = null;
		try {
			const answer = await fetch(this.#url, {
				method: 'HEAD',
				cache: 'no-store',
				signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS),
			});
			if (!answer.ok)
				problem = {
					status: answer.status,
					retryAfterMs: retryAfterMs(answer),
				};
		} catch (error) {
			problem = error;
		}
		if (attempt === this.#attempt)
			this.#failed(problem);
	}

	#failed(problem) {
		const { status, retryAfterMs: wait } = problem ?? {};

		if (status === 401 || status === 403) {
			this.stop();
			this.#cursor = null;
			return this.#onStatus({
				status: 'error', retryAt: null, reason: status,
			});
		}
		this.#waitFor(wait ?? null, status ?? 'network');
	}

	#waitFor(ms, reason = 'lost', binding = ms !== null) {
		const now = Date.now();

		this.#cut();
		const step = BACKOFF_MS[
			Math.min(this.#failures, BACKOFF_MS.length - 1)];
		this.#failures++;
		const wait = ms ?? step * (0.5 + Math.random() / 2);
		this.#notBefore = binding ? now + wait : 0;
		this.#timer = setTimeout(() => this.#try(), wait);
		this.#onStatus({ status: 'disconnected', retryAt: now + wait, reason });
	}
}

// Retry-After in either of its two forms, as milliseconds from now; or null.
export function retryAfterMs(response) {
	const value = response.headers.get('Retry-After');

	if (value === null)
		return null;
	const ms = /^\d+$/.test(value)
		? Number(value) * 1000
		: Date.parse(value) - Date.now();
	return Number.isFinite(ms) ? Math.max(0, ms) : null;
}
