// An event-stream client for tests: raw bytes in, frames out, and every promise
// about the form of a stream checked as the bytes come.
//
// The parser is stricter than the standard on purpose: it accepts only what
// Belfry says it writes (LF, one `data:` line, no comments, no NUL, JSON), so
// that a deviation is a violation even where a browser would forgive it.

import http from 'node:http';

import { waiting } from './wait.mjs';

const FIELD = /^(retry|event|id|data): (.*)$/s;
const FORBIDDEN_NAMES = new Set(['error', 'open', 'message']);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class FrameParser {
	#parts = [];
	#first = true;

	constructor({ onFrame, onViolation }) {
		this.onFrame = onFrame;
		this.onViolation = onViolation;
	}

	push(chunk) {
		// A frame ends with LF LF, which may be split over two chunks.
		this.#parts.push(chunk);
		const last = this.#parts.length > 1 ? this.#parts.at(-2) : null;
		const splits = last?.at(-1) === 10 && chunk[0] === 10;
		if (!splits && chunk.indexOf('\n\n') < 0) return;
		let bytes = Buffer.concat(this.#parts);
		for (let end; (end = bytes.indexOf('\n\n')) >= 0; ) {
			this.#frame(bytes.subarray(0, end + 2));
			bytes = bytes.subarray(end + 2);
		}
		this.#parts = bytes.length ? [bytes] : [];
	}

	// Bytes of a frame that has not ended.
	get pending() {
		return this.#parts.reduce((n, part) => n + part.length, 0);
	}

	#frame(raw) {
		const bad = (what) => this.onViolation(what, raw);
		if (this.#first && raw.subarray(0, 3).toString('hex') === 'efbbbf')
			bad('byte order mark');
		this.#first = false;
		if (raw.includes(13)) bad('CR on the wire');
		if (raw.includes(0)) bad('NUL on the wire');
		let text;
		try {
			text = utf8.decode(raw);
		} catch {
			return bad('not UTF-8');
		}
		const frame = { event: null, id: null, retry: null, text: null };
		for (const line of text.slice(0, -2).split('\n')) {
			const [, name, value] = FIELD.exec(line) ?? [];
			if (!name) {
				bad(`unexpected line ${JSON.stringify(line.slice(0, 80))}`);
				continue;
			}
			const key = name === 'data' ? 'text' : name;
			if (frame[key] !== null) bad(`field ${name} twice`);
			frame[key] = value;
		}
		if (!frame.event) bad('frame without event');
		if (FORBIDDEN_NAMES.has(frame.event)) bad(`event named ${frame.event}`);
		if (frame.id !== null && !/^[0-9]{1,19}$/.test(frame.id))
			bad(`id ${frame.id}`);
		if (frame.retry !== null) {
			if (!/^[0-9]+$/.test(frame.retry) || Number(frame.retry) < 1000)
				bad(`retry ${frame.retry}`);
			frame.retry = Number(frame.retry);
		}
		try {
			frame.data = JSON.parse(frame.text);
		} catch {
			return bad('data is not JSON');
		}
		frame.bytes = raw.length;
		this.onFrame(frame, raw);
	}
}

// One connection.  `events` holds the frames; `violations` everything that was
// not as promised.  With `slices`, where the server cuts streams into polls: as
// many connections as it takes, as EventSource would make them, but at once.
export class Stream {
	events = [];
	violations = [];
	status = null;
	headers = null;
	body = '';
	ended = false;
	error = null;
	bytes = 0;
	raw = [];
	#read = 0;
	#lastId = -1n; // highest id so far
	#closing = null;
	#waiters = new Set();
	#haveOpened;
	opened = new Promise((resolve) => (this.#haveOpened = resolve));
	#sawReset = true; // no reset is due
	#slice = false; // this connection says that it is one …
	#again = false; // … and goes on where another one stopped
	sliceStatus = null; // of the last one; `status` is the first one's

	constructor(url, { headers = {}, method = 'GET', ...options } = {}) {
		this.url = url;
		this.keepRaw = options.keepRaw ?? false;
		this.slices = options.slices ?? false;
		this.headersSent = headers;
		this.method = method;
		this.#connect();
	}

	#connect() {
		this.parser = new FrameParser({
			onFrame: (frame, raw) => this.#frame(frame, raw),
			onViolation: (what, raw) =>
				this.violations.push(
					`${what} in ${JSON.stringify(raw.subarray(0, 200).toString())}`,
				),
		});
		this.request = http.request(this.url, {
			method: this.method,
			agent: false,
			headers: { Accept: 'text/event-stream', ...this.headersSent },
		});
		this.request.on('response', (response) => {
			this.#response(response);
			this.#haveOpened(this);
		});
		this.request.on('error', (error) => {
			this.#end(error);
			this.#haveOpened(this);
		});
		this.request.end();
	}

	// The response is over: the whole stream, or a slice of it.
	#over() {
		if (!this.slices || this.ended || !this.#slice) return this.#end(null);
		this.#slice = false;
		this.#again = true; // whatever `slices` is when it answers
		this.headersSent = { ...this.headersSent, 'Last-Event-ID': this.cursor };
		this.#connect();
	}

	// A slice that goes on where the last one stopped begins with nothing new.
	#nextSlice({ data }) {
		this.#slice = data.poll === true;
		return this.#again && data.resumed && data.from === this.cursor;
	}

	#response(response) {
		this.response = response;
		this.sliceStatus = response.statusCode;
		this.status ??= response.statusCode;
		this.headers ??= response.headers;
		const type = response.headers['content-type'] ?? '';
		this.isStream = type.startsWith('text/event-stream');
		response.on('data', (chunk) => {
			this.bytes += chunk.length;
			if (this.keepRaw) this.raw.push(chunk);
			if (this.isStream) this.parser.push(chunk);
			else this.body += chunk;
			if (this.#closing && this.#closing()) this.close();
			this.#wake();
		});
		response.on('error', (error) => this.#end(error));
		response.on('close', () => this.#over());
	}

	#frame(frame, raw) {
		const bad = (what) =>
			this.violations.push(`${what}: ${raw.subarray(0, 200)}`);
		if (frame.event === 'connected' && this.#nextSlice(frame)) return;
		if (frame.event === 'close') this.#slice = false;
		if (this.events.at(-1)?.event === 'close') bad('frame after close');
		if (this.events.length === 0) {
			const fine =
				frame.event === 'connected' ||
				(frame.event === 'close' && frame.data.reason === 'refused');
			if (!fine) bad('first frame');
			this.#sawReset = frame.data.resumed !== false || frame.id !== null;
		} else if (frame.event === 'connected') {
			bad('connected twice');
		}
		if (frame.event === 'reset') {
			// History may have been put back: ids start over from here.
			this.#lastId = -1n;
			this.#sawReset = true;
			// A client that was told takes a new URL.
			if (frame.data.reason === 'epoch') this.url.searchParams.delete('epoch');
		}
		if (frame.id !== null) {
			const id = BigInt(frame.id);
			const again = frame.event !== 'notification' && id === this.#lastId;
			if (id <= this.#lastId && !again) bad(`id after ${this.#lastId}`);
			this.#lastId = id;
		} else if (frame.event === 'notification' || frame.event === 'reset') {
			bad('no id');
		}
		frame.index = this.events.length;
		this.events.push(frame);
		this.onEvent?.(frame);
	}

	#end(error) {
		if (this.ended) return;
		this.ended = true;
		this.error = error;
		this.#wake();
		this.onEnd?.(this);
	}

	#wake() {
		for (const waiter of [...this.#waiters]) waiter();
	}

	// The cursor that an EventSource would hold now.
	get cursor() {
		return this.events.findLast((event) => event.id !== null)?.id ?? null;
	}

	get notifications() {
		return this.events.filter((event) => event.event === 'notification');
	}

	describe() {
		const tail = this.events
			.slice(-5)
			.map((e) => `${e.event} ${e.id} ${e.text.slice(0, 160)}`);
		return (
			`${this.url} status=${this.status} ended=${this.ended} ` +
			`error=${this.error?.message} events=${this.events.length} ` +
			`body=${this.body.slice(0, 200)}\n${tail.join('\n')}\n` +
			this.violations.join('\n')
		);
	}

	// Waits until check() is true; fails when the stream ends first, unless
	// `evenEnded`.
	async waitFor(check, { what = String(check), evenEnded = false } = {}) {
		let value;
		await waiting(what, () => this.describe(), (done, fail) => {
			const look = () => {
				if ((value = check())) return done();
				if (this.ended && !evenEnded)
					fail(new Error(`stream ended before ${what}: ${this.describe()}`));
			};
			this.#waiters.add(look);
			look();
			return () => this.#waiters.delete(look);
		});
		return value;
	}

	// The first event, of all, that fulfils the predicate.
	async until(predicate) {
		let at = 0;
		return this.waitFor(
			() => {
				while (at < this.events.length)
					if (predicate(this.events[at++])) return this.events[at - 1];
				return null;
			},
			{ what: `event ${predicate}` },
		);
	}

	// The next event, after those that next() gave before, that fulfils it.
	async next(predicate = () => true) {
		return this.waitFor(
			() => {
				while (this.#read < this.events.length)
					if (predicate(this.events[this.#read++]))
						return this.events[this.#read - 1];
				return null;
			},
			{ what: `next event ${predicate}` },
		);
	}

	async connected() {
		return this.until((event) => event.event === 'connected');
	}

	async end() {
		await this.waitFor(() => this.ended, { what: 'the end', evenEnded: true });
		return this.events.at(-1) ?? null;
	}

	// Stops reading from the socket: the peer meets a full window.
	pause() {
		this.response.pause();
	}

	resume() {
		this.response.resume();
	}

	close() {
		this.closedByUs = true;
		this.request.destroy();
		this.#end(null);
	}

	// Cuts the connection right after the next bytes that fulfil the condition,
	// which is often in the middle of a frame.
	closeWhen(condition) {
		this.#closing = condition;
		if (condition()) this.close();
	}

	check() {
		const wrong = [...this.violations];
		if (this.isStream && this.events.length && !this.#sawReset)
			wrong.push('resumed:false without id, and no reset followed');
		if (wrong.length)
			throw new Error(`stream not as promised: ${wrong.join('\n')}`);
	}
}
