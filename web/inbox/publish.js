// The form that sends a notification over REST, and the command that does the
// same with nothing but sqlite3.

import { insertCommand } from './text.js';

const BURST = 25;
const TIMEOUT_MS = 10000;
const at = (id) => document.getElementById(id);
const form = at('form');

// What is filled in; what is left empty has the server's default.
function filledIn() {
	const { priority, ...texts } = Object.fromEntries(new FormData(form));
	const given = Object.entries(texts).filter(([, text]) => text !== '');

	return { ...Object.fromEntries(given), priority: Number(priority) };
}

const COLUMNS = {
	userId: 'user_id', title: 'title', type: 'type', body: 'body', link: 'link',
	priority: 'priority',
};
const DEFAULTS = { type: 'info', priority: 3 };

function command(database) {
	const given = filledIn();
	const fields = Object.entries(COLUMNS)
		.filter(([name]) => given[name] !== undefined &&
			given[name] !== DEFAULTS[name])
		.map(([name, column]) => [column, given[name]]);

	return insertCommand(database, fields);
}

async function post(url, token, notifications) {
	const response = await fetch(url, {
		method: 'POST',
		signal: AbortSignal.timeout(TIMEOUT_MS),
		headers: {
			Authorization: `Bearer ${token}`,
			'Content-Type': 'application/json',
		},
		body: JSON.stringify(notifications),
	}).catch(() => {
		throw new Error('the server does not answer');
	});
	const answer = await response.json().catch(() => ({}));

	if (!response.ok)
		throw new Error(answer.detail ?? `the server answered ${response.status}`);
	return [answer].flat();
}

// `shownAt(id)`: when it was in a list of this page (performance.now()), or
// undefined.
async function send({ url, demo, shownAt }, count) {
	const one = filledIn();
	const all = Array.from({ length: count }, (_, i) =>
		({ ...one, title: `${one.title} (${i + 1})` }));
	const begin = performance.now();

	at('sent').dataset.failed = 'false';
	try {
		const made = await post(url, demo.publish, count > 1 ? all : one);
		const answered = performance.now() - begin;
		// The stream may be ahead of the answer, or a moment behind it.
		setTimeout(() => {
			const seen = shownAt(made.at(-1).id);
			const what = count > 1 ? `${count} sent` : `#${made[0].id} sent`;
			const ms = (time) => `${Math.max(1, Math.round(time))} ms`;
			at('sent').textContent = seen
				? `${what}, on the stream after ${ms(seen - begin)}`
				: `${what}, answered after ${ms(answered)}`;
		}, 100);
	} catch (error) {
		at('sent').dataset.failed = 'true';
		at('sent').textContent = `Not sent: ${error.message}.`;
	}
}

async function copy(code, button) {
	getSelection().selectAllChildren(code);
	try {
		await navigator.clipboard.writeText(code.textContent);
		button.textContent = 'Copied';
	} catch {
		button.textContent = 'Selected'; // not a secure context: by hand
	}
	setTimeout(() => (button.textContent = 'Copy'), 2000);
}

export function openForm(options) {
	const { demo } = options;
	const draw = () =>
		(at('command').textContent = command(demo.database ?? 'belfry.db'));

	at('to').append(
		...demo.users.map(({ user }) => new Option(user)),
		new Option('everyone', '*'),
	);
	draw();
	form.addEventListener('input', draw);
	form.addEventListener('submit', (event) => {
		event.preventDefault();
		void send(options, 1);
	});
	at('burst').addEventListener('click', () => {
		if (form.reportValidity())
			void send(options, BURST);
	});
	at('copy').addEventListener('click', () => copy(at('command'), at('copy')));
}
