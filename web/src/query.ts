// TanStack Query, what React's and Vue's have in common. The cache holds what
// the store shows. A refetch asks the store, in whose list what the stream said
// meanwhile stands: so a late answer overwrites nothing.

import type { Notifications, Snapshot } from './index.js';

export const QUERY_KEY: readonly string[] = ['notifications'];

export interface QueryCache {
	setQueryData(key: readonly unknown[], data: Snapshot): unknown;
}

/** For `useQuery()`, `prefetchQuery()` and the like. */
export const notificationsQuery = (
	store: Notifications, queryKey: readonly unknown[] = QUERY_KEY,
) => ({
	queryKey,
	queryFn: async () => {
		await store.refresh();
		return store.getSnapshot();
	},
	// The stream says what is new.
	staleTime: Infinity,
});

/** For `useMutation()`, which gets `isPending` and `error` from it. */
export const notificationMutations = (store: Notifications) => ({
	markAsRead: { mutationFn: store.markAsRead },
	markAsUnread: { mutationFn: store.markAsUnread },
	markAllAsRead: { mutationFn: store.markAllAsRead },
	remove: { mutationFn: store.remove },
});

/** Keeps the cache true; returns what ends it. */
export function syncNotifications(
	cache: QueryCache, store: Notifications,
	queryKey: readonly unknown[] = QUERY_KEY,
) {
	const take = () => {
		if (!store.isLoading)
			cache.setQueryData(queryKey, store.getSnapshot());
	};
	const stop = store.subscribe(take);

	take(); // it may have been loaded by others
	return stop;
}
