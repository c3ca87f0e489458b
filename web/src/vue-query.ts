// TanStack Query for Vue.

import { useQuery, useQueryClient, type UseQueryReturnType } from '@tanstack/vue-query';
import { onScopeDispose } from 'vue';

import { getNotifications } from './default.js';
import type { Notifications, Snapshot } from './index.js';
import { notificationsQuery, syncNotifications } from './query.js';

export { getNotifications } from './default.js';
export * from './query.js';

export function useNotificationsQuery(
	store: Notifications = getNotifications(),
	queryKey?: readonly unknown[],
): UseQueryReturnType<Snapshot, Error> {
	const client = useQueryClient();

	if (typeof document !== 'undefined')
		onScopeDispose(syncNotifications(client, store, queryKey));
	// The store loads the first page when it connects.
	return useQuery({ ...notificationsQuery(store, queryKey), enabled: false });
}
