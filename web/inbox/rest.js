// The requests of the inbox. A failure is an HttpError: what the problem+json
// answer says, or that there was no answer (status 0).

import { retryAfterMs } from './connection.js';

const TIMEOUT_MS = 10000;

export class HttpError extends Error {
	constructor(message, status, wait = null) {
		super(message);
		this.status = status;
		this.retryAfterMs = wait;
	}
}

export function createRest(base) {
	async function request(method, path, body) {
		const options = {
			method,
			cache: 'no-store',
			signal: AbortSignal.timeout(TIMEOUT_MS),
		};
		if (body !== undefined) {
			options.body = JSON.stringify(body);
			options.headers = { 'Content-Type': 'application/json' };
		}
		let response;
		let text;
		try {
			response = await fetch(base + path, options);
			text = await response.text();
		} catch {
			throw new HttpError('The server does not answer.', 0);
		}
		const answer = parsed(text);
		if (response.ok)
			return answer;
		throw new HttpError(
			answer?.detail ?? answer?.title ??
				`The server answered ${response.status}.`,
			response.status,
			retryAfterMs(response),
		);
	}

	return {
		list({ limit, before }) {
			const query = new URLSearchParams({ limit });
			if (before)
				query.set('before', before);
			return request('GET', `?${query}`);
		},
		get: (id) => request('GET', `/${id}`),
		unreadCount: () => request('GET', '/unread-count'),
		setRead: (id, read) => request('PATCH', `/${id}`, { read }),
		readAll: (through) => request('POST', '/read-all', { through }),
		remove: (id) => request('DELETE', `/${id}`),
	};
}

// An error of the web server itself is HTML, a 204 is nothing.
function parsed(text) {
	try {
		return JSON.parse(text);
	} catch {
		return null;
	}
}
