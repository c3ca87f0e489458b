// What only the demonstration has: people to be, whose tokens lie in a file
// beside this page. The product has no such log-in; there the host application's
// own session cookie says who somebody is, and nothing of this is needed.

const WIDE = matchMedia('(min-width: 64rem)');

// { users: [{ user, token }], publish: a token, database }; rejects with words
// for a person.
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

// Room for several inboxes beside each other.
export const isWide = () => WIDE.matches;

// Whose inboxes the address names (#alice,bob); else as many as there is room
// for.
export function chosenPeople(users) {
	const named = decodeURIComponent(location.hash.slice(1)).split(',');
	const there = users.filter(({ user }) => named.includes(user));

	return there.length > 0 ? there : users.slice(0, isWide() ? 2 : 1);
}

export function rememberPeople(names) {
	const hash = names.map(encodeURIComponent).join(',');
	history.replaceState(null, '', `#${hash}`);
}
