// TanStack Query for React.

import { useQuery, useQueryClient, type UseQueryResult } from '@tanstack/react-query';
import { useEffect } from 'react';

import { getNotifications } from './default.js';
import type { Notifications, Snapshot } from './index.js';
import { notificationsQuery, syncNotifications } from './query.js';

export { getNotifications } from './default.js';
export * from './query.js';

export function useNotificationsQuery(
	store: Notifications = getNotifications(),
	queryKey?: readonly unknown[],
): UseQueryResult<Snapshot> {
	const client = useQueryClient();
	const options = notificationsQuery(store, queryKey);
	const name = JSON.stringify(options.queryKey);

	useEffect(
		() => syncNotifications(client, store, JSON.parse(name)),
		[client, store, name],
	);
	// The store loads the first page when it connects.
	return useQuery({ ...options, enabled: false });
}
