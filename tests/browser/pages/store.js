// The store of this page, as the query string wants it, for the test to ask.

import { createNotifications } from './kit/index.js';

const query = new URLSearchParams(location.search);

window.store = createNotifications({
	sharing: query.get('sharing') ?? 'auto',
	user: query.get('user') ?? '',
	...(query.has('headers') ? { headers: () => ({}) } : {}),
});
window.told = [];
window.store.on('created', ({ title }) => window.told.push(title));
window.store.connect();
addEventListener('pageshow', ({ persisted }) => (window.thawed = persisted));
