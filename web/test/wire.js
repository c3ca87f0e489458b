// What a stream may look like on the wire, and what must come out of it: the
// cases of the public suites (LaunchDarkly's SSE contract tests, the web platform
// tests' format-*), with the names of our events. [what, bytes, expected]

const one = (id, data = '{"a":1}', event = 'notification') =>
	[event, id, JSON.parse(data)];
const N = 'event: notification\n';
const D = 'data: {"a":1}\n';

export const WIRE = [
	['one event', `${N}id: 1\n${D}\n`, [one('1')]],
	['CRLF', `${N}id: 1\n${D}\n`.replaceAll('\n', '\r\n'), [one('1')]],
	// The last CR may be half a CRLF: what follows shows that it is not.
	['CR', `${N}id: 1\n${D}\n:\n`.replaceAll('\n', '\r'), [one('1')]],
	['a byte order mark in front', `\ufeff${N}id: 1\n${D}\n`, [one('1')]],
	[
		'only one is taken off',
		`\ufeff\ufeff${N}id: 1\n${D}\n${N}${D}\n`,
		[one('1')],
	],
	['a comment', `: hello\n${N}:\nid: 1\n: event: close\n${D}\n`, [one('1')]],
	['nothing but comments', `: a\n\n:\n\n${N}id: 1\n${D}\n`, [one('1')]],
	['no space after the colon', 'event:notification\nid:1\ndata:{"a":1}\n\n', [one('1')]],
	['one space is taken off, not two', `${N}id:  1\n${D}\n`, [one(' 1')]],
	['data of several lines', `${N}id: 1\ndata: {"a":\ndata: 1}\n\n`, [one('1')]],
	['an empty line of data in between', `${N}data: {"a":\ndata\ndata: 1}\n\n`, [one('')]],
	['a name is for one event only', `${N}id: 1\n${D}\nid: 2\n${D}\n${N}${D}\n`, [one('1'), one('2')]],
	['an id is kept', `${N}id: 1\n${D}\n${N}${D}\n`, [one('1'), one('1')]],
	['an empty id is one', `${N}id: 1\n${D}\n${N}id\n${D}\n`, [one('1'), one('')]],
	['of two ids the last', `${N}id: 1\nid: 2\n${D}\n`, [one('2')]],
	['of two names the last', `event: close\n${N}id: 1\n${D}\n`, [one('1')]],
	['an empty name is none of ours', `event: \nid: 1\n${D}\n${N}event\nid: 2\n${D}\n${N}${D}\n`, [one('2')]],
	['unknown fields', `${N}foo: bar\nfoo\ndatax: 1\nid: 1\n${D}\n`, [one('1')]],
	['fields are lower case', `${N}id: 1\nDATA: 2\nEvent: close\n${D}\n`, [one('1')]],
	['a leading blank is part of the field', `${N} data: 2\nid: 1\n${D}\n`, [one('1')]],
	['no data, no event', `${N}id: 1\n\n${N}id: 2\n${D}\n`, [one('2')]],
	['what is not ended is none', `${N}id: 1\n${D}\n${N}id: 2\n${D}`, [one('1')]],
	['retry is not data', `retry: 3000\n${N}id: 1\nretry: x\nretry:\n${D}\n`, [one('1')]],
	['a colon in the value', `${N}id: 1\ndata: {"a":"b:c: d"}\n\n`, [one('1', '{"a":"b:c: d"}')]],
	['beyond ASCII', `${N}id: 1\ndata: {"a":"äöü € 😀 \u2028"}\n\n`, [one('1', '{"a":"äöü € 😀 \u2028"}')]],
	['many in one go', `${N}id: 1\n${D}\n`.repeat(300), Array(300).fill(one('1'))],
	['a long one', `${N}id: 1\ndata: {"a":"${'x'.repeat(300000)}"}\n\n`, [one('1', `{"a":"${'x'.repeat(300000)}"}`)]],
	['all our names', ['connected', 'heartbeat', 'reset', 'close'].map((name) => `event: ${name}\nid: 1\n${D}\n`).join(''), ['connected', 'heartbeat', 'reset', 'close'].map((name) => one('1', '{"a":1}', name))],
	['names that are not ours', `event: error\n${D}\nevent: open\n${D}\nevent: toString\n${D}\n${N}id: 1\n${D}\n`, [one('1')]],
	['data that is not JSON', `${N}id: 1\ndata: {"a\n\n`, [['notification', '1', undefined]]],
];
