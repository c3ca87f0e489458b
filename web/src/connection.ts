// One stream to the server, kept up for as long as it is wanted.
//
// The browser's own reconnecting is not relied upon: EventSource gives up for
// good on any answer but 200, and in Firefox on a refused connection too. So
// every end is final, and a new stream is made after a wait, with the cursor in
// the query. How long that wait is, the server decides where it said so (a
// `close` frame, Retry-After); else it grows from 1 to 30 seconds with jitter.
//
// Where the server answers a HEAD but no stream comes of it, the next transport
// is tried; where it accepts streams and nothing ever arrives, somebody holds
// them back until they end, and they are asked for in slices.

import { backoffMs } from './backoff.js';
import { retryAfterMs } from './http.js';
import type { Request, Transport } from './transport.js';
import type {
	Close, Connected, Frame, FrameName, Problem, Start, StatusInfo,
} from './types.js';

// A timer takes no more than 24 days, and fires at once where it is more. But a
// server may also mean less than it says, or a clock be wrong that its date is
// held against: to ask once an hour costs nobody anything.
const LONGEST_MS = 3600000;
const CONNECT_TIMEOUT_MS = 10000;
const SLICE_MS = 25000; // how long the server holds a poll with nothing due
// A hub says each step that it takes; the longest is that of a slice.
const STEP_MS = CONNECT_TIMEOUT_MS + SLICE_MS + 5000;
const STABLE_MS = 10000;
const WATCHDOG_HEARTBEATS = 2.5;
const FRESH_MS = 2000;
const FRUITLESS = 2; // tries, then the next way

export interface ConnectionOptions {
	/** In the order of preference. */
	transports: Transport[];
	/** A HEAD on the stream's URL; without it an end is plain trouble. */
	probe?: (() => Promise<Response>) | undefined;
	/** Where to begin when there is no cursor; may reject with a Problem. */
	snapshot(): Promise<Start>;
	onFrame(frame: Frame): unknown;
	onStatus(info: StatusInfo): unknown;
	/** How long a hidden page keeps its stream; undefined: for ever. */
	hiddenMs?: number | undefined;
}

export class Connection {
	#options: ConnectionOptions;
	#wanted = false;
	#start: Start | null = null; // cursor: last event id that was handed on
	#asking: Promise<Start> | null = null;
	#close: (() => void) | null = null;
	#attempt = 0; // each try has its number: what an older one says is void
	#failures = 0;
	#tier = 0;
	#poll = false; // ask for slices
	#fruitless = 0;
	#sliced = false; // the stream that is open is a slice
	#timer: ReturnType<typeof setTimeout> | undefined;
	#hiding: ReturnType<typeof setTimeout> | undefined;
	#resting = false; // closed until the page is looked at
	#watchdog: ReturnType<typeof setInterval> | undefined;
	#connectedAt = 0;
	#lastFrameAt = 0;
	#notBefore = 0; // the server asked not to come back earlier
	#forget: (() => void)[] = [];

	constructor(options: ConnectionOptions) {
		this.#options = options;
	}

