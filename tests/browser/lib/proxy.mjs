// A TCP proxy between a browser and the server, for what networks do: refuse,
// cut, go silent without a word, let answers come late, or twice. And for what
// web servers do: answer 503 to everything when overloaded, hold a stream back
// until it ends.

import http from 'node:http';
import net from 'node:net';

export class Proxy {
	#mode = 'pass';
	#pairs = new Set();
	#late = null; // { asked, answered(), release, released }
	/** From this cursor on streams begin, whatever the client has seen. */
	rewind = null;
	/** Of a stream nothing is passed on before its end. */
	holdsBack = false;
	/** What was asked for: the first lines of requests. */
	asked = [];

	static async open(port) {
		const proxy = new Proxy();
		proxy.target = port;
		proxy.server = net.createServer((client) => proxy.#accept(client));
		await new Promise((resolve) =>
			proxy.server.listen(0, '127.0.0.1', resolve));
		// A test that fails must not keep the process for ever.
		proxy.server.unref();
		proxy.busy = http.createServer((_, answer) => {
			answer.writeHead(503, { 'Retry-After': '1', Connection: 'close' });
			answer.end();
		});
		proxy.origin = `http://127.0.0.1:${proxy.server.address().port}`;
		return proxy;
	}

	// "pass"; "refuse": new connections are reset; "silent": nothing is passed
	// on, in either direction, and nothing is said; "503".
	set mode(mode) {
		this.#mode = mode;
		for (const { client, server } of this.#pairs)
			for (const socket of [client, server])
				if (mode === 'silent') socket.pause();
				else socket.resume();
	}

	// How many connections have a stream on them, which never ends by itself.
	get streams() {
		return [...this.#pairs].filter((pair) => pair.stream).length;
	}

	cut() {
		for (const { client, server } of this.#pairs) {
			client.resetAndDestroy();
			server.destroy();
		}
	}

	// The answer to the next request that begins so is held back. Resolves, when
	// the server has given it, to what lets it go.
	holdNext(asked) {
		return new Promise((resolve) => {
			let release;
			const released = new Promise((go) => (release = go));
			this.#late = { asked, answered: () => resolve(release), released };
		});
	}

	#accept(client) {
		client.on('error', () => {});
		if (this.#mode === 'refuse') return client.resetAndDestroy();
		if (this.#mode === '503') return this.busy.emit('connection', client);
		const server = net.connect(this.target, '127.0.0.1');
		const pair = { client, server, held: null };
		this.#pairs.add(pair);
		server.on('error', () => client.destroy());
		client.on('close', () => {
			this.#pairs.delete(pair);
			server.destroy();
		});
		server.on('close', () => client.destroy());
		client.on('data', (chunk) => this.#asked(pair, chunk));
		server.on('data', (chunk) => this.#answered(pair, chunk));
		client.on('end', () => server.end());
		server.on('end', () => client.end());
		if (this.#mode === 'silent') {
			client.pause();
			server.pause();
		}
		return undefined;
	}

	#asked(pair, chunk) {
		let bytes = chunk;

		this.asked.push(chunk.toString('latin1').split('\r\n', 1)[0]);
		pair.stream = chunk.includes('GET /api/notifications/stream');
		if (pair.stream) {
			if (this.rewind !== null)
				bytes = Buffer.from(chunk.toString('latin1').replace(
					/lastEventId=\d+/, `lastEventId=${this.rewind}`,
				), 'latin1');
		}
		if (this.#late && chunk.includes(this.#late.asked)) {
			pair.held = this.#late;
			this.#late = null;
		}
		pair.server.write(bytes);
	}

	async #answered(pair, chunk) {
		const { held } = pair;

		if (this.holdsBack && pair.stream) {
			pair.kept = Buffer.concat([pair.kept ?? Buffer.alloc(0), chunk]);
			if (!pair.kept.includes('\r\n0\r\n\r\n')) return;
			pair.client.write(pair.kept);
			pair.kept = null;
			return;
		}
		if (held) {
			held.answered();
			await held.released;
			pair.held = null;
		}
		pair.client.write(chunk);
	}

	async close() {
		this.cut();
		await new Promise((resolve) => this.server.close(resolve));
	}
}
