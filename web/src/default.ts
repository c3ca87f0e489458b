// The store that the adapters take when they are given none: one for each place,
// person and filter, however many components ask. On a server it is never
// connected, so it holds nothing of anybody.

import { createNotifications, type Notifications, type Options } from './index.js';

const stores = new Map<string, Notifications>();

export function getNotifications(options: Options = {}): Notifications {
	const { url, user, pageSize, types, minPriority } = options;
	const key = JSON.stringify([url, user, pageSize, types, minPriority]);
	let store = stores.get(key);

	if (!store)
		stores.set(key, (store = createNotifications(options)));
	return store;
}
