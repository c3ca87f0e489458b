// <belfry-bell>: a bell with a badge, and the list behind it, for any page.
//
//   <script type="module" src="…/bell.js"></script>
//   <belfry-bell></belfry-bell>
//
// Attributes: url, user, sharing, page-size, align (start), theme (light, dark).
// Properties: store, to share one with other parts of the page, and texts. What
// comes from the server is put in as text, never as markup.

import { CSS } from './bell-style.js';
import {
	createNotifications, type Notification, type Notifications, type Options,
	type Snapshot,
} from './index.js';
import { relativeTime, safeLink } from './text.js';

const STEP = 50; // items per "more", and of those that are drawn at first
const CLOCK_MS = 30000;
const BELL =
	'M12 2a2 2 0 0 0-2 2v.3A6 6 0 0 0 6 10v4l-2 3v1h16v-1l-2-3v-4a6 6 0 0 ' +
	'0-4-5.7V4a2 2 0 0 0-2-2zm-2.5 17a2.5 2.5 0 0 0 5 0z';

export const TEXTS = {
	title: 'Notifications',
	label: (unread: number) =>
		unread ? `Notifications, ${unread} unread` : 'Notifications',
	unread: 'Unread: ',
	read: 'Mark read',
	unreadAgain: 'Mark unread',
	readAll: 'Mark all read',
	remove: 'Delete',
	more: 'Load more',
	loading: 'Loading…',
	empty: 'Nothing here yet.',
	arrived: (title: string) => `New notification: ${title}`,
	failed: (why: string) => `That did not work: ${why}`,
	connecting: 'Connecting…',
	disconnected: 'Not connected.',
	error: 'Not signed in.',
};
export type Texts = typeof TEXTS;

type Drawn = Map<number, { item: Notification; element: HTMLElement }>;

type Props = Record<string, string | boolean | null>;

// An element with attributes (null and false: none) and what is in it.
function make<T extends HTMLElement = HTMLElement>(
	name: string, props: Props = {}, ...children: (Node | string)[]
): T {
	const element = document.createElement(name) as T;

	for (const [key, value] of Object.entries(props))
		if (value !== null && value !== false)
			element.setAttribute(key, value === true ? '' : value);
	element.append(...children);
	return element;
}

function icon() {
	const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
	const path = document.createElementNS(svg.namespaceURI, 'path');

	svg.setAttribute('viewBox', '0 0 24 24');
	svg.setAttribute('aria-hidden', 'true');
	path.setAttribute('d', BELL);
	svg.append(path);
	return svg;
}

function setText(element: HTMLElement, text: string) {
	if (element.textContent !== text)
		element.textContent = text;
}

// On a server there is none, but the module may be imported.
const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;

