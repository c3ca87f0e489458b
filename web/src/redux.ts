// Redux Toolkit: a slice that holds what is shown, and a middleware that takes
// the actions to the store and the store's news to the slice.

import {
	createSlice, isAction, type Middleware, type PayloadAction,
} from '@reduxjs/toolkit';

import {
	createNotifications, type Notifications, type Snapshot,
} from './index.js';

// Actions that change nothing here: the middleware takes them on.
const command = () => {};
const commandOn = (_: Snapshot, __: PayloadAction<number>) => {};

export const notificationsSlice = createSlice({
	name: 'notifications',
	initialState: () => createNotifications().getSnapshot(),
	reducers: {
		changed: (_, { payload }: PayloadAction<Snapshot>) => payload,
		connect: command,
		disconnect: command,
		reconnect: command,
		signOut: command,
		markAllAsRead: command,
		loadMore: command,
		markAsRead: commandOn,
		markAsUnread: commandOn,
		remove: commandOn,
		loadWhole: commandOn,
	},
});

export const notificationsReducer = notificationsSlice.reducer;
export const notificationActions = notificationsSlice.actions;

/**
 * Connects on `connect()`. What is dispatched for something that a person does
 * returns the promise of it.
 */
export function notificationsMiddleware(store: Notifications): Middleware {
	return ({ dispatch }) => {
		let stop: (() => void) | null = null;

		return (next) => (action) => {
			const result = next(action);
			if (!isAction(action) || !action.type.startsWith('notifications/'))
				return result;
			const name = action.type.slice('notifications/'.length);
			if (name === 'changed' || !(name in notificationActions))
				return result;
			if (name === 'connect' || name === 'reconnect')
				stop ??= store.subscribe(() =>
					dispatch(notificationActions.changed(store.getSnapshot())),
				);
			const take = store[name as 'markAsRead'];
			const done = take((action as PayloadAction<number>).payload);
			if (name === 'disconnect' || name === 'signOut') {
				stop?.();
				stop = null;
			}
			return done ?? result;
		};
	};
}
