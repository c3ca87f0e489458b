// The servers that are programs of ours in JavaScript:
//
//     node js-server.mjs plain|better-sse|pushpin PORT [PUSHPIN-CONTROL-PORT]
//
// plain: res.write() of one prepared string.  better-sse: its channels.
// pushpin: the application behind pushpin, which holds the streams itself.
// None of the three has a history of its own: here is a ring for each channel.

import http from 'node:http';

const RING = 128;
const [, , kind, port, control] = process.argv;
const channels = new Map();

function channelOf(id) {
	let channel = channels.get(id);
	if (!channel) {
		channel = { id, next: 1, ring: [], subscribers: new Set() };
		channels.set(id, channel);
	}
	return channel;
}

// Messages after the client's cursor; none without a cursor.
function missed(channel, req) {
	const last = Number(req.headers['last-event-id'] ?? NaN);
	return Number.isNaN(last)
		? []
		: channel.ring.filter((message) => message.id > last);
}

const frame = ({ id, payload }) => `id: ${id}\ndata: ${payload}\n\n`;

function remember(channel, payload) {
	const message = { id: channel.next++, payload };
	channel.ring.push(message);
	if (channel.ring.length > RING) channel.ring.shift();
	return message;
}

const EVENT_STREAM = {
	'Content-Type': 'text/event-stream',
	'Cache-Control': 'no-store',
};

const plain = {
	subscribe(channel, req, res) {
		res.writeHead(200, EVENT_STREAM);
		res.flushHeaders();
		for (const message of missed(channel, req)) res.write(frame(message));
		channel.subscribers.add(res);
		res.on('close', () => channel.subscribers.delete(res));
	},
	publish(channel, message) {
		const text = frame(message);
		for (const res of channel.subscribers) res.write(text);
	},
};

async function betterSse() {
	const { createChannel, createSession } = await import('better-sse');
	return {
		async subscribe(channel, req, res) {
			const session = await createSession(req, res);
			const due = missed(channel, req);
			if (due.length)
				await session.batch((buffer) => {
					for (const { id, payload } of due)
						buffer.push(JSON.parse(payload), 'message', String(id));
				});
			channel.sessions ??= createChannel();
			channel.sessions.register(session);
		},
		publish(channel, { id, payload }) {
			channel.sessions?.broadcast(JSON.parse(payload), 'message', {
				eventId: String(id),
			});
		},
	};
}

const agent = new http.Agent({ keepAlive: true });

const pushpin = {
	subscribe(channel, req, res) {
		const due = missed(channel, req).map(frame).join('');
		res.writeHead(200, {
			...EVENT_STREAM,
			'Grip-Hold': 'stream',
			'Grip-Channel': channel.id,
		});
		res.end(due || ':\n\n');
	},
	publish(channel, message) {
		const formats = { 'http-stream': { content: frame(message) } };
		const body = JSON.stringify({ items: [{ channel: channel.id, formats }] });
		return new Promise((resolve, reject) => {
			const request = http.request(
				{ port: control, path: '/publish/', method: 'POST', agent },
				(answer) => {
					answer.resume();
					answer.on('end', resolve);
				},
			);
			request.on('error', reject);
			request.end(body);
		});
	},
};

const server = { plain, pushpin, 'better-sse': null }[kind] ?? (await betterSse());

http
	.createServer((req, res) => {
		const url = new URL(req.url, 'http://localhost');
		const channel = channelOf(url.searchParams.get('id'));
		if (req.method === 'GET') {
			server.subscribe(channel, req, res);
			return;
		}
		const parts = [];
		req.on('data', (chunk) => parts.push(chunk));
		req.on('end', async () => {
			const payload = Buffer.concat(parts).toString();
			await server.publish(channel, remember(channel, payload));
			res.writeHead(200, { 'Content-Length': 0 });
			res.end();
		});
	})
	.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });
