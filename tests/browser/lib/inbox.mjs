// The page of `make run` as a person sees it.

import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';

import { HANG_MS, startServer } from '../../integration/lib/harness.mjs';

export const startDemo = (options = {}) =>
	startServer({ ...options, args: ['--demo'] });

// What a person sees in the inbox of a user: newest first. In the page.
function look(user) {
	const pane = document.querySelector(`.pane[data-user="${user}"]`);
	const text = (element, selector) => {
		const part = element.querySelector(selector);
		return part.hidden ? null : part.textContent;
	};
	return {
		title: document.title,
		badge: /\d+/.exec(text(pane, '.unread'))?.[0] ?? '0',
		items: [...pane.querySelectorAll('.item')].map((item) => ({
			id: Number(item.dataset.id),
			title: text(item, '.title bdi'),
			body: text(item, '.body'),
			type: text(item, '.type'),
			priority: text(item, '.priority'),
			broadcast: text(item, '.broadcast') !== null,
			unread:
				item.querySelector('.toggle').ariaLabel === 'Mark read',
		})),
	};
}

// Everything that a page says is wrong is kept; check() is for the end.
export class Inbox {
	wrong = [];

	constructor(page, user) {
		this.page = page;
		this.user = user;
		page.on('pageerror', (error) => this.wrong.push(String(error)));
		page.on('console', (message) => {
			// A request that failed is logged by the browser: the tests cause it.
			if (message.type() === 'error' && !message.text().includes('net::') &&
			    !message.text().startsWith('Failed to load resource'))
				this.wrong.push(message.text());
		});
	}

	// `users`: whose inboxes are shown; what is looked at is the first one's.
	static async open(context, server, ...users) {
		const inbox = new Inbox(await context.newPage(), users[0]);
		await inbox.page.goto(`${server.origin}/#${users.join()}`);
		for (const user of users) await inbox.of(user).connected();
		return inbox;
	}

	// The same page, another inbox on it.
	of(user) {
		return Object.assign(Object.create(this), { user });
	}

	get pane() {
		return this.page.locator(`.pane[data-user="${this.user}"]`);
	}

	status(name) {
		return this.pane
			.locator(`.connection[data-status="${name}"]`)
			.waitFor({ timeout: HANG_MS });
	}

	connected() {
		return this.status('connected');
	}

	item(title) {
		return this.pane.locator('.item', { hasText: title });
	}

	button(name) {
		return this.pane.getByRole('button', { name, exact: true });
	}

	shown() {
		return this.page.evaluate(look, this.user);
	}

	// Waits until what is shown fulfils the condition.
	async until(condition) {
		const deadline = Date.now() + HANG_MS;
		for (;;) {
			const now = await this.shown();
			if (condition(now)) return now;
			if (Date.now() > deadline)
				assert.fail(`hung at ${JSON.stringify(now).slice(0, 2000)}`);
			await this.page.evaluate(() => new Promise(requestAnimationFrame));
		}
	}

	// Waits until what is shown equals what expected() gives; both may change.
	async comesToShow(expected, reduced) {
		const deadline = Date.now() + HANG_MS;
		for (;;) {
			const wanted = await expected();
			const now = reduced(await this.shown());
			if (isDeepStrictEqual(now, wanted)) return;
			if (Date.now() > deadline) assert.deepEqual(now, wanted);
			await this.page.evaluate(() => new Promise(requestAnimationFrame));
		}
	}

	check() {
		assert.deepEqual(this.wrong, []);
	}
}
