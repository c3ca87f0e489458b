// FastCGI from the web server's side, to talk to the responder's socket
// directly, and badly.

const BEGIN = 1;
const END = 3;
const PARAMS = 4;
const STDIN = 5;
const STDOUT = 6;

function record(type, content, id = 1) {
	const head = Buffer.alloc(8);
	head[0] = 1;
	head[1] = type;
	head.writeUInt16BE(id, 2);
	head.writeUInt16BE(content.length, 4);
	return Buffer.concat([head, content]);
}

function length(n) {
	if (n < 128) return Buffer.from([n]);
	const long = Buffer.alloc(4);
	long.writeUInt32BE(n + 0x80000000);
	return long;
}

function pairs(params) {
	return Buffer.concat(
		Object.entries(params).flatMap(([name, value]) => [
			length(Buffer.byteLength(name)),
			length(Buffer.byteLength(value)),
			Buffer.from(name),
			Buffer.from(value),
		]),
	);
}

export function params(method, uri, headers = {}, body = '') {
	const [path, query = ''] = uri.split('?');
	const made = {
		GATEWAY_INTERFACE: 'CGI/1.1',
		REQUEST_METHOD: method,
		REQUEST_URI: uri,
		SCRIPT_NAME: '/api',
		PATH_INFO: path.replace(/^\/api/, ''),
		QUERY_STRING: query,
		SERVER_PROTOCOL: 'HTTP/1.1',
		SERVER_SOFTWARE: 'test',
		SERVER_NAME: '127.0.0.1',
		SERVER_PORT: '80',
		REMOTE_ADDR: '127.0.0.1',
		CONTENT_LENGTH: String(Buffer.byteLength(body)),
	};
	for (const [name, value] of Object.entries(headers))
		made[`HTTP_${name.toUpperCase().replaceAll('-', '_')}`] = value;
	return made;
}

// A whole request; `piece`: content bytes per record.
export function request(given, { body = '', piece = 65_528 } = {}) {
	const role = Buffer.from([0, 1, 0, 0, 0, 0, 0, 0]);
	const records = [record(BEGIN, role)];
	for (const [type, content] of [
		[PARAMS, pairs(given)],
		[STDIN, Buffer.from(body)],
	]) {
		for (let at = 0; at < content.length; at += piece)
			records.push(record(type, content.subarray(at, at + piece)));
		records.push(record(type, Buffer.alloc(0)));
	}
	return Buffer.concat(records);
}

// What came back, taken apart.
export function parse(bytes) {
	const out = [];
	let ended = false;
	for (let at = 0; at + 8 <= bytes.length; ) {
		const size = bytes.readUInt16BE(at + 4);
		const padding = bytes[at + 6];
		if (bytes[at + 1] === STDOUT)
			out.push(bytes.subarray(at + 8, at + 8 + size));
		if (bytes[at + 1] === END) ended = true;
		at += 8 + size + padding;
	}
	const text = Buffer.concat(out).toString();
	const split = text.indexOf('\r\n\r\n');
	return {
		ended,
		head: split < 0 ? text : text.slice(0, split),
		body: split < 0 ? '' : text.slice(split + 4),
		status: Number(/^Status: (\d+)/m.exec(text)?.[1] ?? 0),
	};
}
