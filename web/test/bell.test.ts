// @vitest-environment jsdom
// <belfry-bell> in a document; how it looks and reads is for real browsers.

import { afterEach, beforeEach, expect, test } from 'vitest';

import { BelfryBell, TEXTS } from '../src/bell.js';
import { createNotifications } from '../src/index.js';
import { Server, note } from './lib/server.js';
import { until } from './lib/store.js';

let server: Server;
let bell: BelfryBell;

// jsdom has no constructable style sheets of its own.
globalThis.CSSStyleSheet = class {
	replaceSync() {}
} as unknown as typeof CSSStyleSheet;

beforeEach(() => {
	server = new Server(3);
	document.body.innerHTML = '<belfry-bell sharing="none"></belfry-bell>';
	bell = document.querySelector('belfry-bell')!;
});

afterEach(() => {
	document.body.replaceChildren();
	document.documentElement.removeAttribute('lang');
	bell.store.disconnect();
});

const all = (selector: string) =>
	[...bell.shadowRoot!.querySelectorAll<HTMLElement>(selector)];
const one = (selector: string) => all(selector)[0]!;
const titles = () => all('h3').map((title) => title.textContent);
const focused = () => bell.shadowRoot!.activeElement;
const press = (key: string) =>
	(focused() ?? one('.bell')).dispatchEvent(
		new KeyboardEvent('keydown', { key, bubbles: true }),
	);
const button = (at: number, part: string) =>
	all('li')[at]!.querySelector<HTMLElement>(`[part=${part}]`)!;

async function opened() {
	await until(() => bell.store.isConnected && !bell.store.isLoading);
	one('.bell').click();
	await until(() => all('li').length === server.notes.length);
}

test('bell: counts, and says so', async () => {
	await until(() => one('.badge').textContent === '3');
	expect(one('.bell').getAttribute('aria-label'))
		.toBe('Notifications, 3 unread');
	server.notes = Array.from({ length: 150 }, (_, i) => note(150 - i));
	server.say({ action: 'unread', notificationId: 1, unreadCount: 150 });
	await until(() => one('.badge').textContent === '99+');
	server.say({ action: 'all-read', through: 150 });
	await until(() => one('.badge').hidden);
	expect(one('.bell').getAttribute('aria-label')).toBe('Notifications');
});

test('bell: opens, closes, and keeps the focus', async () => {
	await opened();
	expect(titles()).toEqual([
		'Unread: title 3', 'Unread: title 2', 'Unread: title 1',
	]);
	expect(one('.bell').getAttribute('aria-expanded')).toBe('true');
	expect(focused()).toBe(one('h2'));
	press('ArrowDown');
	expect(focused()).toBe(button(0, 'toggle'));
	press('ArrowDown');
	press('ArrowDown');
	press('ArrowDown'); // there is no further one
	expect(focused()).toBe(button(2, 'toggle'));
	press('ArrowUp');
	press('ArrowUp');
	press('ArrowUp');
	expect(focused()).toBe(one('h2'));
	press('Escape');
	expect(bell.open).toBe(false);
	expect(focused()).toBe(one('.bell'));
	bell.open = true;
	document.body.dispatchEvent(new Event('pointerdown', { bubbles: true }));
	expect(bell.open).toBe(false);
});

test('bell: read, unread, all read, delete; the focus is never lost', async () => {
	await opened();
	const second = all('li')[1]!;
	button(1, 'toggle').focus();
	button(1, 'toggle').click();
	await until(() => second.dataset['read'] === 'true');
	expect(all('li')[1]).toBe(second);
	expect(focused()).toBe(button(1, 'toggle'));
	expect(button(1, 'toggle').textContent).toBe('Mark unread');
	button(1, 'toggle').click();
	await until(() => second.dataset['read'] === 'false');
	button(1, 'remove').focus();
	button(1, 'remove').click();
	await until(() => all('li').length === 2);
	expect(focused()).toBe(button(1, 'remove'));
	one('[part=read-all]').click();
	await until(() => one('[part=read-all]')
		.hasAttribute('disabled'));
	await until(() => server.unreadCount === 0);
	server.notes = [];
	button(0, 'remove').focus();
	server.say({ action: 'deleted', notificationId: 1 });
	server.say({ action: 'deleted', notificationId: 3 });
	await until(() => all('li').length === 0);
	expect(focused()).toBe(one('h2'));
	expect(one('.empty').textContent).toBe(TEXTS.empty);
});

test('bell: a lang that is no language does not empty the list', async () => {
	document.documentElement.lang = 'en_US';
	await opened();
	document.documentElement.lang = 'c';
	server.create();
	await until(() => all('li').length === 4);
	expect(one('time').textContent).not.toBe('');
});

test('bell: what is new is announced, what fails is said', async () => {
	await opened();
	server.create({ title: 'fresh' });
	await until(() =>
		one('[role=status]').textContent === 'New notification: fresh');
	server.answers.set('DELETE /1', 503);
	button(3, 'remove').click();
	await until(() => !one('[role=alert]').hidden);
	expect(one('[role=alert]').textContent).toBe('That did not work: no: 503');
	await until(() => all('li').length === 4);
	server.down = true;
	server.lose();
	await until(() => one('[part=state]').textContent === 'Not connected.');
	expect(one('[part=state]').hidden).toBe(false);
});

test('bell: what a row says is text, and a link that is not one is none', async () => {
	server.notes = [
		note(5, { title: 'ok', link: 'https://example.org/x' }),
		note(4, { title: '<img src=x onerror=alert(1)>', link: 'javascript:x' }),
		note(3, { title: 'd', body: '<b>x</b>', link: ' data:text/html,x' }),
	];
	await opened();
	expect(all('li :is(img, b)')).toEqual([]);
	expect(all('a').map((a) => (a as HTMLAnchorElement).href))
		.toEqual(['https://example.org/x']);
	let told: unknown;
	bell.addEventListener('belfry-open', (event) => {
		told = (event as CustomEvent).detail.id;
		event.preventDefault();
	});
	one('a').click();
	expect(told).toBe(5);
	await until(() => all('li')[0]!.dataset['read'] === 'true');
});

test('bell: of ten thousand it draws fifty, and more on demand', async () => {
	server.notes = Array.from({ length: 10000 }, (_, i) => note(10000 - i));
	document.body.innerHTML =
		'<belfry-bell sharing="none" page-size="10000"></belfry-bell>';
	bell = document.querySelector('belfry-bell')!;
	await until(() => bell.store.notifications.length === 10000);
	expect(all('li').length).toBe(0);
	one('.bell').click();
	expect(all('li').length).toBe(50);
	one('.more').click();
	expect(all('li').length).toBe(100);
	bell.open = false;
	bell.open = true;
	expect(all('li').length).toBe(50);
});

test('bell: its texts can be replaced, and its store', async () => {
	await opened();
	bell.texts = { remove: 'Löschen', label: (n) => `${n} neu` };
	await until(() => all('li').length === 3);
	expect(button(0, 'remove').textContent).toBe('Löschen');
	expect(button(0, 'toggle').textContent).toBe('Mark read');
	expect(one('.bell').getAttribute('aria-label')).toBe('3 neu');
	server.notes = [note(9)];
	const other = createNotifications({ sharing: 'none' });
	bell.store = other;
	await until(() => all('li').length === 1);
	bell.remove();
	await until(() => server.open.length === 0);
});
