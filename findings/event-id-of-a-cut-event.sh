#!/bin/sh
# Two much-used SSE clients resume after an event that they never delivered.
#
# Seen 2026-12-01 on Node.js 20.20.2 with eventsource 2.0.2 and 4.1.1, eventsource-client 1.2.0,
# @microsoft/fetch-event-source 2.0.1.
#
# WHATWG's algorithm keeps the value of an `id:` line in a buffer.  The value becomes the last event
# id when the blank line ends the event.  An event that is cut off before its blank line is dropped,
# and its id with it.  eventsource 2.0.2 and fetch-event-source take the id over as soon as they have
# read its line.  The stream below ends inside the `data:` line of event 2.  These two clients come
# back with `Last-Event-ID: 2`, a server goes on after 2, and event 2 is lost.  The two newer clients
# come back with 1.
#
# Output seen:
#   eventsource 2.0.2: delivered ["one"], came back with 2
#   eventsource 4.1.1: delivered ["one"], came back with 1
#   eventsource-client 1.2.0: delivered ["one"], came back with 1
#   fetch-event-source 2.0.1: delivered ["one"], came back with 2
#
# What to do: a server writes the `id:` line as the last line of the event.  The order of the lines
# means nothing to a client that follows the standard.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private":true,"type":"module"}' >package.json
npm install --no-audit --no-fund --loglevel=error eventsource@2.0.2 \
	eventsource4@npm:eventsource@4.1.1 eventsource-client@1.2.0 \
	@microsoft/fetch-event-source@2.0.1 >&2

cat >try.mjs <<'END'
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);

// The first response ends inside event 2; the second stays open.
async function cutStream() {
	const asked = [];
	const server = http.createServer((request, response) => {
		asked.push(request.headers['last-event-id']);
		response.writeHead(200, { 'Content-Type': 'text/event-stream' });
		if (asked.length > 1) {
			response.write(': open\n\n');
			server.emit('again');
			return;
		}
		response.write('retry: 1000\n\nid: 1\ndata: one\n\nid: 2\ndata: tw');
		server.once('delivered', () => response.socket.destroy());
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	return { server, asked, url: `http://127.0.0.1:${server.address().port}/` };
}

async function attempt(name, open) {
	const { server, asked, url } = await cutStream();
	const delivered = [];
	const again = once(server, 'again');
	const close = open(url, (data) => {
		delivered.push(data);
		server.emit('delivered');
	});
	await again;
	close();
	server.closeAllConnections();
	server.close();
	console.log(`${name}: delivered ${JSON.stringify(delivered)}, came back with ${asked[1]}`);
}

const eventSource = (EventSource) => (url, got) => {
	const source = new EventSource(url);
	source.onmessage = (event) => got(event.data);
	return () => source.close();
};
await attempt('eventsource 2.0.2', eventSource(require('eventsource')));
await attempt('eventsource 4.1.1', eventSource((await import('eventsource4')).EventSource));

const { createEventSource } = await import('eventsource-client');
await attempt('eventsource-client 1.2.0', (url, got) => {
	const source = createEventSource({ url, onMessage: (event) => got(event.data) });
	return () => source.close();
});

// fetch-event-source looks at the page's visibility; Node.js has no page.
globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
const { fetchEventSource } = require('@microsoft/fetch-event-source');
await attempt('fetch-event-source 2.0.1', (url, got) => {
	const abort = new AbortController();
	const onmessage = (event) => event.data && got(event.data);
	fetchEventSource(url, { signal: abort.signal, openWhenHidden: true, onmessage });
	return () => abort.abort();
});
process.exit(0);
END
node try.mjs | tee seen

cat >expected <<'END'
eventsource 2.0.2: delivered ["one"], came back with 2
eventsource 4.1.1: delivered ["one"], came back with 1
eventsource-client 1.2.0: delivered ["one"], came back with 1
fetch-event-source 2.0.1: delivered ["one"], came back with 2
END
diff expected seen && echo 'as described'
