import { waiting } from './wait.mjs';

// A client that comes back with its cursor, by the rules of EventSource, but at
// once.  `open(cursor)` makes a Stream.
export class Follower {
	connections = [];
	received = []; // notification frames of all connections, as they came
	cursor;
	resets = [];
	onEvent = null;
	#open;
	#stopped = false;
	#waiters = new Set();
	#loop;

	constructor(open, { cursor = null } = {}) {
		this.#open = open;
		this.cursor = cursor;
		this.#loop = this.#run();
		this.#loop.catch((error) => {
			this.failure = error;
			this.#wake();
		});
	}

	get current() {
		return this.connections.at(-1);
	}

	async #run() {
		while (!this.#stopped) {
			const stream = this.#open(this.cursor);
			this.connections.push(stream);
			stream.onEvent = (event) => this.#event(event);
			// For as long as it takes: whoever waits for something has a guard.
			await new Promise((resolve) => {
				stream.onEnd = resolve;
				if (stream.ended) resolve();
			});
			this.#wake();
			// While the web server restarts there is nothing to wait on.
			if (!stream.events.length)
				await new Promise((resolve) => setTimeout(resolve, 5));
		}
	}

	#event(event) {
		if (event.id !== null) this.cursor = event.id;
		if (event.event === 'notification') this.received.push(event);
		if (event.event === 'reset') this.resets.push(event);
		this.onEvent?.(event);
		this.#wake();
	}

	#wake() {
		for (const waiter of [...this.#waiters]) waiter();
	}

	describe() {
		return (
			`follower: ${this.connections.length} connections, cursor ` +
			`${this.cursor}, ${this.received.length} received; last:\n` +
			this.current?.describe()
		);
	}

	async waitFor(check, what = String(check)) {
		await waiting(what, () => this.describe(), (done, fail) => {
			const look = () => {
				if (this.failure) fail(this.failure);
				else if (check()) done();
			};
			this.#waiters.add(look);
			look();
			return () => this.#waiters.delete(look);
		});
	}

	async stop() {
		this.#stopped = true;
		this.current?.close();
		await this.#loop;
	}
}
