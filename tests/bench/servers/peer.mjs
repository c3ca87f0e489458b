// What the peers have in common: GET /sub?id=CHANNEL, POST /pub?id=CHANNEL, and
// for a message to everyone one channel that all are subscribed to.

export const options = (port) => ({
	url: `http://127.0.0.1:${port}`,
	path: '/sub?id=%u',
	via: 'post',
	postPath: '/pub?id=%u',
	postBody: '%p',
});

export const everyone = { users: 1 };

export const variants = { post: { via: 'post' } };

export const maxStreams = () => 15000;
