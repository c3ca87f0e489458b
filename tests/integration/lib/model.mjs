// What a client knows: the list it loaded, and the frames it applied since.  At
// any quiet moment it must equal what the tables say.

import assert from 'node:assert/strict';

import { quote } from './writer.mjs';

const FIELDS = ['id', 'type', 'title', 'body', 'link', 'priority', 'broadcast'];

export class Model {
	items = new Map();
	lastEventId = null;
	epoch = null;
	counts = 0; // frames whose unreadCount was compared

	// Loads the list as a client does: the first page tells where the stream
	// starts.  Returns the first page.
	async load(server, who) {
		this.items.clear();
		let first = null;
		for (let next = ''; next !== null; ) {
			const page = await server.request(
				'GET',
				`?limit=100${next && `&before=${encodeURIComponent(next)}`}`,
				who,
			);
			assert.equal(page.status, 200, page.text);
			first ??= page.json;
			for (const n of page.json.notifications)
				this.items.set(n.id, { ...n, unread: n.readAt === null });
			next = page.json.next;
		}
		this.lastEventId = first.lastEventId;
		this.epoch = first.epoch;
		if (first.next === null) assert.equal(this.unread, first.unreadCount);
		return first;
	}

	get unread() {
		let n = 0;
		for (const item of this.items.values()) n += item.unread ? 1 : 0;
		return n;
	}

	apply(event) {
		if (event.event !== 'notification') return;
		const { action, notification, notificationId, through } = event.data;
		switch (action) {
		case 'created':
		case 'updated': {
			const known = this.items.get(notification.id);
			const unread = notification.broadcast
				? (known?.unread ?? true)
				: notification.readAt === null;
			this.items.set(notification.id, { ...notification, unread });
			break;
		}
		case 'read':
		case 'unread': {
			const known = this.items.get(notificationId);
			if (known) known.unread = action === 'unread';
			break;
		}
		case 'deleted':
			this.items.delete(notificationId);
			break;
		case 'all-read':
			for (const item of this.items.values())
				if (item.id <= through) item.unread = false;
			break;
		default:
			assert.fail(`unknown action ${action}`);
		}
		if ('unreadCount' in event.data) {
			this.counts++;
			assert.equal(
				this.unread,
				event.data.unreadCount,
				`unreadCount of frame ${event.id} (${event.text.slice(0, 300)})`,
			);
		}
	}

	// Comparable form: without times.
	rows() {
		return [...this.items.values()]
			.sort((a, b) => a.id - b.id)
			.map((item) => ({
				...Object.fromEntries(FIELDS.map((name) => [name, item[name]])),
				unread: item.unread,
			}));
	}
}

// The same from the tables: the inbox view, and broadcasts by their rule.
export function inboxQuery(user) {
	const u = quote(user);
	return `
		SELECT id, type, title, body, link, priority, 0 AS broadcast, unread
		FROM inbox WHERE user_id = ${u}
		UNION ALL
		SELECT n.id, type, title, body, link, priority, 1, 1 - coalesce(
			r.read_at > 0,
			n.id <= coalesce((SELECT read_through FROM read_marks
				WHERE user_id = ${u}), 0))
		FROM notifications n
		LEFT JOIN receipts r ON r.user_id = ${u} AND r.notification_id = n.id
		WHERE n.user_id = '*' AND r.deleted_at IS NULL
			AND (n.expires_at IS NULL OR
				n.expires_at > (julianday('now') - 2440587.5) * 86400000.0)
		ORDER BY id;`.replaceAll(/\s+/g, ' ');
}

export async function inboxRows(source, user) {
	const rows = await source.rows(inboxQuery(user));
	return rows.map((row) => ({
		...row,
		broadcast: row.broadcast === 1,
		unread: row.unread === 1,
	}));
}
