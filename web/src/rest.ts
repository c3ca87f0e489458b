// The requests of the inbox. A failure is an HttpError: what the problem+json
// answer says, or that there was no answer (status 0).

import { parsed, retryAfterMs } from './http.js';
import type { Options } from './api.js';
import { PATIENCE_MS } from './messages.js';

export class HttpError extends Error {
	readonly status: number;
	readonly retryAfterMs: number | null;

	constructor(message: string, status: number, retryAfterMs: number | null = null) {
		super(message);
		this.status = status;
		this.retryAfterMs = retryAfterMs;
	}
}

/** `at`: a path below the interface, or which page of the list. */
export type Request = <T>(
	method: string, at: string | { before: string | undefined },
	body?: unknown,
) => Promise<T>;

export const baseOf = ({ url = '/api/notifications' }: Options) => url;

function listQuery({ pageSize = 50, types }: Options, before?: string) {
	const query = new URLSearchParams({ limit: String(pageSize) });

	if (before)
		query.set('before', before);
	if (types)
		query.set('type', types.join());
	return `?${query}`;
}

export function createRequest(options: Options): Request {
	const { credentials = 'same-origin', headers } = options;

	return async (method, at, body) => {
		const path = typeof at === 'string' ? at : listQuery(options, at.before);
		let response: Response;
		let text: string;

		try {
			response = await fetch(baseOf(options) + path, {
				method,
				credentials,
				cache: 'no-store',
				// A change outlives the page: a link that is followed is read.
				// One that a service worker answers does so anyway, but with
				// keepalive would pass it by in Firefox.
				keepalive: method !== 'GET' &&
					!globalThis.navigator?.serviceWorker?.controller,
				signal: AbortSignal.timeout(PATIENCE_MS),
				headers: {
					...(await headers?.()),
					...(body ? { 'Content-Type': 'application/json' } : {}),
				},
				body: body ? JSON.stringify(body) : null,
			});
			text = await response.text();
		} catch {
			throw new HttpError('The server does not answer.', 0);
		}
		// An error of the web server itself is HTML, a 204 is nothing.
		const answer = parsed(text) as
			| { detail?: string; title?: string }
			| undefined;
		if (!response.ok)
			throw new HttpError(
				answer?.detail ?? answer?.title ??
					`The server answered ${response.status}.`,
				response.status,
				retryAfterMs(response),
			);
		return answer as never;
	};
}
