// A way to get the frames of one stream: an EventSource, a fetch whose body is
// read as it comes, or the hub that another tab or a worker keeps. What retries,
// watches and waits is the connection's business, not a transport's.

import { parsed, retryAfterMs, type Headers } from './http.js';
import type {
	Frame, FrameName, Problem, Start, StatusInfo,
} from './types.js';

export const FRAMES: readonly FrameName[] = [
	'connected', 'notification', 'heartbeat', 'reset', 'close',
];

export interface Request extends Start {
	/** Ask for the stream in slices. */
	poll: boolean;
	/** Somebody looks again, or insists: what is open may be dead. */
	urgent: 'look' | 'insist' | null;
}

export interface Sink {
	/** `data` is parsed JSON, or undefined where it was not JSON. */
	frame(event: FrameName, id: string, data: unknown): unknown;
	/** It is over; without a problem nothing is known of why. */
	end(problem?: Problem): unknown;
	/** What a hub says of the stream that it keeps; `close`: why. */
	status(info: StatusInfo, close?: Frame): void;
	/** The hub has gone: there will be another one. */
	again(): void;
}

/** Opens, and returns what closes. After that the sink hears nothing. */
export type Transport = (request: Request, sink: Sink) => () => void;

export function streamUrl(
	url: string, { cursor, epoch, poll }: Request, ticket?: string,
) {
	const full = new URL(url);

	full.searchParams.set('lastEventId', cursor);
	if (epoch)
		full.searchParams.set('epoch', epoch);
	if (poll)
		full.searchParams.set('poll', '1');
	if (ticket)
		full.searchParams.set('ticket', ticket);
	return full.href;
}

/** `ticket`: asked for one, for each stream. */
export function nativeTransport(
	url: string, withCredentials: boolean, ticket?: () => Promise<string>,
): Transport {
	return (request, sink) => {
		let source: EventSource | undefined;
		let closed = false;

		const open = (given?: string) => {
			if (closed)
				return;
			source = new EventSource(streamUrl(url, request, given), {
				withCredentials,
			});
			listen(source, {
				...sink,
				frame: (...frame) => closed || sink.frame(...frame),
				end: () => closed || sink.end(),
			});
		};
		if (ticket)
			ticket().then(open, (problem) => closed || sink.end(problem));
		else
			open();
		return () => {
			closed = true;
			source?.close();
		};
	};
}

function listen(source: EventSource, sink: Sink) {
	for (const name of FRAMES)
		source.addEventListener(name, (event) => {
			const { lastEventId, data } = event as MessageEvent<string>;
			sink.frame(name, lastEventId, parsed(data));
		});
	// By itself it would come back in some cases and in others not.
	// (An event of the server that is called "error" comes here too.)
	source.addEventListener('error', (event) => {
		if ('data' in event && event.data !== undefined)
			return;
		source.close();
		sink.end();
	});
}

export function fetchTransport(
	url: string, credentials: RequestCredentials, headers?: Headers,
): Transport {
	return (request, sink) => {
		const abort = new AbortController();
		const { signal } = abort;
		const run = async () => {
			const { readStream } = await import('./fetch-stream.js');
			const response = await fetch(streamUrl(url, request), {
				signal,
				credentials,
				cache: 'no-store',
				headers: {
					...(await headers?.()),
					Accept: 'text/event-stream',
				},
			});
			if (!response.ok)
				return {
					status: response.status,
					retryAfterMs: retryAfterMs(response),
				};
			// A page to log in, say.
			if (!/^text\/event-stream\s*(;|$)/i.test(
				response.headers.get('Content-Type') ?? ''))
				return void response.body?.cancel();
			await readStream(response, (name, id, data) => {
				if (!signal.aborted && FRAMES.includes(name as FrameName))
					sink.frame(name as FrameName, id, parsed(data));
			});
			return undefined;
		};

		run()
			.catch(() => undefined)
			.then((problem) => signal.aborted || sink.end(problem));
		return () => abort.abort();
	};
}
