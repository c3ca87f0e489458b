// Every adapter from end to end: a page of its framework, bundled as an
// application would, in Chromium on the real server.

import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { poll, ROOT } from '../integration/lib/harness.mjs';
import { insert } from '../integration/lib/writer.mjs';
import { openChromium } from './lib/browser.mjs';
import { startKit } from './lib/kit.mjs';

const web = path.join(ROOT, 'web');
const { build } = createRequire(path.join(web, 'package.json'))('esbuild');

// Each shows "title,title (unread)", and marks the first one read on a click.
const TEXT = `const text = (n, unread) =>
	n.map(({ title }) => title).join() + ' (' + unread + ')';`;
const react = (use) => `
	import { createElement as h } from 'react';
	import { createRoot } from 'react-dom/client';
	${use}
	createRoot(document.querySelector('main')).render(h(Root));`;
const vue = (use) => `
	import { createApp, h } from 'vue';
	${use}
	const app = createApp({ setup });
	plugins.forEach((plugin) => app.use(plugin));
	app.mount('main');`;
const APPS = {
	react: react(`
		import { useNotificationSSE } from './dist/react.js';
		function Root() {
			const { notifications: n, unreadCount, markAsRead } =
				useNotificationSSE({ user: 'alice' });
			return h('button', { onClick: () => markAsRead(n[0].id) },
				text(n, unreadCount));
		}`),
	'react-query': react(`
		import { QueryClient, QueryClientProvider, useMutation }
			from '@tanstack/react-query';
		import { getNotifications, notificationMutations,
			useNotificationsQuery } from './dist/react-query.js';
		const { markAsRead } = notificationMutations(getNotifications());
		function Inbox() {
			const { data } = useNotificationsQuery();
			const { mutate } = useMutation(markAsRead);
			return data ? h('button',
				{ onClick: () => mutate(data.notifications[0].id) },
				text(data.notifications, data.unreadCount)) : null;
		}
		const client = new QueryClient();
		const Root = () => h(QueryClientProvider, { client }, h(Inbox));`),
	zustand: react(`
		import { useStore } from 'zustand';
		import { createNotificationsStore } from './dist/zustand.js';
		const api = createNotificationsStore();
		function Root() {
			const { notifications: n, unreadCount, markAsRead } = useStore(api);
			return h('button', { onClick: () => markAsRead(n[0].id) },
				text(n, unreadCount));
		}`),
	vue: vue(`
		import { useNotifications } from './dist/vue.js';
		const plugins = [];
		function setup() {
			const { notifications: n, unreadCount, markAsRead } =
				useNotifications();
			return () => h('button', { onClick: () => markAsRead(n.value[0].id) },
				text(n.value, unreadCount.value));
		}`),
	'vue-query': vue(`
		import { useMutation, VueQueryPlugin } from '@tanstack/vue-query';
		import { getNotifications, notificationMutations,
			useNotificationsQuery } from './dist/vue-query.js';
		const plugins = [VueQueryPlugin];
		function setup() {
			const { data } = useNotificationsQuery();
			const { mutate } = useMutation(
				notificationMutations(getNotifications()).markAsRead);
			return () => data.value && h('button',
				{ onClick: () => mutate(data.value.notifications[0].id) },
				text(data.value.notifications, data.value.unreadCount));
		}`),
	pinia: vue(`
		import { createPinia } from 'pinia';
		import { defineNotificationsStore } from './dist/pinia.js';
		const useInbox = defineNotificationsStore();
		const plugins = [createPinia()];
		function setup() {
			const inbox = useInbox();
			return () => h('button',
				{ onClick: () => inbox.markAsRead(inbox.notifications[0].id) },
				text(inbox.notifications, inbox.unreadCount));
		}`),
	redux: `
		import { configureStore } from '@reduxjs/toolkit';
		import { createNotifications } from './dist/index.js';
		import { notificationActions, notificationsMiddleware,
			notificationsReducer } from './dist/redux.js';
		const redux = configureStore({
			reducer: { inbox: notificationsReducer },
			middleware: (defaults) => defaults().concat(
				notificationsMiddleware(createNotifications())),
		});
		const button = document.createElement('button');
		document.querySelector('main').append(button);
		button.onclick = () => redux.dispatch(notificationActions.markAsRead(
			redux.getState().inbox.notifications[0].id));
		redux.subscribe(() => {
			const { notifications, unreadCount } = redux.getState().inbox;
			button.textContent = text(notifications, unreadCount);
		});
		redux.dispatch(notificationActions.connect());`,
};

let chromium;
let server;

async function bundle(source) {
	const { outputFiles } = await build({
		stdin: { contents: TEXT + source, resolveDir: web },
		bundle: true,
		write: false,
		format: 'esm',
		target: 'es2022',
		define: { 'process.env.NODE_ENV': '"production"' },
		logLevel: 'error',
	});
	return outputFiles[0].text;
}

before(async () => {
	const files = {};
	for (const [name, source] of Object.entries(APPS)) {
		files[`${name}.js`] = await bundle(source);
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
					(text) => document.querySelector('button')?.textContent === text,
					expected,
				));
		await shows('one (1)');
		await server.sql(insert('alice', 'two'));
		await shows('two,one (2)');
		await page.click('button');
		await shows('two,one (1)');
		await poll('the row to be read', async () =>
			(await server.rows(
				"SELECT 1 FROM inbox WHERE unread = 0 AND title = 'two'",
			)).length === 1);
		await server.killResponder();
		await server.sql(insert('alice', 'three'));
		await shows('three,two,one (2)');
		await context.close();
	});
