// What must not type-check: each line below an expected error has one.

import { expect, test } from 'vitest';

import {
	createNotifications, type Frame, type Notification, type Notifications,
} from '../src/index.js';
import { useNotifications } from '../src/vue.js';

// Never called: the compiler is the test.
export function wrong(store: Notifications, item: Notification, frame: Frame) {
	// @ts-expect-error an option that is none
	createNotifications({ adress: '/n' });
	// @ts-expect-error a way to share that is none
	createNotifications({ sharing: 'sometimes' });
	// @ts-expect-error an event that is none
	store.on('message', () => {});
	// @ts-expect-error an id is a number
	void store.markAsRead('7');
	// @ts-expect-error the snapshot is not to be written to
	store.unreadCount = 3;
	// @ts-expect-error nor is what it holds
	item.title = 'x';
	// @ts-expect-error nor the list
	store.notifications.push(item);
	// @ts-expect-error `data` is unknown until it has been looked at
	item.data.run;
	// @ts-expect-error the body may be null
	item.body.length;
	store.on('close', ({ reason }) => {
		// @ts-expect-error not a reason of `close`
		reason === 'expired';
	});
	store.on('notification', (change) => {
		// @ts-expect-error only a `created` or `updated` has one
		change.notification;
		if (change.action === 'created')
			change.notification.title satisfies string;
		if (change.action === 'all-read')
			change.through satisfies number;
	});
	if (frame.event === 'reset')
		frame.data.latest satisfies string;
	// @ts-expect-error the event is not known yet
	frame.data.latest;
	// @ts-expect-error a ref, not a number
	useNotifications(store).unreadCount + 1;
}

test('types: checked by tsc', () => expect(wrong).toBeTypeOf('function'));
