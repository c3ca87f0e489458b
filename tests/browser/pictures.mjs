// The pictures in docs/ of the page of `make run`: a desktop and a phone, light
// and dark. `make pictures`, after a change that can be seen.

import path from 'node:path';

import { ROOT } from '../integration/lib/harness.mjs';
import { insert } from '../integration/lib/writer.mjs';
import { openChromium } from './lib/browser.mjs';
import { Inbox, startDemo } from './lib/inbox.mjs';

const SIZES = [
	['inbox', ['alice', 'bob'], { viewport: { width: 1280, height: 800 } }],
	['phone', ['alice'], {
		viewport: { width: 360, height: 720 }, deviceScaleFactor: 2,
		isMobile: true, hasTouch: true,
	}],
];
const chromium = await openChromium();

for (const colorScheme of ['light', 'dark'])
	for (const [name, users, size] of SIZES) {
		const server = await startDemo();
		const context = await chromium.context({
			...size, colorScheme, reducedMotion: 'reduce',
		});
		const { page } = await Inbox.open(context, server, ...users);
		const at = path.join(
			ROOT, `docs/${name}${colorScheme === 'dark' ? '-dark' : ''}.png`,
		);
		await server.sql(insert('alice', 'Deploy to production finished', {
			type: 'success', body: '2.4.1 is on all 12 hosts.',
			link: '/deploys/241',
		}));
		await page.locator('.toast').waitFor();
		// Where it lies here is of no interest.
		await page.locator('#command').evaluate((code) =>
			(code.textContent = code.textContent.replace(
				/^\S+ \S+/, 'sqlite3 belfry.db',
			)));
		await page.screenshot({ path: at });
		await context.close();
		await server.stop();
	}
await chromium.close();
