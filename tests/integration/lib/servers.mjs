// What the web servers of scripts/serve differ in: each line here is a row of
// docs/servers.md, and servers.test.mjs asserts it both ways.

const fastcgi = {
	oneProcess: true, // one responder for all streams
	seesHangup: true, // a closed tab is known at once, not at the next write
	encodedSlash: true, // "/api%2Fnotifications" is the same path
	locationWith200: true, // Location may go with a status that is not 201 or 3xx
	http2Streams: 8, // at a time on one connection, at least
	http2Exact: true, // and not one more
	keepsProcesses: false, // a process without a stream waits for another request
	holdsBack: false, // answers come when they have ended: streams are polls
	largeBodies: true, // of more than 128 KiB
};

const apacheProcesses = {
	oneProcess: false,
	seesHangup: false,
	encodedSlash: false,
	locationWith200: false,
	http2Streams: 6,
	http2Exact: false,
	largeBodies: true,
};

const SERVERS = {
	lighttpd: fastcgi,
	nginx: { ...fastcgi, http2Streams: 128, http2Exact: false },
	'apache-proxy': {
		...fastcgi,
		seesHangup: false,
		encodedSlash: false,
		http2Streams: 6,
		http2Exact: false,
	},
	'lighttpd-procs': { ...fastcgi, oneProcess: false, keepsProcesses: true },
	'lighttpd-cgi': { ...fastcgi, oneProcess: false, locationWith200: false },
	'apache-cgi': apacheProcesses,
	'apache-fcgid': { ...apacheProcesses, keepsProcesses: true },
	'apache-htaccess': {
		...apacheProcesses,
		keepsProcesses: true,
		holdsBack: true,
		largeBodies: false,
	},
};

// Any of scripts/serve --server.
export const WEB_SERVER = process.env.BELFRY_TEST_SERVER || 'lighttpd';
export const SERVER = SERVERS[WEB_SERVER];
if (!SERVER) throw new Error(`BELFRY_TEST_SERVER=${WEB_SERVER}: not known here`);

// For tests of one process that holds all streams.  What there is instead is in
// servers.test.mjs.
export const ONE_PROCESS = {
	skip: SERVER.oneProcess
		? false
		: `${WEB_SERVER}: a process per stream, see docs/servers.md and servers.test.mjs`,
};
