// The page of `make run`: inboxes beside each other, a form that sends, and the
// streams as they come, on the kit as it is built. Each person has a store of
// their own, by a token; tabs share the streams.

import { createNotifications } from './kit/index.js';
import './kit/bell.js';
import {
	chosenPeople, isWide, loadDemo, rememberPeople,
} from './demo.js';
import { setText } from './item.js';
import { Pane } from './pane.js';
import { openForm } from './publish.js';
import { clearToasts, toast } from './toasts.js';
import { openWire, watch, wireShown } from './wire.js';

const CLOCK_MS = 1000;
const REMEMBERED = 200;
const TITLE = document.title;
const url = document.body.dataset.api;
const at = (id) => document.getElementById(id);
const panes = new Map(); // user -> { pane, stop }
const people = new Map(); // user -> { user, token, look, initial, button }
const arrived = new Map(); // id -> when the stream told of it
let current = ''; // whose pane is shown where there is room for one

function rememberArrival({ id }) {
	if (!arrived.has(id))
		arrived.set(id, performance.now());
	if (arrived.size > REMEMBERED)
		arrived.delete(arrived.keys().next().value);
}

function open(person) {
	const { user, token } = person;
	const store = createNotifications({
		url, user, pageSize: 100,
		headers: () => ({ Authorization: `Bearer ${token}` }),
	});
	const pane = new Pane({ person, store, onChange: drawCounts });
	const leave = [
		watch(person, store),
		store.on('created', (item) => {
			rememberArrival(item);
			toast(person, item, reveal);
		}),
	];

	panes.set(user, {
		pane,
		stop() {
			for (const one of leave)
				one();
			pane.stop();
		},
	});
	// In the order of the people, whoever was chosen first.
	const later = [...people.keys()]
		.slice([...people.keys()].indexOf(user) + 1)
		.map((name) => panes.get(name)?.pane.element)
		.find((element) => element);
	at('panes').insertBefore(pane.element, later ?? null);
	pane.start();
}

function close(user) {
	panes.get(user).stop();
	panes.delete(user);
	clearToasts();
}

// Beside each other where there is room; else the one that is chosen is shown,
// and those before stay connected.
function choose(user) {
	const wasShown = isWide() || current === user;

	if (!panes.has(user)) {
		open(people.get(user));
		current = user;
	} else if (!wasShown) {
		current = user;
	} else if (isWide() && panes.size > 1) {
		close(user);
		if (current === user)
			current = panes.keys().next().value;
	}
	show('inbox');
	rememberPeople([...panes.keys()]);
	drawPeople();
}

function reveal(user, id) {
	if (!panes.has(user))
		return;
	current = user;
	show('inbox');
	drawPeople();
	panes.get(user).pane.reveal(id);
}

function show(view) {
	document.body.dataset.view = view;
	for (const button of document.querySelectorAll('.views button'))
		if (button.dataset.view === view)
			button.setAttribute('aria-current', 'true');
		else
			button.removeAttribute('aria-current');
	if (view === 'wire')
		wireShown();
}

function drawPeople() {
	const alone = !isWide();

	at('panes').dataset.count = panes.size;
	for (const { button, user } of people.values())
		button.setAttribute('aria-pressed',
			alone ? user === current : panes.has(user));
	for (const [user, { pane }] of panes)
		pane.element.classList.toggle('current', user === current);
	drawCounts();
}

function drawCounts() {
	let sum = 0;

	for (const { user, button } of people.values()) {
		const unread = panes.get(user)?.pane.store.unreadCount ?? 0;
		const badge = button.querySelector('.badge');
		badge.hidden = unread === 0;
		badge.querySelector('.number').textContent =
			unread > 99 ? '99+' : unread;
		sum += unread;
	}
	document.title = sum > 0 ? `(${sum}) ${TITLE}` : TITLE;
}

function addPerson({ user, token }, i) {
	const button = at('person-template').content
		.firstElementChild.cloneNode(true);
	const person = {
		user, token, button, look: i % 3, initial: user[0].toUpperCase(),
	};

	button.dataset.look = person.look;
	button.querySelector('.avatar').textContent = person.initial;
	button.querySelector('.name').textContent = user;
	button.addEventListener('click', () => choose(user));
	people.set(user, person);
	at('people').append(button);
}

async function main() {
	let demo;

	try {
		demo = await loadDemo();
	} catch (error) {
		setText(at('problem'), error.message);
		return;
	}
	demo.users.forEach(addPerson);
	openForm({ url, demo, shownAt: (id) => arrived.get(id) });
	openWire(demo);
	for (const { user } of chosenPeople(demo.users))
		open(people.get(user));
	current = panes.keys().next().value;
	drawPeople();
	document.querySelector('.views').addEventListener('click', ({ target }) => {
		const button = target.closest('button');
		if (button)
			show(button.dataset.view);
	});
	addEventListener('resize', () => {
		drawPeople();
		for (const { pane } of panes.values())
			pane.resized();
	});
	setInterval(() => {
		for (const { pane } of panes.values())
			pane.tick();
	}, CLOCK_MS);
}

void main();
