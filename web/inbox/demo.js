// What only the demonstration has: people to be, whose session secrets lie in a
// file beside this page. The product has no such log-in; there the host
// application's own session cookie says who somebody is.

import { insertCommand } from './text.js';

const COOKIE = 'belfry_session';

// { users: [{ user, session }], database }; rejects with words for a person.
export async function loadDemo() {
	let demo;

	try {
		const response = await fetch('demo-users.json', { cache: 'no-store' });
		demo = await response.json();
	} catch {
		throw new Error(
			'There is no demo-users.json beside this page. ' +
			'Start it with “make run”.',
		);
	}
	if (!Array.isArray(demo?.users) || demo.users.length === 0)
		throw new Error('demo-users.json names no users.');
	return demo;
}

// The one whose cookie is there, else the first.
export function currentUser({ users }) {
	const cookies = document.cookie.split('; ');
	return users.find(({ session }) =>
		cookies.includes(`${COOKIE}=${session}`)) ?? users[0];
}

export function becomeUser({ session }) {
	document.cookie = `${COOKIE}=${session}; path=/; SameSite=Lax`;
}

// The cookie is the browser's, not the tab's: all tabs follow.
export function shareChoice(onChosen) {
	const channel = new BroadcastChannel('belfry-demo-user');
	channel.addEventListener('message', ({ data }) => onChosen(data));
	return (user) => channel.postMessage(user);
}

// The commands that make something happen for `user`, as [label, command].
export function commands({ database }, user) {
	return [
		[`For ${user}`, insertCommand(database, user, 'Build finished')],
		['For everyone', insertCommand(database, '*', 'Lunch is ready')],
	];
}
