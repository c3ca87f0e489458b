import { configureStore } from '@reduxjs/toolkit';
import { expect, test } from 'vitest';

import {
	notificationActions, notificationsMiddleware, notificationsReducer,
} from '../src/redux.js';
import { setUp, until } from './lib/store.js';

function make() {
	const { server, store } = setUp();
	const redux = configureStore({
		reducer: { notifications: notificationsReducer },
		// With its checks for what can't be serialized and for mutation.
		middleware: (defaults) =>
			defaults().concat(notificationsMiddleware(store)),
	});
	return { server, store, redux, now: () => redux.getState().notifications };
}

test('redux: the slice has what the stream says', async () => {
	const { server, store, redux, now } = make();
	expect(now().isLoading).toBe(true);
	expect(server.requests).toEqual([]);
	redux.dispatch(notificationActions.connect());
	await until(() => now().isConnected);
	server.create({ title: 'fresh' });
	await until(() => now().notifications[0]?.title === 'fresh');
	redux.dispatch(notificationActions.disconnect());
	expect(now().connectionStatus).toBe('disconnected');
	expect(server.open.length).toBe(0);
	store.connect(); // by others: no business of the slice any more
	await until(() => store.isConnected);
	expect(now().connectionStatus).toBe('disconnected');
	redux.dispatch(notificationActions.reconnect());
	await until(() => now().isConnected);
	redux.dispatch(notificationActions.signOut());
	expect(now().notifications).toEqual([]);
});

test('redux: actions are done at once, and taken back', async () => {
	const { server, redux, now } = make();
	redux.dispatch(notificationActions.connect());
	await until(() => now().isConnected);
	const done = redux.dispatch(notificationActions.markAsRead(2));
	expect(now().unreadCount).toBe(1);
	await done;
	server.answers.set('DELETE /1', 503);
	const failed = redux.dispatch(notificationActions.remove(1));
	expect(now().notifications.length).toBe(1);
	await expect(failed).rejects.toMatchObject({ status: 503 });
	expect(now().notifications.length).toBe(2);
	redux.dispatch({ type: 'notifications/unheard-of' });
	redux.dispatch({ type: 'something/else' });
	redux.dispatch(notificationActions.disconnect());
});
