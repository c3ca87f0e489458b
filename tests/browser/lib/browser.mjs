// Debian's own browsers, driven by playwright-core and puppeteer-core: nothing
// is downloaded.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';

import { HANG_MS } from '../../integration/lib/harness.mjs';

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

// A page or context of either driver, whose own patience is 30 seconds.
export async function patient(opening) {
	const opened = await opening;
	opened.setDefaultTimeout(HANG_MS);
	return opened;
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
		context: (options) => patient(browser.newContext(options)),
		newPage: () => patient(browser.newPage()),
		close: () => browser.close(),
	};
}

// By the driver that leaves to it what becomes of tabs in the background and of
// pages that are left: playwright keeps all visible, and none in the cache.
export async function openPlainChromium() {
	const browser = await puppeteer.launch({
		executablePath: CHROMIUM,
		args: CHROMIUM_FLAGS,
		headless: true,
		protocolTimeout: HANG_MS,
		timeout: HANG_MS,
	});
	return { name: 'chromium', browser, close: () => browser.close() };
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
		newPage: () => patient(browser.newPage()),
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
	}, await server.session(user));
	return page;
}
