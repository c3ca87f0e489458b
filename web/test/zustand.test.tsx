// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { useStore } from 'zustand';

import { createNotificationsStore } from '../src/zustand.js';
import { setUp, until } from './lib/store.js';

afterEach(cleanup);

test('zustand: connected while it is subscribed to', async () => {
	const { server, store } = setUp();
	const api = createNotificationsStore(store);
	function Count() {
		const count = useStore(api, (state) => state.unreadCount);
		const readAll = useStore(api, (state) => state.markAllAsRead);
		return <button onClick={() => readAll()}>{count}</button>;
	}
	const { unmount } = render(<Count />);
	await screen.findByText('2');
	await waitFor(() => expect(api.getState().isConnected).toBe(true));
	server.create();
	await screen.findByText('3');
	fireEvent.click(screen.getByText('3'));
	await screen.findByText('0');
	unmount();
	await until(() => server.open.length === 0);
	expect(server.unreadCount).toBe(0);
	const end = api.subscribe(() => {});
	end();
	end();
});
