// Vue: the store as refs. Connected for as long as the scope lives in which it
// is used.

import {
	computed, getCurrentScope, onScopeDispose, shallowRef,
	type ComputedRef, type ShallowRef,
} from 'vue';

import { getNotifications } from './default.js';
import type {
	ConnectionStatus, Frame, Notifications, Snapshot, StatusInfo,
} from './index.js';

export { getNotifications } from './default.js';

export type NotificationRefs = {
	readonly [K in keyof Snapshot]: ComputedRef<Snapshot[K]>;
} & Omit<Notifications, keyof Snapshot>;

// A server renders the empty state and connects nothing.
function whileHere(listen: () => () => void) {
	if (typeof document === 'undefined')
		return;
	const stop = listen();
	if (getCurrentScope())
		onScopeDispose(stop);
}

/** What is shown, as refs, and what can be done. */
export function useNotifications(
	store: Notifications = getNotifications(),
): NotificationRefs {
	const snapshot = shallowRef(store.getSnapshot());
	const keys = Object.keys(snapshot.value) as (keyof Snapshot)[];

	whileHere(() =>
		store.subscribe(() => (snapshot.value = store.getSnapshot())),
	);
	return {
		...store,
		...Object.fromEntries(
			keys.map((key) => [key, computed(() => snapshot.value[key])]),
		),
	} as unknown as NotificationRefs;
}

export interface EventSourceRefs {
	/** The last event of the stream. */
	event: ShallowRef<Frame['event'] | null>;
	data: ShallowRef<Frame['data'] | null>;
	lastEventId: ShallowRef<string | null>;
	status: ShallowRef<ConnectionStatus>;
	/** Why it is not connected. */
	error: ShallowRef<StatusInfo['reason']>;
	open(): void;
	close(): void;
}

/** The stream itself, event by event, as VueUse's composable has it. */
export function useEventSource(
	store: Notifications = getNotifications(),
): EventSourceRefs {
	const refs = {
		event: shallowRef<Frame['event'] | null>(null),
		data: shallowRef<Frame['data'] | null>(null),
		lastEventId: shallowRef<string | null>(null),
		status: shallowRef(store.connectionStatus),
		error: shallowRef(store.reason),
	};

	whileHere(() =>
		store.on('frame', ({ event, data, id }) => {
			refs.event.value = event;
			refs.data.value = data;
			if (id)
				refs.lastEventId.value = id;
		}),
	);
	whileHere(() =>
		store.on('status', ({ status, reason }) => {
			refs.status.value = status;
			refs.error.value = reason;
		}),
	);
	return { ...refs, open: store.connect, close: store.disconnect };
}
