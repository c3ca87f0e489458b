// A client as it should be: it loads the list, follows the stream from there,
// and loads the list anew on a reset.  What it then shows has to be what the
// tables say, to the last field.

import assert from 'node:assert/strict';

import { poll } from '../../integration/lib/harness.mjs';
import { Model, inboxRows } from '../../integration/lib/model.mjs';

export class Reader {
	model = new Model();
	resets = [];
	#work = Promise.resolve();

	constructor(server, user) {
		this.server = server;
		this.user = user;
	}

	async #load() {
		// While the database can't be used the list is refused, and asked again.
		await poll(`the list of ${this.user}`, () =>
			this.model.load(this.server, { user: this.user }).then(
				() => true,
				() => false,
			),
		);
	}

	async start() {
		await this.#load();
		this.follower = this.server.follow({
			user: this.user,
			cursor: this.model.lastEventId,
		});
		this.follower.onEvent = (event) => {
			this.#work = this.#work.then(() => this.#take(event));
			this.#work.catch((error) => (this.failure ??= error));
		};
	}

	async #take(event) {
		if (event.event === 'reset') {
			this.resets.push(event.data.reason);
			await this.#load();
		} else if (
			event.id === null ||
			BigInt(event.id) > BigInt(this.model.lastEventId)
		) {
			// What the list already told is older than it.
			this.model.apply(event);
		}
	}

	async check() {
		const wanted = await inboxRows(this.server, this.user);
		const last = wanted.at(-1)?.id;
		await poll(`what ${this.user} is to see`, async () => {
			if (this.failure) throw this.failure;
			await this.#work;
			const rows = this.model.rows();
			return (
				rows.length === wanted.length &&
				rows.at(-1)?.id === last &&
				JSON.stringify(rows) === JSON.stringify(wanted)
			);
		}).catch((error) => {
			if (this.failure) throw this.failure;
			assert.deepEqual(this.model.rows(), wanted, error.message);
		});
		await this.follower.stop();
		for (const stream of this.follower.connections) stream.check();
	}
}
