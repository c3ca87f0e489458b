// Zustand: a store of what is shown and what can be done. Connected while it
// has subscribers.

import { createStore, type StoreApi } from 'zustand/vanilla';

import { getNotifications } from './default.js';
import type { Notifications } from './index.js';

export { getNotifications } from './default.js';

export function createNotificationsStore(
	store: Notifications = getNotifications(),
): StoreApi<Notifications> {
	const api = createStore<Notifications>(() => ({ ...store }));
	const take = () => api.setState(store.getSnapshot());

	return {
		...api,
		subscribe(listener) {
			const end = api.subscribe(listener);
			const stop = store.subscribe(take);
			take();
			return () => {
				end();
				stop();
			};
		},
	};
}
