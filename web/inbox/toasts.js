// What has just come, in a corner, for a moment. Screen readers are told by the
// bells, so these are only for the eye, the mouse and the keyboard.

const SHOWN = 3;
const SHOWN_MS = 6000;
const AT_ONCE = 3; // of one person in one go: more are one toast
const root = document.getElementById('toasts');
const template = document.getElementById('toast-template');
const shown = new Map(); // key -> element
const waiting = new Map(); // user -> { person, items }

// `onOpen(user, id)`: a person wants to see it.
export function toast(person, item, onOpen) {
	const { items } = waiting.get(person.user) ?? { items: [] };

	items.push(item);
	if (items.length > 1)
		return;
	waiting.set(person.user, { person, items });
	// What comes in one go is known after one turn.
	setTimeout(() => {
		waiting.delete(person.user);
		if (items.length > AT_ONCE)
			show(`many-${person.user}`, person, items.at(-1), onOpen,
				`${items.length} new notifications`);
		else
			for (const one of items)
				show(one.id, person, one, onOpen, one.title);
	}, 50);
}

function show(key, person, item, onOpen, title) {
	const known = shown.get(key);
	const avatar = document.createElement('span');

	avatar.className = 'avatar';
	avatar.dataset.look = person.look;
	avatar.textContent = person.initial;
	// A broadcast is one toast, whoever sees it.
	if (known?.dataset.broadcast === 'true') {
		known.querySelector('.avatars').append(avatar);
		return;
	}
	const element = template.content.firstElementChild.cloneNode(true);
	const text = element.querySelector('.toast-text');
	element.dataset.broadcast = item.broadcast && typeof key === 'number';
	element.dataset.priority = item.priority;
	element.querySelector('.avatars').append(avatar);
	text.querySelector('b').textContent = title;
	text.querySelector('span').textContent =
		title === item.title ? item.body ?? '' : `the last: ${item.title}`;
	text.setAttribute('aria-label', `Show: ${title.slice(0, 200)}`);
	text.addEventListener('click', () => {
		onOpen(person.user, item.id);
		remove(key, element);
	});
	element.querySelector('.toast-close').addEventListener('click', () =>
		remove(key, element));
	known?.remove();
	shown.delete(key);
	shown.set(key, element);
	root.append(element);
	for (const [oldest, one] of shown)
		if (shown.size > SHOWN)
			remove(oldest, one);
	leaveSoon(key, element);
}

// Not while somebody reads it; an urgent one stays until it is dismissed.
function leaveSoon(key, element) {
	if (element.dataset.priority === '5')
		return;
	const later = () => {
		if (element.matches(':hover, :focus-within'))
			setTimeout(later, 1000);
		else
			remove(key, element);
	};
	setTimeout(later, SHOWN_MS);
}

function remove(key, element) {
	if (shown.get(key) === element)
		shown.delete(key);
	element.remove();
}

// Signed out, or not looked at any more.
export function clearToasts() {
	for (const [key, element] of shown)
		remove(key, element);
}
