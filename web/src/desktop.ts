// Notifications of the desktop, when no tab is looked at, and a sound: from one
// tab only, the one that holds a lock. They go through a service worker's
// registration, as `new Notification()` throws on phones. The permission is the
// page's to ask for, from a click: Notification.requestPermission().

import type { Notification, Notifications } from './index.js';
import { safeLink } from './text.js';

const LEAD = 'belfry desktop';
const VISIBLE = 'belfry visible';

export interface DesktopOptions {
	/** An image beside the text. */
	icon?: string;
	/** Played for each, once the person has touched the page. */
	sound?: string;
	/** Which are shown; all. */
	filter?: (item: Notification) => boolean;
}

/** Returns what ends it. */
export function notifyDesktop(
	store: Notifications,
	{ icon, sound, filter = () => true }: DesktopOptions = {},
): () => void {
	const { locks, serviceWorker } = navigator;

	// Neither is there on a page that is not secure.
	if (!locks || !serviceWorker)
		return () => {};
	const end = new AbortController();
	const { signal } = end;
	let leading = false;
	let unsee = () => {};
	let last = Promise.resolve();

	// One after the other: what is read as soon as it is there must be shown
	// before it can be withdrawn, and Chromium forgets one that is on its way to
	// the screen while it is asked for the others.
	const queue = (job: () => Promise<void>) =>
		(last = last.then(job).catch(() => {}));

	// For as long as promise() takes.
	const hold = (
		name: string, mode: LockMode, promise: () => Promise<void>,
	) =>
		locks.request(name, { mode, signal }, promise).catch(() => {});

	void hold(LEAD, 'exclusive', () => {
		leading = true;
		return new Promise((resolve) =>
			signal.addEventListener('abort', () => resolve()));
	});

	// Every tab that is looked at holds a share of a lock, for all to see.
	function see() {
		unsee();
		if (document.visibilityState === 'visible' && !signal.aborted)
			void hold(VISIBLE, 'shared', () =>
				new Promise((resolve) => (unsee = resolve)));
	}

	async function isLookedAt() {
		const { held } = await locks.query();
		return held!.some(({ name }) => name === VISIBLE);
	}

	function tell(item: Notification) {
		if (!leading || item.read || !filter(item))
			return;
		if (sound && navigator.userActivation?.hasBeenActive)
			void new Audio(sound).play().catch(() => {});
		void queue(() => show(item));
	}

	async function show(item: Notification) {
		if (signal.aborted ||
		    globalThis.Notification?.permission !== 'granted' ||
		    (await isLookedAt()) || !(await serviceWorker.getRegistration()))
			return;
		const url = item.link && safeLink(item.link, document.baseURI);
		const registration = await serviceWorker.ready;
		await registration.showNotification(item.title, {
			body: item.body ?? '',
			tag: `belfry-${item.id}`,
			data: { belfry: { id: item.id, link: url ? url.href : null } },
			...(icon ? { icon } : {}),
		});
	}

	// What is read or gone need not lie there.
	function withdraw(which: (id: number) => boolean) {
		if (!leading)
			return;
		void queue(async () => {
			const registration = await serviceWorker.getRegistration();
			for (const one of (await registration?.getNotifications()) ?? [])
				if (which(one.data?.belfry?.id))
					one.close();
		});
	}

	const stops = [
		store.on('created', tell),
		store.on('notification', (data) => {
			if (data.action === 'read' || data.action === 'deleted')
				withdraw((id) => id === data.notificationId);
			if (data.action === 'all-read')
				withdraw((id) => id <= data.through);
		}),
	];
	document.addEventListener('visibilitychange', see);
	see();
	return () => {
		end.abort();
		unsee();
		document.removeEventListener('visibilitychange', see);
		for (const stop of stops)
			stop();
	};
}
