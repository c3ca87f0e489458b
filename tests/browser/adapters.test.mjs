// Every adapter from end to end: its example in web/README.md, bundled as an
// application would, in Chromium on the real server.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { poll, ROOT } from '../integration/lib/harness.mjs';
import { insert } from '../integration/lib/writer.mjs';
import { openChromium } from './lib/browser.mjs';
import { startKit } from './lib/kit.mjs';

const web = path.join(ROOT, 'web');
const require = createRequire(path.join(web, 'package.json'));
const { build } = require('esbuild');
const { compileScript, parse } = require('vue/compiler-sfc');

// What an application has around the example, which shows the number of unread
// ones and a button for each that marks it read.
const react = (root = 'h(Inbox)', more = '') => (example) => `
	import { createElement as h } from 'react';
	import { createRoot } from 'react-dom/client';
	${more}
	const toast = () => {};
	${example}
	createRoot(document.querySelector('main')).render(${root});`;
const vue = (plugin = '', more = '') => (example) => `
	import { createApp } from 'vue';
	${more}
	${compileScript(parse(example).descriptor, {
		id: 'example', inlineTemplate: true, genDefaultAs: 'Inbox',
	}).content}
	createApp(Inbox)${plugin}.mount('main');`;
const APPS = {
	react: react(),
	vue: vue(),
	'react-query': react(
		'h(QueryClientProvider, { client: new QueryClient() }, h(Inbox))',
		`import { QueryClient, QueryClientProvider }
			from '@tanstack/react-query';`,
	),
	'vue-query': vue(
		'.use(VueQueryPlugin)',
		"import { VueQueryPlugin } from '@tanstack/vue-query';",
	),
	redux: (example) => `${example}
		function render({ notifications, unreadCount }) {
			const count = document.createElement('b');
			count.textContent = unreadCount;
			document.querySelector('main').replaceChildren(
				count,
				...notifications.map(({ id, title }) => {
					const button = document.createElement('button');
					button.textContent = title;
					button.onclick = () => markAsRead(id);
					return button;
				}),
			);
		}`,
	zustand: react(),
	pinia: vue(
		'.use(createPinia())', "import { createPinia } from 'pinia';",
	),
};

let chromium;
let server;

function examples() {
	const text = fs.readFileSync(path.join(web, 'README.md'), 'utf8');
	const blocks = [...text.matchAll(/^```(?:jsx|vue|js)\n(.*?)^```/gms)]
		.map(([, block]) => block);

	return Object.fromEntries(Object.keys(APPS).map((name) => {
		const found = blocks.filter((block) =>
			block.includes(`'belfry-client/${name}'`));
		assert.equal(found.length, 1, `one example of ${name}`);
		return [name, found[0]];
	}));
}

// The package by its name, as its exports say.
const alias = Object.fromEntries(
	['', ...Object.keys(APPS)].map((name) => [
		path.posix.join('belfry-client', name),
		path.join(web, 'dist', `${name || 'index'}.js`),
	]),
);

async function bundle(contents) {
	const { outputFiles } = await build({
		stdin: { contents, resolveDir: web, loader: 'jsx' },
		alias,
		bundle: true,
		write: false,
		format: 'esm',
		target: 'es2022',
		jsx: 'automatic',
		define: { 'process.env.NODE_ENV': '"production"' },
		logLevel: 'error',
	});
	return outputFiles[0].text;
}

before(async () => {
	const files = {};
	for (const [name, example] of Object.entries(examples())) {
		files[`${name}.js`] = await bundle(APPS[name](example));
		files[`${name}.html`] = `<!doctype html><meta charset="utf-8"><main></main>
			<script type="module" src="${name}.js"></script>`;
	}
	server = await startKit({ files });
	chromium = await openChromium();
});

after(async () => {
	await chromium?.close();
	await server?.stop();
});

for (const name of Object.keys(APPS))
	test(`adapters: ${name} from end to end`, async () => {
		await server.sql(
			`DELETE FROM notifications; ${insert('alice', 'one')}`,
		);
		const context = await chromium.context();
		const page = await context.newPage();
		await page.goto(`${server.origin}/nothing-here`);
		await page.evaluate((secret) => {
			document.cookie = `belfry_session=${secret}; path=/; SameSite=Lax`;
		}, await server.session('alice'));
		await page.goto(`${server.origin}/${name}.html`);
		const shows = (expected) =>
			poll(`${expected} by ${name}`, () =>
				page.evaluate(
					(text) => document.querySelector('main').textContent === text,
					expected,
				));
		await shows('1one');
		await server.sql(insert('alice', 'two'));
		await shows('2twoone');
		await page.click('button');
		await shows('1twoone');
		await poll('the row to be read', async () =>
			(await server.rows(
				"SELECT 1 FROM inbox WHERE unread = 0 AND title = 'two'",
			)).length === 1);
		await server.killResponder();
		await server.sql(insert('alice', 'three'));
		await shows('2threetwoone');
		await context.close();
	});