export class BelfryBell extends Base {
	#store: Notifications | null = null;
	#texts: Texts = TEXTS;
	#leave: (() => void)[] = [];
	#shown = STEP;
	#drawn: Drawn = new Map();
	#frame = 0;
	#root = make('div', { class: 'root' });
	#badge = make('span', { part: 'badge', class: 'badge' });
	#button = make<HTMLButtonElement>('button', {
		type: 'button', part: 'button', class: 'bell',
		'aria-expanded': 'false', 'aria-controls': 'panel',
	});
	#heading = make('h2', { id: 'title', part: 'heading', tabindex: '-1' });
	#readAll = make<HTMLButtonElement>('button', {
		type: 'button', part: 'read-all',
	});
	#state = make('p', { part: 'state', class: 'state' });
	#problem = make('p', {
		part: 'problem', class: 'state', role: 'alert', hidden: true,
	});
	#list = make('ol', { part: 'list', role: 'list' });
	#empty = make('p', { part: 'empty', class: 'empty' });
	#more = make('button', { type: 'button', part: 'more', class: 'more' });
	#panel = make(
		'div',
		{
			id: 'panel', part: 'panel', class: 'panel', role: 'dialog',
			'aria-labelledby': 'title', hidden: true,
		},
	);
	#status = make('p', { role: 'status', class: 'unseen' });

	constructor() {
		super();
		const root = this.attachShadow({ mode: 'open' });
		const sheet = new CSSStyleSheet();

		// Not <style>: a strict policy would not let it.
		sheet.replaceSync(CSS);
		root.adoptedStyleSheets = [sheet];
		this.#button.append(icon(), this.#badge);
		this.#panel.append(
			make(
				'div', { class: 'head' }, this.#heading, this.#readAll, this.#state,
				this.#problem,
			),
			this.#list, this.#empty, this.#more,
		);
		this.#root.append(this.#button, this.#panel, this.#status);
		root.append(this.#root);
		this.#button.onclick = () => (this.open = !this.open);
		this.#readAll.onclick = () => {
			this.#try(this.store.markAllAsRead());
			this.#heading.focus();
		};
		this.#more.onclick = () => {
			this.#shown += STEP;
			if (this.#shown > this.store.notifications.length)
				this.#try(this.store.loadMore());
			this.#draw();
		};
		this.#root.onkeydown = (event) => this.#key(event);
	}

	/** The one of this bell, or one that the page gives it. */
	get store(): Notifications {
		return (this.#store ??= createNotifications(this.#options()));
	}

	set store(store: Notifications) {
		this.#store = store;
		if (this.isConnected) {
			this.disconnectedCallback();
			this.connectedCallback();
		}
	}

	/** Those that are given replace the English ones. */
	get texts(): Texts {
		return this.#texts;
	}

	set texts(texts: Partial<Texts>) {
		this.#texts = { ...TEXTS, ...texts };
		for (const { element } of this.#drawn.values())
			element.remove();
		this.#drawn.clear();
		this.#drawSoon();
	}

	get open(): boolean {
		return !this.#panel.hidden;
	}

	set open(open: boolean) {
		if (open === this.open)
			return;
		this.#panel.hidden = !open;
		this.#button.setAttribute('aria-expanded', String(open));
		this.#shown = STEP;
		this.#draw();
		if (open)
			this.#heading.focus();
	}

	connectedCallback() {
		const { store } = this;
		const outside = (event: Event) => {
			if (!event.composedPath().includes(this))
				this.open = false;
		};
		const clock = setInterval(() => this.#drawSoon(), CLOCK_MS);

		document.addEventListener('pointerdown', outside);
		this.#leave = [
			store.subscribe(() => this.#drawSoon()),
			store.on('created', ({ title }) =>
				setText(this.#status, this.#texts.arrived(title.slice(0, 200)))),
			() => document.removeEventListener('pointerdown', outside),
			() => clearInterval(clock),
		];
		this.#draw();
	}

	disconnectedCallback() {
		cancelAnimationFrame(this.#frame);
		this.#frame = 0;
		for (const leave of this.#leave.splice(0))
			leave();
	}

	#options(): Options {
		const size = Number(this.getAttribute('page-size'));
		const options: Record<string, unknown> = size ? { pageSize: size } : {};

		for (const name of ['url', 'user', 'sharing'])
			if (this.hasAttribute(name))
				options[name] = this.getAttribute(name);
		return options;
	}

	#key(event: KeyboardEvent) {
		const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];

		if (event.key === 'Escape' && this.open) {
			this.open = false;
			this.#button.focus();
		} else if (step && this.open) {
			const items = [...this.#list.children] as HTMLElement[];
			const at = items.findIndex((item) =>
				item.contains(this.shadowRoot!.activeElement));
			const next = at + step;
			if (next < 0)
				this.#heading.focus();
			else
				items[next]?.querySelector('button')!.focus();
		} else {
			return;
		}
		event.preventDefault();
	}

	// Nothing is lost when a request fails but what was wanted: so it is said.
	#try(done: Promise<unknown>) {
		this.#problem.hidden = true;
		done.catch(({ message }: Error) => {
			setText(this.#problem, this.#texts.failed(message));
			this.#problem.hidden = false;
		});
	}

	// Once a frame; a hidden page has none, and shows nothing either.
	#drawSoon() {
		this.#frame ||= requestAnimationFrame(() => this.#draw());
	}

	#draw() {
		const now = this.store.getSnapshot();
		const { unreadCount, isLoading, hasMore, notifications } = now;
		const texts = this.#texts;

		cancelAnimationFrame(this.#frame);
		this.#frame = 0;
		this.#button.setAttribute('aria-label', texts.label(unreadCount));
		this.#button.dataset['status'] = now.connectionStatus;
		this.#badge.hidden = unreadCount === 0;
		setText(this.#badge, unreadCount > 99 ? '99+' : String(unreadCount));
		if (!this.open)
			return;
		setText(this.#heading, texts.title);
		setText(this.#readAll, texts.readAll);
		setText(this.#more, texts.more);
		setText(this.#empty, isLoading ? texts.loading : texts.empty);
		this.#readAll.disabled = unreadCount === 0;
		this.#empty.hidden = notifications.length > 0;
		this.#more.hidden = !(hasMore || notifications.length > this.#shown);
		this.#drawState(now);
		this.#drawList(notifications.slice(0, this.#shown));
	}

	#drawState({ connectionStatus, isConnected }: Snapshot) {
		const texts = { ...this.#texts, connected: '' };

		setText(this.#state, texts[connectionStatus]);
		this.#state.hidden = isConnected;
	}

	#drawList(items: Notification[]) {
		const now = Date.now();
		const wanted: Drawn = new Map();

		for (const item of items) {
			const known = this.#drawn.get(item.id);
			const element = known?.item === item
				? known.element
				: this.#fill(item, known?.element);
			const time = element.querySelector('time')!;
			setText(
				time,
				relativeTime(item.createdAt, now, this.#language()),
			);
			wanted.set(item.id, { item, element });
		}
		for (const [id, { element }] of this.#drawn)
			if (!wanted.has(id))
				this.#drop(element);
		this.#drawn = wanted;
		let place = this.#list.firstElementChild;
		for (const { element } of wanted.values())
			if (element === place)
				place = place.nextElementSibling;
			else
				this.#list.insertBefore(element, place);
	}

	#language() {
		return this.closest<HTMLElement>('[lang]')?.lang || undefined;
	}

	// In the element that is there, so that the focus stays where it is.
	#fill(item: Notification, element = this.#item(item.id)) {
		const texts = this.#texts;
		const url = item.link ? safeLink(item.link, document.baseURI) : null;
		const [title, body] = element.children as unknown as HTMLElement[];
		const words = make('bdi', {}, item.title);
		const mark = make('span', { class: 'unseen' }, texts.unread);

		element.dataset['read'] = String(item.read);
		element.dataset['type'] = item.type;
		element.dataset['priority'] = String(item.priority);
		title!.replaceChildren(
			...(item.read ? [] : [mark]),
			url ? this.#link(item, url, words) : words,
		);
		setText(body!, item.body ?? '');
		body!.hidden = !item.body;
		element.querySelector('time')!.dateTime = item.createdAt;
		const [toggle, remove] = element.querySelectorAll('button');
		setText(toggle!, item.read ? texts.unreadAgain : texts.read);
		setText(remove!, texts.remove);
		return element;
	}

	#item(id: number) {
		const title = `title-${id}`;
		const button = (part: string) => make<HTMLButtonElement>('button', {
			type: 'button', part, 'aria-describedby': title,
		});
		const toggle = button('toggle');
		const remove = button('remove');
		const element = make(
			'li', { part: 'item' },
			make('h3', { id: title, part: 'title' }),
			make('p', { part: 'body', class: 'body', dir: 'auto' }),
			make(
				'div', { class: 'foot' }, make('time', { part: 'time' }),
				make('span', {}, toggle, remove),
			),
		);

		toggle.onclick = () =>
			this.#try(element.dataset['read'] === 'true'
				? this.store.markAsUnread(id)
				: this.store.markAsRead(id));
		remove.onclick = () => this.#try(this.store.remove(id));
		return element;
	}

	#link(item: Notification, url: URL, words: HTMLElement) {
		const link = make('a', { href: url.href, part: 'link' }, words);

		// Read is what was gone to. The page may take it into its own hands.
		link.onclick = (event) => {
			const go = this.dispatchEvent(
				new CustomEvent('belfry-open', {
					detail: item, bubbles: true, composed: true,
					cancelable: true,
				}),
			);
			if (!go)
				event.preventDefault();
			if (!item.read)
				this.#try(this.store.markAsRead(item.id));
		};
		return link;
	}

	// The focus goes to the same button of the neighbour, not to nowhere.
	#drop(element: HTMLElement) {
		const focused = this.shadowRoot!.activeElement;
		const neighbour =
			element.nextElementSibling ?? element.previousElementSibling;

		if (focused && element.contains(focused)) {
			const part = focused.getAttribute('part');
			const next = neighbour?.querySelector<HTMLElement>(
				`button[part="${part}"]`,
			);
			(next ?? this.#heading).focus();
		}
		element.remove();
	}
}

if (globalThis.customElements && !customElements.get('belfry-bell'))
	customElements.define('belfry-bell', BelfryBell);

declare global {
	interface HTMLElementTagNameMap {
		'belfry-bell': BelfryBell;
	}
}
