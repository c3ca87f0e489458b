// The inbox page: draws what the client knows, and hands on what a person does.
// Whatever comes from the server is put in as text, never as markup.

import { InboxClient } from './client.js';
import {
	becomeUser, commands, currentUser, loadDemo, shareChoice,
} from './demo.js';
import { relativeTime, safeLink } from './text.js';

const SHOWN = 200;
const SHOWN_STEP = 50;
const CLOCK_MS = 1000;
const TITLE = document.title;
const REASONS = {
	401: 'signed out',
	403: 'not allowed',
	429: 'too many requests',
	503: 'server busy',
	evicted: 'too many open tabs',
	lifetime: 'stream renewed',
	refused: 'server busy',
	shutdown: 'server restarting',
	silence: 'no sign of life',
};

const at = (id) => document.getElementById(id);
const page = Object.fromEntries(
	[
		'announcer', 'badge', 'badge-count', 'command-template', 'commands',
		'connection', 'connection-text', 'empty', 'item-template', 'list',
		'more', 'problem', 'read-all', 'retry', 'summary', 'try',
		'try-details', 'user',
	].map((id) => [id, at(id)]),
);

let client = null;
let shown = SHOWN;
let drawn = new Map(); // id -> { element, notification, read }
let arrived = [];
let frame = null; // the next draw() …
let timer = null; // … in a hidden tab

// ---- one notification

function setText(element, text) {
	element.textContent = text;
	element.hidden = text === '';
}

function itemOf(id) {
	const element = page['item-template'].content
		.firstElementChild.cloneNode(true);
	const [toggle, del] = element.querySelectorAll('.actions button');
	const title = element.querySelector('.title');
	const whole = element.querySelector('.whole');

	element.dataset.id = id;
	title.id = `title-${id}`;
	toggle.setAttribute('aria-describedby', title.id);
	del.setAttribute('aria-describedby', title.id);
	whole.setAttribute('aria-describedby', title.id);
	toggle.addEventListener('click', () =>
		attempt(client.setRead(id, element.dataset.read !== 'true')));
	del.addEventListener('click', () => attempt(client.remove(id)));
	whole.addEventListener('click', () => showWhole(id, element, whole));
	return element;
}

function fillItem(element, { notification: n, read }) {
	const part = (name) => element.querySelector(`.${name}`);
	const link = n.link === null ? null : safeLink(n.link, document.baseURI);

	element.dataset.read = read;
	element.dataset.type = n.type;
	element.dataset.priority = n.priority;
	element.querySelector('.title bdi').textContent = n.title;
	setText(part('body'), n.body ?? '');
	setText(part('type'), n.type);
	part('mark').hidden = read;
	part('priority').textContent = `priority ${n.priority}`;
	part('broadcast').hidden = !n.broadcast;
	part('link').hidden = link === null;
	if (link !== null) {
		const anchor = element.querySelector('a');
		anchor.href = link.href;
		anchor.textContent =
			link.origin === location.origin
				? link.pathname + link.search + link.hash
				: link.href;
	}
	const time = element.querySelector('time');
	time.dateTime = n.createdAt;
	time.title = new Date(n.createdAt).toLocaleString();
	part('toggle').textContent = read ? 'Mark unread' : 'Mark read';
	part('whole').dataset.cut = n.truncated === true;
}

// Long texts are cut by the style sheet; that shows only when they are laid
// out. All reading before all writing, so that it is one layout.
function offerWhole(items) {
	const found = items
		.filter(({ element }) => !element.classList.contains('open'))
		.map(({ element }) => {
			const whole = element.querySelector('.whole');
			const cut = ['.title', '.body'].some((name) => {
				const { scrollHeight, clientHeight } =
					element.querySelector(name);
				return scrollHeight > clientHeight + 1;
			});
			return [whole, cut || whole.dataset.cut === 'true'];
		});

	for (const [whole, offered] of found)
		whole.hidden = !offered;
}

async function showWhole(id, element, whole) {
	if (whole.dataset.cut === 'true')
		await attempt(client.loadWhole(id));
	const open = element.classList.toggle('open');
	whole.setAttribute('aria-expanded', open);
	whole.textContent = open ? 'Show less' : 'Show all';
}

// ---- the list

function drawList(items) {
	const wanted = new Map();
	const fresh = [];

	for (const item of items) {
		const { id } = item.notification;
		const known = drawn.get(id);
		const same = known && known.read === item.read &&
			known.notification === item.notification;
		const element = known?.element ?? itemOf(id);
		if (!same)
			fillItem(element, item);
		if (known?.notification !== item.notification)
			fresh.push({ element });
		wanted.set(id, { ...item, element });
	}
	for (const [id, { element }] of drawn)
		if (!wanted.has(id))
			removeItem(element);
	let place = page.list.firstElementChild;
	for (const { element } of wanted.values()) {
		if (element === place)
			place = place.nextElementSibling;
		else
			page.list.insertBefore(element, place);
	}
	drawn = wanted;
	drawTimes(fresh);
	offerWhole(fresh);
}

// The focus goes to the same button of the neighbour, not to nowhere.
function removeItem(element) {
	const focused = document.activeElement;
	const neighbour = element.nextElementSibling ??
		element.previousElementSibling;

	if (element.contains(focused)) {
		const name = [...focused.classList].find(
			(n) => n === 'toggle' || n === 'delete');
		const next = name && neighbour?.querySelector(`.${name}`);
		(next ?? page.summary).focus();
	}
	element.remove();
}

