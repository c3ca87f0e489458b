// React: the store by useSyncExternalStore. Connected while a component that
// uses it is mounted; strict mode's mounting twice is one connection.

import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';

import { getNotifications } from './default.js';
import {
	createNotifications, type Events, type Notifications, type Options,
	type Snapshot,
} from './index.js';

export { getNotifications } from './default.js';

let empty: Snapshot | undefined;

// What a server renders, and the first render in the browser with it.
const serverSnapshot = () => (empty ??= createNotifications().getSnapshot());

/** What is shown, and what can be done. */
export function useNotifications(
	store: Notifications = getNotifications(),
): Notifications {
	const snapshot = useSyncExternalStore(
		store.subscribe, store.getSnapshot, serverSnapshot,
	);

	return useMemo(() => ({ ...store, ...snapshot }), [store, snapshot]);
}

/** The same by options, with one store for all who give the same. */
export function useNotificationSSE(options?: Options): Notifications {
	return useNotifications(getNotifications(options));
}

/** Calls the listener of the latest render for each event. */
export function useNotificationEvent<E extends keyof Events>(
	type: E, listener: (data: Events[E]) => void,
	store: Notifications = getNotifications(),
) {
	const latest = useRef(listener);

	useEffect(() => {
		latest.current = listener;
	});
	useEffect(
		() => store.on(type, (data) => latest.current(data)), [type, store],
	);
}
