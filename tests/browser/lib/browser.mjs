// Debian's own browsers, driven by playwright-core and puppeteer-core: nothing
// is downloaded. A server is that of the integration tests, with the inbox page
// and its demo users.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';

import { HANG_MS, startServer } from '../../integration/lib/harness.mjs';

const CHROMIUM = process.env.BELFRY_CHROMIUM || '/usr/bin/chromium';
const FIREFOX = process.env.BELFRY_FIREFOX || '/usr/bin/firefox-esr';

// Nothing that calls home, nothing that needs a user namespace or a GPU.
const CHROMIUM_FLAGS = [
	'--no-sandbox',
	'--disable-gpu',
	'--disable-quic',
	'--no-first-run',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync',
];

// A server whose demo page is open to alice, bob and carol.
export async function startDemo(options = {}) {
	const server = await startServer({ ...options, args: ['--demo'] });
	const answer = await fetch(`${server.origin}/demo-users.json`);
	server.demo = await answer.json();
	return server;
}

export function demoSession(server, user) {
	return server.demo.users.find((one) => one.user === user).session;
}

// { context(options): a browser context of its own, close() }. The profile is
// an empty folder that goes with it.
export async function openChromium() {
	const browser = await chromium.launch({
		executablePath: CHROMIUM,
		args: CHROMIUM_FLAGS,
		timeout: HANG_MS,
	});
	return {
		name: 'chromium',
		browser,
		context: (options) => browser.newContext(options),
		newPage: () => browser.newPage(),
		close: () => browser.close(),
	};
}

export async function openFirefox() {
	const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'belfry-firefox-'));
	const browser = await puppeteer.launch({
		browser: 'firefox',
		executablePath: FIREFOX,
		headless: true,
		userDataDir: profile,
		protocolTimeout: HANG_MS,
		timeout: HANG_MS,
	});
	return {
		name: 'firefox',
		browser,
		newPage: () => browser.newPage(),
		close: async () => {
			await browser.close();
			fs.rmSync(profile, { recursive: true, force: true });
		},
	};
}

// A page of the server's origin with nothing on it, signed in as a user. That
// the address is unknown to the web server does not matter.
export async function blankPage(browser, server, user) {
	const page = await browser.newPage();
	await page.goto(`${server.origin}/nothing-here`);
	await page.evaluate((secret) => {
		document.cookie = `belfry_session=${secret}; path=/; SameSite=Lax`;
	}, demoSession(server, user));
	return page;
}

// ---- the inbox page

// Everything that a page says is wrong is kept; check() is for the end.
export class Inbox {
	wrong = [];

	constructor(page) {
		this.page = page;
		page.on('pageerror', (error) => this.wrong.push(String(error)));
		page.on('console', (message) => {
			// A request that failed is logged by the browser: the tests cause it.
			if (message.type() === 'error' && !message.text().includes('net::') &&
			    !message.text().startsWith('Failed to load resource'))
				this.wrong.push(message.text());
		});
	}

	static async open(context, server) {
		const inbox = new Inbox(await context.newPage());
		await inbox.page.goto(`${server.origin}/`);
		await inbox.connected();
		return inbox;
	}

	status(name) {
		return this.page
			.locator(`#connection[data-status="${name}"]`)
			.waitFor({ timeout: HANG_MS });
	}

	connected() {
		return this.status('connected');
	}

	item(title) {
		return this.page.locator('.item', { hasText: title });
	}

	async choose(user) {
		await this.page.locator('#user').selectOption(user);
		await this.connected();
	}

	// What a person sees: newest first.
	shown() {
		return this.page.evaluate(() => {
			const text = (element, selector) => {
				const part = element.querySelector(selector);
				return part.hidden ? null : part.textContent;
			};
			return {
				title: document.title,
				badge: text(document, '#badge')?.replace(' unread', '') ?? '0',
				items: [...document.querySelectorAll('.item')].map((item) => ({
					id: Number(item.dataset.id),
					title: text(item, '.title bdi'),
					body: text(item, '.body'),
					type: text(item, '.type'),
					priority: text(item, '.priority'),
					broadcast: text(item, '.broadcast') !== null,
					unread: item.querySelector('.toggle').textContent === 'Mark read',
				})),
			};
		});
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
