// How a tab reaches the hub: through a shared worker that has it, or, where
// there is none, over a channel to the one tab that holds a lock. The lock goes
// with its tab, however that ends, and the next tab in the queue has the hub.

import {
	Hub, SIGNED_OUT, type FromHub, type HubOptions, type ToHub,
} from './hub.js';
import type { Transport } from './transport.js';
import type { Frame } from './types.js';

const WORKER_PATIENCE_MS = 3000;
const DEAF = 1; // lines in vain: then the lock is taken from who holds it

export interface Line {
	post(message: ToHub): void;
	close(): void;
}

export interface Medium {
	/** Each is a line of its own: the one before may have gone dead. */
	open(take: (message: FromHub) => void): Line;
	/** Gives up what this tab does for others. */
	close(): void;
}

export function hubTransport(medium: Medium): Transport {
	return (request, sink) => {
		const from = crypto.randomUUID?.() ?? String(Math.random());
		let joined = false;
		let answered = 0; // since when there is the hub that did
		const tell = (frames: Frame[]) => {
			for (const { event, id, data } of frames)
				sink.frame(event, id, data);
		};
		const line = medium.open(({ to, since, hello, frames, status }) => {
			if (hello)
				return sink.again();
			if (to !== null && to !== from)
				return;
			// One that hung may go on before it hears that there is another.
			if (since && (to ? since < answered : answered && since !== answered))
				return;
			if (to)
				answered = since ?? 0;
			if (status)
				return sink.status(status, frames?.[0]);
			// What is told to all is no use to one who has not been told
			// what went before.
			joined ||= to === from;
			if (frames && joined)
				tell(frames);
		});

		line.post({ from, join: request });
		return () => {
			line.post({ from, leave: true });
			line.close();
		};
	};
}

/** Rejects where there is no such worker, or it does not come up. */
export function openWorker(name: string): Promise<Medium> {
	const connect = () =>
		new SharedWorker(new URL('./shared-worker.js', import.meta.url), {
			name,
			type: 'module',
		});

	return new Promise((resolve, reject) => {
		const worker = connect();
		const timer = setTimeout(reject, WORKER_PATIENCE_MS);

		worker.onerror = reject;
		// Its first word, once it is there.
		worker.port.onmessage = () => {
			clearTimeout(timer);
			worker.port.close();
			resolve({
				open(take) {
					const { port } = connect();
					let greeted = false;

					port.onmessage = ({ data }: MessageEvent<FromHub>) => {
						if (greeted)
							take(data);
						greeted = true;
					};
					return portLine(port);
				},
				close() {},
			});
		};
	});
}

function portLine(port: MessagePort): Line {
	return {
		post: (message) => port.postMessage(message),
		close: () => port.close(),
	};
}

/** Queues for the lock; whoever has it has the hub. */
export function openLocks(
	name: string, options: Omit<HubOptions, 'post'>,
): Medium {
	const { locks } = navigator;
	let release: (() => void) | null = null;
	let queue = new AbortController();
	let silent = 0; // lines opened since anything was heard

	// Until the lock is taken away, or given up.
	async function lead(steal: boolean) {
		const { signal } = queue;
		try {
			await locks.request(
				name,
				steal ? { steal } : { signal },
				() => signal.aborted || serve(signal),
			);
		} catch {
			release?.();
			if (!signal.aborted)
				void lead(false);
		}
	}

	function serve(signal: AbortSignal) {
		const channel = new BroadcastChannel(name);
		const hub = new Hub({
			...options,
			post: (message) => channel.postMessage(message),
		});

		channel.onmessage = ({ data }: MessageEvent<ToHub>) => {
			if (data.from)
				hub.take(data);
		};
		channel.postMessage({ to: null, hello: true });
		return new Promise<void>((resolve) => {
			release = () => {
				release = null;
				hub.stop();
				channel.close();
				resolve();
			};
			signal.addEventListener('abort', () => release?.());
		});
	}

	function rest() {
		queue.abort();
	}

	function wake() {
		if (!queue.signal.aborted)
			return;
		queue = new AbortController();
		void lead(false);
	}

	// A page that may be thawed one day can't have the hub meanwhile.
	addEventListener('pagehide', rest);
	document.addEventListener('freeze', rest);
	addEventListener('pageshow', wake);
	document.addEventListener('resume', wake);
	void lead(false);
	return {
		open(take) {
			const channel = new BroadcastChannel(name);

			if (++silent > DEAF && !release) {
				silent = 0;
				void lead(true);
			}
			channel.onmessage = ({ data }: MessageEvent<FromHub | ToHub>) => {
				if (!('from' in data)) {
					silent = 0;
					take(data);
				} else if (data.stop) {
					// The hub that hears it may have to go first.
					take({ to: null, status: SIGNED_OUT });
				}
			};
			return {
				post: (message) => channel.postMessage(message),
				close: () => channel.close(),
			};
		},
		close() {
			rest();
			removeEventListener('pagehide', rest);
			document.removeEventListener('freeze', rest);
			removeEventListener('pageshow', wake);
			document.removeEventListener('resume', wake);
		},
	};
}