function drawTimes(items) {
	const now = Date.now();

	for (const { element } of items) {
		const time = element.querySelector('time');
		const text = relativeTime(time.dateTime, now);
		if (time.textContent !== text)
			time.textContent = text;
	}
}

// ---- around the list

function drawCounts({ unreadCount, list, loaded, hasMore }) {
	page.badge.hidden = unreadCount === 0;
	page['badge-count'].textContent = unreadCount > 999 ? '999+' : unreadCount;
	document.title = unreadCount > 0 ? `(${unreadCount}) ${TITLE}` : TITLE;
	page.summary.textContent = !loaded
		? 'Loading…'
		: unreadCount === 0 ? 'All read' : `${unreadCount} unread`;
	page['read-all'].disabled = unreadCount === 0;
	page.empty.hidden = !loaded || list.length > 0;
	page.more.hidden = !(hasMore || list.length > shown);
}

function drawConnection({ status, retryAt, reason }) {
	const why = REASONS[reason] ? ` (${REASONS[reason]})` : '';
	const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
	const text = {
		connecting: 'Connecting…',
		connected: 'Connected',
		disconnected: `Disconnected${why}, next try in ${seconds} s`,
		error: `Stopped${why}`,
	}[status];

	if (page.connection.dataset.status !== status) {
		page.connection.dataset.status = status;
		if (status === 'error')
			announce(`Connection stopped${why}`);
	}
	if (page['connection-text'].textContent !== text)
		page['connection-text'].textContent = text;
	page.retry.hidden = status !== 'disconnected' && status !== 'error';
}

function draw() {
	cancelAnimationFrame(frame);
	clearTimeout(timer);
	frame = timer = null;
	const now = client.snapshot;
	const news = arrived.splice(0);
	drawList(now.list.slice(0, shown));
	drawCounts(now);
	drawConnection(now);
	if (news.length === 0)
		return;
	for (const { id } of news)
		drawn.get(id)?.element.classList.add('new');
	const last = news.at(-1).title.slice(0, 200);
	announce(news.length === 1
		? `New notification: ${last}`
		: `${news.length} new notifications, the last: ${last}`);
}

// Once a frame; a hidden tab has no frames, but its title counts on.
function drawSoon() {
	if (document.visibilityState === 'visible')
		frame ??= requestAnimationFrame(draw);
	else
		timer ??= setTimeout(draw);
}

function announce(text) {
	page.announcer.textContent = text;
}

// Nothing is lost when a request fails but what was wanted: so it is said.
async function attempt(promise) {
	page.problem.hidden = true;
	try {
		await promise;
	} catch (error) {
		setText(page.problem, `That did not work: ${error.message}`);
	}
}

// ---- who

function open(demo, user) {
	client?.stop();
	becomeUser(user);
	page.user.value = user.user;
	drawn = new Map();
	arrived = [];
	shown = SHOWN;
	page.list.replaceChildren();
	page.problem.hidden = true;
	announce('');
	showCommands(demo, user.user);
	client = new InboxClient({
		base: document.body.dataset.api,
		listener: (created) => {
			arrived.push(...created);
			drawSoon();
		},
	});
	client.start();
	draw();
}

function showCommands(demo, user) {
	page.try.hidden = !demo.database;
	if (!demo.database)
		return;
	page.commands.replaceChildren(
		...commands(demo, user).map(([label, command]) => {
			const element = page['command-template'].content
				.firstElementChild.cloneNode(true);
			const button = element.querySelector('button');
			const code = element.querySelector('code');
			element.querySelector('h3').textContent = label;
			code.textContent = command;
			button.setAttribute('aria-label', `Copy the command: ${label}`);
			button.addEventListener('click', () => copy(code, button));
			return element;
		}),
	);
}

async function copy(code, button) {
	getSelection().selectAllChildren(code);
	try {
		await navigator.clipboard.writeText(code.textContent);
		button.textContent = 'Copied';
	} catch {
		button.textContent = 'Selected'; // not a secure context: by hand
	}
}

async function main() {
	let demo;

	try {
		demo = await loadDemo();
	} catch (error) {
		setText(page.problem, error.message);
		page.summary.textContent = 'Nobody to be';
		return;
	}
	const choose = (name) => {
		const user = demo.users.find((one) => one.user === name);
		if (user)
			open(demo, user);
	};
	const tellOthers = shareChoice(choose);
	page.user.append(...demo.users.map(({ user }) => new Option(user)));
	page.user.disabled = false;
	page.user.addEventListener('change', () => {
		choose(page.user.value);
		tellOthers(page.user.value);
	});
	page['read-all'].addEventListener('click', () =>
		attempt(client.readAll()));
	// Signed out: the demo may have been started anew, with new sessions.
	page.retry.addEventListener('click', () =>
		client.snapshot.status === 'error'
			? location.reload()
			: client.retryNow());
	page.more.addEventListener('click', () => {
		shown += SHOWN_STEP;
		drawSoon();
		attempt(client.loadMore());
	});
	page['try-details'].open = matchMedia('(min-width: 64rem)').matches;
	document.addEventListener('visibilitychange', drawSoon);
	addEventListener('resize', () => offerWhole([...drawn.values()]));
	setInterval(() => {
		drawConnection(client.snapshot);
		drawTimes(drawn.values());
	}, CLOCK_MS);
	open(demo, currentUser(demo));
}

main();
