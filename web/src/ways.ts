// The ways that lead to the server itself.

import type { Options } from './api.js';
import { createRequest } from './rest.js';
import {
	fetchTransport, nativeTransport, type Transport,
} from './transport.js';

const PROBE_MS = 10000;

export interface Address {
	/** Of the stream, absolute. */
	url: string;
	credentials: RequestCredentials;
	/** Streams are shared among those who have the same. */
	key: string;
}

export function directWays(
	{ url, credentials }: Address, options: Options = {},
) {
	const { headers, tickets } = options;
	const transports: Transport[] = [];
	const ticket = async () => {
		const request = createRequest(options);
		return (await request<{ ticket: string }>('POST', '/ticket')).ticket;
	};

	// A native one can't be given headers.
	if (globalThis.EventSource && (!headers || tickets))
		transports.push(nativeTransport(
			url, credentials === 'include', tickets ? ticket : undefined,
		));
	transports.push(fetchTransport(url, credentials, headers));
	return {
		transports,
		probe: async () =>
			fetch(url, {
				method: 'HEAD',
				credentials,
				cache: 'no-store',
				signal: AbortSignal.timeout(PROBE_MS),
				headers: (await headers?.()) ?? {},
			}),
	};
}