	start() {
		if (this.#wanted)
			return;
		this.#wanted = true;
		const { document } = globalThis;
		if (document)
			this.#listen(document, 'visibilitychange', () => {
				if (document.visibilityState === 'visible')
					this.comeBack();
				this.#hide();
			});
		// Closed, so that it may be kept, and found alive when it is shown.
		this.#listen(globalThis, 'pagehide', () => this.#rest('hidden'));
		this.#listen(globalThis, 'pageshow', (event) => {
			if ((event as PageTransitionEvent).persisted)
				this.comeBack();
		});
		this.#listen(globalThis, 'online', () => {
			if (!this.#resting)
				this.comeBack();
		});
		this.#listen(globalThis, 'offline', () => {
			if (this.#close)
				this.#waitFor(null, 'offline');
		});
		this.#try(null);
	}

	stop() {
		this.#wanted = false;
		this.#cut();
		this.#unhide();
		for (const forget of this.#forget.splice(0))
			forget();
	}

	/** A person asked for it: at once, whatever the wait was for. */
	retryNow() {
		this.#notBefore = this.#tier = this.#fruitless = 0;
		this.#poll = false;
		if (this.#wanted)
			this.#try('insist');
		else
			this.start();
	}

	/**
	 * What is on the screen is not to be gone on from: snapshot() anew. Counts
	 * as a failure, so that there is one loop of retries.
	 */
	startOver() {
		this.#start = null;
		if (this.#wanted)
			this.#waitFor(null);
	}

	/**
	 * The page was hidden, frozen or offline: a dead connection would tell
	 * nothing. One that spoke just now is alive; this is also the debouncing.
	 */
	comeBack() {
		const now = Date.now();

		if (now - this.#lastFrameAt < FRESH_MS || now < this.#notBefore)
			return;
		this.#lastFrameAt = now;
		this.#try('look');
	}

	#listen(target: EventTarget, type: string, listener: (e: Event) => void) {
		target.addEventListener?.(type, listener);
		this.#forget.push(() => target.removeEventListener?.(type, listener));
	}

	#say(status: StatusInfo['status'], reason: StatusInfo['reason'] = null) {
		this.#options.onStatus({ status, retryAt: null, reason });
	}

	// Of a stream that is opened in the background, too.
	#hide() {
		const { hiddenMs } = this.#options;

		if (globalThis.document?.visibilityState !== 'hidden')
			this.#unhide();
		else if (hiddenMs !== undefined && !this.#resting)
			this.#hiding ??= setTimeout(() => this.#rest('hidden'), hiddenMs);
	}

	#unhide() {
		clearTimeout(this.#hiding);
		this.#hiding = undefined;
	}

	// Until comeBack().
	#rest(reason: string) {
		this.#cut();
		this.#unhide();
		this.#resting = true;
		this.#lastFrameAt = this.#notBefore = 0;
		this.#say('disconnected', reason);
	}

	#cut() {
		if (this.#connectedAt && Date.now() - this.#connectedAt >= STABLE_MS)
			this.#failures = 0;
		this.#connectedAt = 0;
		this.#attempt++;
		this.#close?.();
		this.#close = null;
		clearTimeout(this.#timer);
		clearInterval(this.#watchdog);
	}

	async #try(urgent: Request['urgent'], quiet = false) {
		this.#cut();
		this.#resting = false;
		this.#hide();
		const attempt = this.#attempt;

		if (!quiet)
			this.#say('connecting');
		try {
			this.#start ??= await this.#snapshot();
		} catch (error) {
			if (attempt === this.#attempt)
				this.#failed(error as Problem);
			return;
		}
		if (attempt === this.#attempt)
			this.#open(attempt, urgent);
	}

	// Who asks while an answer is awaited gets the same.
	#snapshot(): Promise<Start> {
		return (this.#asking ??= this.#options
			.snapshot()
			.finally(() => (this.#asking = null)));
	}

	#open(attempt: number, urgent: Request['urgent']) {
		const { transports, onStatus } = this.#options;
		const request = { ...this.#start!, poll: this.#poll, urgent };
		const now = <A extends unknown[]>(take: (...args: A) => void) =>
			(...args: A) => {
				if (attempt === this.#attempt)
					take(...args);
			};

		this.#sliced = this.#poll;
		this.#timer = setTimeout(
			() => this.#lost('no answer'),
			CONNECT_TIMEOUT_MS + (this.#poll ? SLICE_MS : 0),
		);
		this.#close = transports[this.#tier]!(request, {
			frame: now((event: FrameName, id: string, data: unknown) =>
				this.#frame(event, id, data)),
			end: now((problem?: Problem) =>
				problem ? this.#failed(problem) : this.#lost('lost')),
			again: now(() => void this.#try(null, true)),
			status: now((info: StatusInfo, close?: Frame) => {
				if (close)
					this.#options.onFrame(close);
				if (info.status === 'error')
					return this.#refused(info.reason);
				// Until then its silence means nothing.
				this.#watch(STEP_MS, info.retryAt ?? 0);
				onStatus(info);
			}),
		});
	}

	#frame(event: FrameName, id: string, data: unknown) {
		if (data === undefined)
			return this.startOver(); // never past what was not understood
		this.#lastFrameAt = Math.max(this.#lastFrameAt, Date.now());
		if (event === 'connected')
			this.#connected(data as Connected);
		if (event === 'close')
			this.#closed(data as Close, id);
		else
			this.#handOn({ event, id, data } as Frame);
	}

	#handOn(frame: Frame) {
		if (this.#start && frame.id)
			this.#start.cursor = frame.id;
		this.#options.onFrame(frame);
	}

	#connected({ epoch, heartbeatMs, poll }: Connected) {
		this.#start = { cursor: this.#start!.cursor, epoch };
		this.#connectedAt = Date.now();
		this.#notBefore = this.#fruitless = 0;
		this.#sliced = poll === true;
		this.#lastFrameAt = this.#connectedAt;
		const silence = WATCHDOG_HEARTBEATS * heartbeatMs;
		this.#watch(poll ? Math.max(silence, SLICE_MS * 1.5) : silence);
		this.#say('connected');
	}

	// By the clock: timers stand still in frozen tabs and asleep.
	#watch(patienceMs: number, from = 0) {
		clearTimeout(this.#timer);
		clearInterval(this.#watchdog);
		this.#lastFrameAt = Math.max(Date.now(), from);
		this.#watchdog = setInterval(() => {
			if (Date.now() - this.#lastFrameAt > patienceMs)
				this.#waitFor(null, 'silence');
		}, Math.min(1000, patienceMs));
	}

	#closed(data: Close, id: string) {
		const { reason, retryAfterMs: wait } = data;

		this.#options.onFrame({ event: 'close', id, data });
		if (reason === 'session')
			void this.#lost(reason); // the probe will tell what is left of it
		else
			// An evicted tab that is looked at again may come back at once.
			this.#waitFor(wait, reason, reason !== 'evicted');
	}

	// A failed EventSource does not tell its status; HEAD makes all the checks
	// and opens nothing.
	async #lost(why: string) {
		const { probe, transports } = this.#options;
		const connected = this.#connectedAt;

		this.#cut();
		if (this.#sliced && connected) {
			// The end of a slice is no news. It asks again at once, but not
			// more than once a second.
			const wait = Math.max(0, connected + 1000 - Date.now());
			this.#timer = setTimeout(() => this.#try(null, true), wait);
			return;
		}
		const attempt = this.#attempt;
		this.#say('connecting');
		let problem: Problem | null = null;
		try {
			const answer = await probe?.();
			if (answer && !answer.ok)
				problem = {
					status: answer.status,
					retryAfterMs: retryAfterMs(answer),
				};
		} catch (error) {
			problem = error as Problem;
		}
		if (attempt !== this.#attempt)
			return;
		if (!problem && probe && !connected && ++this.#fruitless >= FRUITLESS) {
			this.#fruitless = 0;
			if (why === 'no answer' || this.#tier === transports.length - 1)
				this.#poll = true;
			else
				this.#tier++;
		}
		this.#failed(problem);
	}

	#failed(problem: Problem | null) {
		const { status, retryAfterMs: wait } = problem ?? {};

		if (status === 401 || status === 403)
			this.#refused(status);
		else
			this.#waitFor(wait ?? null, status || 'network');
	}

	#refused(reason: StatusInfo['reason']) {
		this.stop();
		this.#start = null;
		this.#say('error', reason);
	}

	#waitFor(
		ms: number | null, reason: string | number = 'lost',
		binding = ms !== null,
	) {
		this.#cut();
		const step = backoffMs(this.#failures++);
		const wait = Math.min(ms ?? step, LONGEST_MS);
		const retryAt = Date.now() + wait;

		this.#notBefore = binding ? retryAt : 0;
		this.#timer = setTimeout(() => this.#try(null), wait);
		this.#options.onStatus({ status: 'disconnected', retryAt, reason });
	}
}
