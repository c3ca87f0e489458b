// The hub in a shared worker. Its name says for which stream.

import { Hub, type FromHub, type ToHub } from './hub.js';
import { directWays, type Address } from './ways.js';

const scope = globalThis as unknown as {
	name: string;
	addEventListener(
		type: 'connect',
		listener: (event: { ports: MessagePort[] }) => void,
	): void;
};
const ports = new Map<string, MessagePort>();
const hub = new Hub({
	...directWays(JSON.parse(scope.name) as Address),
	post(message) {
		if (message.to !== null)
			return ports.get(message.to)?.postMessage(message);
		for (const port of ports.values())
			port.postMessage(message);
	},
});

scope.addEventListener('connect', ({ ports: [port] }) => {
	port!.onmessage = ({ data }: MessageEvent<ToHub>) => {
		ports.set(data.from, port!);
		hub.take(data);
		if (data.leave)
			ports.delete(data.from);
	};
	port!.postMessage({ to: null, hello: true } satisfies FromHub);
});
