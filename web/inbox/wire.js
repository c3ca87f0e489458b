// The streams as they come, frame by frame, in the words of the wire; and what
// becomes of the connections, as comments between them. The last ones only.

const KEPT = 200;
const LONGEST = 2000; // characters of data that are shown
const at = (id) => document.getElementById(id);
const log = at('wire-log');
let paused = false;
let count = 0;
let who = '';

function field(name, text) {
	const line = document.createElement('div');
	const label = document.createElement('span');

	label.className = 'field-name';
	label.textContent = `${name}: `;
	line.append(label, text);
	return line;
}

function append(person, className, lines) {
	// Who has scrolled up reads there.
	const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 40;
	const element = document.createElement('div');
	const head = document.createElement('div');
	const time = new Date().toISOString().slice(11, 23);

	element.className = `frame ${className}`;
	element.dataset.user = person.user;
	element.dataset.look = person.look;
	element.hidden = who !== '' && who !== person.user;
	head.className = 'frame-head';
	head.append(`${person.user} · ${time}`);
	element.append(head, ...lines);
	log.append(element);
	while (log.childElementCount > KEPT)
		log.firstElementChild.remove();
	if (atEnd)
		log.scrollTop = log.scrollHeight;
}

function takeFrame(person, { event, id, data }) {
	const text = JSON.stringify(data);
	const cut = text.length > LONGEST
		? `${text.slice(0, LONGEST)}… (${text.length} characters)`
		: text;

	at('wire-count').textContent =
		`${++count} event${count === 1 ? '' : 's'}`;
	if (!paused)
		append(person, event, [
			field('event', event),
			...(id ? [field('id', id)] : []),
			field('data', cut),
		]);
}

function takeStatus(person, { status, retryAt, reason }) {
	if (paused || status === 'connected')
		return;
	const seconds = Math.ceil((retryAt - Date.now()) / 1000);
	const text = [
		`: ${status}`,
		...(reason === null ? [] : [`(${reason})`]),
		...(retryAt === null ? [] : [`next try in ${seconds} s`]),
	].join(' ');

	append(person, 'comment', [text]);
}

// Returns what ends it.
export function watch(person, store) {
	const leave = [
		store.on('frame', (frame) => takeFrame(person, frame)),
		store.on('status', (status) => takeStatus(person, status)),
	];
	return () => leave.forEach((stop) => stop());
}

function choose(user) {
	who = user;
	for (const frame of log.children)
		frame.hidden = who !== '' && who !== frame.dataset.user;
	log.scrollTop = log.scrollHeight;
}

export function openWire({ users }) {
	at('wire-who').append(
		new Option('All', ''), ...users.map(({ user }) => new Option(user)),
	);
	at('wire-who').addEventListener('change', ({ target }) =>
		choose(target.value));
	at('wire-clear').addEventListener('click', () => log.replaceChildren());
	at('wire-pause').addEventListener('click', ({ currentTarget }) => {
		paused = !paused;
		currentTarget.setAttribute('aria-pressed', paused);
		currentTarget.textContent = paused ? 'Go on' : 'Pause';
	});
}

// It was hidden, and is looked at.
export function wireShown() {
	log.scrollTop = log.scrollHeight;
}
