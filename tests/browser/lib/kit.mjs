// Pages with the kit on them, served as it is built, in both browsers.

import fs from 'node:fs';
import path from 'node:path';

import { poll, ROOT, startServer } from '../../integration/lib/harness.mjs';
import {
	openChromium, openFirefox, openPlainChromium, patient,
} from './browser.mjs';
import { Proxy } from './proxy.mjs';

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
// `plain`: Chromium as its own driver leaves it.
export async function openBoth({ plain = false } = {}) {
	const both = await Promise.all([
		plain ? openPlainChromium() : openChromium(), openFirefox(),
	]);

	return both.map(({ name, browser, close }) => ({
		name,
		close,
		pid: browser.process?.().pid,
		async profile(options) {
			const context = await (browser.newContext
				? browser.newContext(options)
				: browser.createBrowserContext(options));
			return {
				name,
				newPage: () => patient(context.newPage()),
				close: () => context.close(),
			};
		},
	}));
}

// A test in both browsers side by side. Each has a user of its own and its own
// way to the server; `open` makes a tab, `together()` waits for the other one.
export async function inEach(browsers, server, body) {
	let waiting = [];
	const together = () => new Promise((resolve, reject) => {
		waiting.push({ resolve, reject });
		if (waiting.length < browsers.length) return;
		for (const one of waiting) one.resolve();
		waiting = [];
	});

	await Promise.all(
		browsers.map(async (browser, i) => {
			const user = ['alice', 'bob'][i];
			const proxy = await Proxy.open(new URL(server.origin).port);
			const tabs = [];
			let profile;
			const open = async (options) => {
				tabs.push(
					await Tab.open(profile, server, user, options, proxy.origin),
				);
				return tabs.at(-1);
			};
			const streams = (count) =>
				poll(`${count} streams in ${browser.name}`, () =>
					proxy.streams === count);
			try {
				profile = await browser.profile();
				await body({
					name: browser.name, browser, profile, open, user, proxy,
					streams, tabs, together,
				});
			} catch (error) {
				// The other one waits for nobody any more.
				for (const { reject } of waiting) reject(error);
				for (const tab of tabs) error.message += `\n${await tab.how()}`;
				throw error;
			} finally {
				for (const tab of tabs.splice(0)) await tab.close();
				await profile?.close();
				await proxy.close();
			}
		}),
	);
}

// A tab with the store on it, signed in by a cookie, or by `token`; `ask` runs in
// the page.
export class Tab {
	static async open(browser, server, user, options = {}, origin = server.origin) {
		const page = await browser.newPage();
		await page.goto(`${origin}/nothing-here`);
		if (!options.token)
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

	// For a test that has failed: what the store says, if the page still speaks.
	how() {
		const asked = this.ask(() => {
			const { connectionStatus, reason, retryAt, notifications } =
				window.store;
			const wait = retryAt && retryAt - Date.now();
			return JSON.stringify({
				connectionStatus, reason, wait,
				titles: notifications.slice(0, 3).map(({ title }) => title),
			});
		}).catch(String);
		return Promise.race([
			asked,
			new Promise((resolve) =>
				setTimeout(resolve, 5000, 'the page does not answer')),
		]);
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
