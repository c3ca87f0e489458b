// The store of this page, as the query string wants it, for the test to ask.

import { createNotifications } from './kit/index.js';
import { notifyDesktop } from './kit/desktop.js';

const query = new URLSearchParams(location.search);

if (query.has('sw')) {
	const { serviceWorker } = navigator;
	await serviceWorker.register('sw.js', { type: 'module' });
	if (!serviceWorker.controller)
		await new Promise((resolve) =>
			serviceWorker.addEventListener('controllerchange', resolve));
}
window.store = createNotifications({
	sharing: query.get('sharing') ?? 'auto',
	user: query.get('user') ?? '',
	...(query.has('closeHidden')
		? { closeHiddenAfterMs: Number(query.get('closeHidden')) } : {}),
	...(query.has('headers') ? { headers: () => ({}) } : {}),
	...(query.has('token') ? {
		headers: () => ({ Authorization: `Bearer ${query.get('token')}` }),
		tickets: query.has('tickets'),
	} : {}),
});
window.told = [];
window.statuses = [];
window.store.on('status', ({ status }) => window.statuses.push(status));
window.store.on('created', ({ title }) => window.told.push(title));
if (query.has('desktop')) notifyDesktop(window.store, { sound: 'ding.wav' });
window.store.connect();
addEventListener('pageshow', ({ persisted }) => (window.thawed = persisted));
