// @vitest-environment jsdom
import { act, cleanup, fireEvent, render, renderHook, screen, waitFor } from '@testing-library/react';
import { StrictMode, useState } from 'react';
import { renderToString } from 'react-dom/server';
import { afterEach, expect, test } from 'vitest';

import type { Notifications } from '../src/index.js';
import {
	getNotifications, useNotificationEvent, useNotificationSSE,
	useNotifications,
} from '../src/react.js';
import { setUp, until } from './lib/store.js';

afterEach(cleanup);

function Inbox({ store }: { store: Notifications }) {
	const { notifications, unreadCount, markAsRead } = useNotifications(store);
	const [last, setLast] = useState('');

	useNotificationEvent('created', ({ title }) => setLast(title), store);
	return (
		<>
			<output>{unreadCount}</output>
			<p>{last}</p>
			{notifications.map(({ id, title }) => (
				<button key={id} onClick={() => markAsRead(id)}>{title}</button>
			))}
		</>
	);
}

test('react: shows what comes, and does what is clicked', async () => {
	const { server, store } = setUp();
	render(<Inbox store={store} />);
	await screen.findByText('title 2');
	await waitFor(() => expect(store.isConnected).toBe(true));
	act(() => void server.create({ title: 'fresh' }));
	await waitFor(() => expect(screen.getAllByText('fresh').length).toBe(2));
	fireEvent.click(screen.getByText('title 1'));
	await waitFor(() =>
		expect(screen.getByRole('status').textContent).toBe('2'));
	expect(server.unreadCount).toBe(2);
});

test('react: strict mode is one connection, unmounting ends it', async () => {
	const { server, store } = setUp();
	const { unmount } = render(
		<StrictMode><Inbox store={store} /></StrictMode>,
	);
	await screen.findByText('title 2');
	await waitFor(() => expect(store.isConnected).toBe(true));
	expect(server.sources.length).toBe(1);
	unmount();
	await until(() => server.open.length === 0);
});

test('react: the same object until something changes', async () => {
	const { store } = setUp();
	const { result, rerender } = renderHook(() => useNotifications(store));
	await waitFor(() => expect(result.current.isConnected).toBe(true));
	const before = result.current;
	rerender();
	expect(result.current).toBe(before);
});

test('react: one store for all who name the same place and person', () => {
	setUp();
	const { result, unmount } = renderHook(() => [
		useNotificationSSE({ url: '/n', user: 'a' }).markAsRead,
		useNotificationSSE({ url: '/n', user: 'a' }).markAsRead,
		useNotificationSSE({ url: '/n', user: 'b' }).markAsRead,
	]);
	const [one, two, other] = result.current;
	expect(one).toBe(two);
	expect(one).not.toBe(other);
	unmount();
	for (const user of ['a', 'b'])
		getNotifications({ url: '/n', user }).disconnect();
});

test('react: on a server it renders the empty state and connects nothing', async () => {
	const { server, store } = setUp();
	expect(renderToString(<Inbox store={store} />)).toContain('>0</output>');
	expect(server.requests).toEqual([]);
});
