// Requests that the harness does not make: any bytes as the path, the headers
// and the body; and what every error must look like.

import assert from 'node:assert/strict';

import { ask } from './http.mjs';

// One request as given: target is everything after the host.
export function raw(server, method, target, { headers = {}, body } = {}) {
	const { hostname, port } = new URL(server.origin);
	return ask(null, { hostname, port, method, path: target, headers }, body);
}

// RFC 9457, and a detail that says what the pattern says.
export function assertProblem(answer, status, detail = /./) {
	assert.equal(answer.status, status, answer.text);
	assert.equal(answer.headers['content-type'], 'application/problem+json');
	assert.deepEqual(Object.keys(answer.json), [
		'type',
		'title',
		'status',
		'detail',
	]);
	assert.match(answer.json.type, /^urn:belfry:error:[a-z-]+$/);
	assert.equal(answer.json.status, status);
	assert.match(answer.json.detail, detail);
	assert.equal(answer.headers['x-content-type-options'], 'nosniff');
	assert.equal(answer.headers['cache-control'], 'no-store');
	assert.equal('www-authenticate' in answer.headers, status === 401);
	assert.equal('allow' in answer.headers, status === 405);
	assert.equal('retry-after' in answer.headers, status === 503);
}

// Users nobody has heard of, and a service that publishes to them.
export class Rest {
	#users = 0;

	static async start(server) {
		const rest = new Rest();
		rest.server = server;
		rest.db = server.writer();
		rest.token = await server.token('service', 'publish');
		return rest;
	}

	// seen: the broadcasts that are there do not count as unread.
	async newUser({ seen = true } = {}) {
		const user = `user${this.#users++}`;
		await this.server.session(user);
		if (seen) await this.request(user, 'POST', '/read-all');
		return user;
	}

	request(user, method, at, body) {
		return this.server.request(method, at, { user, body });
	}

	publish(body) {
		return this.server.request('POST', '', { token: this.token, body });
	}

	async send(userId, title, fields = {}) {
		const made = await this.publish({ userId, title, ...fields });
		assert.equal(made.status, 201, made.text);
		return made.json;
	}

	async list(user, query = '') {
		const page = await this.request(user, 'GET', query && `?${query}`);
		assert.equal(page.status, 200, page.text);
		return page.json;
	}

	// Follows `next` from page to page; all notifications in order.
	async listAll(user, query) {
		const all = [];
		for (let before = ''; before !== null; ) {
			const page = await this.list(
				user,
				`${query}${before && `&before=${before}`}`,
			);
			all.push(...page.notifications);
			before = page.next;
		}
		return all;
	}

	async unread(user) {
		const answer = await this.request(user, 'GET', '/unread-count');
		assert.equal(answer.status, 200, answer.text);
		assert.deepEqual(Object.keys(answer.json), ['unreadCount', 'lastEventId']);
		assert.equal((await this.list(user)).unreadCount, answer.json.unreadCount);
		return answer.json.unreadCount;
	}

	async lastEvent() {
		const [row] = await this.server.rows('SELECT max(id) AS id FROM events;');
		return row.id ?? 0;
	}

	// The events that an action writes, as "user action id".
	async eventsOf(action) {
		const from = await this.lastEvent();
		await action();
		const rows = await this.server.rows(
			`SELECT user_id, action, notification_id FROM events WHERE id > ${from} ORDER BY id;`,
		);
		return rows.map((r) => `${r.user_id} ${r.action} ${r.notification_id}`);
	}
}

export const ids = (page) => page.notifications.map((n) => n.id);
