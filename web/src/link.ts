// From a tab to its stream: through the hub of all tabs where the browser can,
// else straight to the server. The store loads this when it first connects.

import type { Options } from './api.js';
import { Connection, type ConnectionOptions } from './connection.js';
import { hubTransport, openLocks, openWorker, type Medium } from './media.js';
import { FORGET, REPLAY } from './messages.js';
import { baseOf } from './rest.js';
import { directWays, type Address } from './ways.js';

export interface LinkOptions
	extends Options,
		Pick<ConnectionOptions, 'snapshot' | 'onFrame' | 'onStatus'> {}

export interface Link {
	start(): void;
	stop(): void;
	retryNow(): void;
	startOver(): void;
	/** Ends the stream for all tabs that share it. */
	signOut(): void;
}

async function openMedium(
	{ sharing = 'auto', headers }: LinkOptions,
	address: Address,
	ways: ReturnType<typeof directWays>,
): Promise<Medium | null> {
	const name = JSON.stringify(address);

	// Functions don't reach a worker.
	if (/auto|worker/.test(sharing) && globalThis.SharedWorker && !headers)
		try {
			return await openWorker(name);
		} catch {
			// blocked by a policy, or module workers are unknown
		}
	return sharing !== 'none' && globalThis.BroadcastChannel &&
		globalThis.navigator?.locks
		? openLocks(`belfry ${name}`, ways)
		: null;
}

const tellWorker = (message: string) =>
	globalThis.navigator?.serviceWorker?.controller?.postMessage(message);

export async function createLink(options: LinkOptions): Promise<Link> {
	const { types, minPriority } = options;
	const url = new URL(`${baseOf(options)}/stream`, document.baseURI);
	// Tabs with another filter have a stream of their own.
	if (types)
		url.searchParams.set('type', types.join());
	if (minPriority)
		url.searchParams.set('minPriority', String(minPriority));
	const address: Address = {
		url: url.href,
		credentials: options.credentials ?? 'same-origin',
		key: options.user ?? '',
	};
	const ways = directWays(address, options);
	const medium = await openMedium(options, address, ways);
	let status = '';
	const connection = new Connection({
		...options,
		onStatus(info) {
			// What waits in a service worker may go out now.
			if (info.status === 'connected' && status !== 'connected')
				tellWorker(REPLAY);
			status = info.status;
			options.onStatus(info);
		},
		hiddenMs: options.closeHiddenAfterMs,
		...(medium ? { transports: [hubTransport(medium)] } : ways),
	});
	const stop = () => {
		connection.stop();
		medium?.close();
	};

	return {
		start: () => connection.start(),
		stop,
		retryNow: () => connection.retryNow(),
		startOver: () => connection.startOver(),
		signOut() {
			// What a service worker has kept goes too.
			tellWorker(FORGET);
			const line = medium?.open(() => {});
			line?.post({ from: 'signing out', stop: true });
			// What is posted last leaves before the line is closed.
			line?.close();
			stop();
		},
	};
}
