// Pages with the kit on them, served as it is built, in both browsers.

import fs from 'node:fs';
import path from 'node:path';

import { poll, ROOT, startServer } from '../../integration/lib/harness.mjs';
import { openChromium, openFirefox } from './browser.mjs';

export const USERS = ['alice', 'bob', 'carol'];

// A server whose documents are tests/browser/pages and, below kit/, web/dist.
// `files`: more of them, text by name.
export async function startKit({ files = {}, ...options } = {}) {
	const docroot = fs.mkdtempSync(path.join(ROOT, 'build/kit-pages-'));
	fs.cpSync(path.join(ROOT, 'tests/browser/pages'), docroot, {
		recursive: true,
	});
	fs.cpSync(path.join(ROOT, 'web/dist'), path.join(docroot, 'kit'), {
		recursive: true,
	});
	for (const [name, text] of Object.entries(files))
		fs.writeFileSync(path.join(docroot, name), text);
	const server = await startServer({
		...options, args: ['--docroot', docroot],
	});
	await server.addSessions(USERS);
	const stop = server.stop.bind(server);
	server.stop = async () => {
		await stop();
		fs.rmSync(docroot, { recursive: true });
	};
	return server;
}

// profile(): where tabs know of each other, apart from those of other tests.
export async function openBoth() {
	const [chromium, firefox] = await Promise.all([
		openChromium(), openFirefox(),
	]);
	const open = { chromium: 'newContext', firefox: 'createBrowserContext' };

	return [chromium, firefox].map(({ name, browser, close }) => ({
		name,
		close,
		async profile(options) {
			const context = await browser[open[name]](options);
			return {
				name,
				newPage: () => context.newPage(),
				close: () => context.close(),
			};
		},
	}));
}

// A tab with the store on it, signed in; `ask` runs in the page.
export class Tab {
	static async open(browser, server, user, options = {}, origin = server.origin) {
		const page = await browser.newPage();
		await page.goto(`${origin}/nothing-here`);
		await page.evaluate((secret) => {
			document.cookie = `belfry_session=${secret}; path=/; SameSite=Lax`;
		}, await server.session(user));
		const query = new URLSearchParams({ user, ...options });
		await page.goto(`${origin}/store.html?${query}`);
		return new Tab(page, browser.name);
	}

	constructor(page, name) {
		this.page = page;
		this.name = name;
	}

	ask(what, more) {
		return this.page.evaluate(what, more);
	}

	titles() {
		return this.ask(() => window.store.notifications.map((n) => n.title));
	}

	status() {
		return this.ask(() => window.store.connectionStatus);
	}

	until(what, condition, more) {
		return poll(`${what} in ${this.name}`, () => this.ask(condition, more));
	}

	is(status) {
		return this.until(
			status, (s) => window.store?.connectionStatus === s, status,
		);
	}

	shows(title) {
		return this.until(
			title,
			(t) => window.store.notifications.some((n) => n.title === t),
			title,
		);
	}

	// Not the driver's own way, which waits for a load that a page which was
	// kept does not have.
	async back() {
		await this.ask(() => void setTimeout(() => history.back()));
		await poll(`the page in ${this.name}`, () =>
			this.ask(() => !!window.store).catch(() => false));
	}

	close() {
		return this.page.close();
	}
}
