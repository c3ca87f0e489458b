// Reads an event stream from a response, with the ids kept from event to event
// as EventSource does. In a file of its own: only those without EventSource, or
// with an Authorization header, load the parser.

import { createParser } from './vendor/eventsource-parser.js';

export async function readStream(
	response: Response,
	take: (event: string, id: string, data: string) => void,
) {
	let lastId = '';
	const parser = createParser({
		onEvent({ event, id, data }: {
			event?: string; id?: string; data: string;
		}) {
			// An id with NUL in it is none, says the standard.
			if (id !== undefined && !id.includes('\0'))
				lastId = id;
			take(event || 'message', lastId, data);
		},
	});
	const reader = response.body!
		.pipeThrough(new TextDecoderStream())
		.getReader();

	for (;;) {
		const { done, value } = await reader.read();
		if (done)
			return;
		parser.feed(value);
	}
}
