// Pinia: a store of refs. Connected from its first use to its `$dispose()`.

import { defineStore } from 'pinia';

import type { Notifications } from './index.js';
import { getNotifications, useNotifications } from './vue.js';

export { getNotifications } from './default.js';

export const defineNotificationsStore = (
	store: () => Notifications = getNotifications, id = 'notifications',
) => defineStore(id, () => useNotifications(store()));
