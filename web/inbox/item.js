// One notification of a list. What comes from the server is put in as text,
// never as markup.

import { relativeTime, safeLink } from './kit/text.js';

const template = document.getElementById('item-template');
// Of a type that has none there is an "i"; see inbox.css.
const KINDS = {
	success: 'good', build: 'good',
	warning: 'wait', maintenance: 'wait',
	error: 'bad', alert: 'bad',
};

export function setText(element, text) {
	if (element.textContent !== text)
		element.textContent = text;
	element.hidden = text === '';
}

// `act`: { toggle(id, read), remove(id), loadWhole(id) }
export function createItem(id, owner, act) {
	const element = template.content.firstElementChild.cloneNode(true);
	const title = element.querySelector('.title');
	const whole = element.querySelector('.whole');
	const toggle = element.querySelector('.toggle');
	const remove = element.querySelector('.delete');

	element.dataset.id = id;
	title.id = `title-${owner}-${id}`;
	for (const button of [toggle, remove, whole])
		button.setAttribute('aria-describedby', title.id);
	label(remove, 'Delete');
	toggle.addEventListener('click', () =>
		act.toggle(id, element.dataset.read !== 'true'));
	remove.addEventListener('click', () => act.remove(id));
	whole.addEventListener('click', async () => {
		if (whole.dataset.cut === 'true')
			await act.loadWhole(id);
		const open = element.classList.toggle('open');
		whole.setAttribute('aria-expanded', open);
		whole.textContent = open ? 'Show less' : 'Show all';
	});
	return element;
}

function label(button, text) {
	button.setAttribute('aria-label', text);
	button.title = text;
}

export function fillItem(element, item) {
	const part = (name) => element.querySelector(`.${name}`);
	const link = item.link === null
		? null
		: safeLink(item.link, document.baseURI);

	element.dataset.read = item.read;
	element.dataset.kind = KINDS[item.type] ?? 'info';
	element.dataset.priority = item.priority;
	element.querySelector('.title bdi').textContent = item.title;
	setText(part('body'), item.body ?? '');
	setText(part('type'), item.type);
	setText(part('priority'), `priority ${item.priority}`);
	part('mark').hidden = item.read;
	part('broadcast').hidden = !item.broadcast;
	part('link').hidden = link === null;
	if (link !== null) {
		const anchor = element.querySelector('a');
		anchor.href = link.href;
		anchor.textContent = link.origin === location.origin
			? link.pathname + link.search + link.hash
			: link.href;
	}
	const time = element.querySelector('time');
	time.dateTime = item.createdAt;
	time.title = new Date(item.createdAt).toLocaleString();
	label(part('toggle'), item.read ? 'Mark unread' : 'Mark read');
	part('whole').dataset.cut = item.truncated === true;
}

export function drawTimes(elements, now) {
	for (const element of elements) {
		const time = element.querySelector('time');
		setText(time, relativeTime(time.dateTime, now, 'en'));
	}
}

// Long texts are cut by the style sheet; that shows only when they are laid
// out. All reading before all writing, so that it is one layout.
export function offerWhole(elements) {
	const found = elements
		.filter((element) => !element.classList.contains('open'))
		.map((element) => {
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
