// One person's inbox: their connection, their bell, their list with its filters.
// Of the list one page is in the document, however many are loaded.

import { connectionLine } from './connection.js';
import { EVERYTHING, filterItems, isFiltered, typesOf } from './filter.js';
import {
	createItem, drawTimes, fillItem, offerWhole, setText,
} from './item.js';

const PAGE = 50; // notifications in the document
const SEARCH_PAGES = 5; // loaded for one click on "Older", when filtered
const template = document.getElementById('pane-template');

export class Pane {
	#filter = { ...EVERYTHING };
	#page = 0;
	#drawn = new Map(); // id -> { element, item }
	#fresh = new Set(); // ids that have just come
	#frame = null; // the next draw() …
	#timer = null; // … in a hidden tab
	#leave = [];
	#drawConnection;

	// `person`: { user, look, initial }; `onChange` after each drawing.
	constructor({ person, store, onChange }) {
		// Imported, so that the bell in it is one before it is on the page.
		const element = document.importNode(template.content, true)
			.firstElementChild;
		const { user, look, initial } = person;

		this.user = user;
		this.store = store;
		this.element = element;
		this.onChange = onChange;
		element.dataset.user = user;
		element.dataset.look = look;
		element.querySelector('.avatar').textContent = initial;
		element.querySelector('h2').textContent = user;
		element.setAttribute('aria-label', `Inbox of ${user}`);
		this.#part('.filters').setAttribute('aria-label', `Filters of ${user}`);
		this.#drawConnection = connectionLine(element, store);
		this.#listen();
		const bell = this.#part('belfry-bell');
		bell.store = store;
		bell.texts = {
			arrived: (title) => `New notification for ${user}: ${title}`,
		};
	}

	start() {
		this.#leave = [
			this.store.subscribe(() => this.#drawSoon()),
			this.store.on('created', ({ id }) => this.#fresh.add(id)),
		];
		this.#draw();
	}

	stop() {
		for (const leave of this.#leave.splice(0))
			leave();
		cancelAnimationFrame(this.#frame);
		clearTimeout(this.#timer);
		this.store.disconnect();
		this.element.remove();
	}

	// Every second.
	tick() {
		this.#drawConnection();
		drawTimes(this.#elements(), Date.now());
	}

	resized() {
		offerWhole(this.#elements());
	}

	// Goes to one of the list, with nothing filtered away.
	reveal(id) {
		this.#setFilter(EVERYTHING);
		this.#page = 0;
		this.#draw();
		const { element } = this.#drawn.get(id) ?? {};
		element?.scrollIntoView({ block: 'center' });
		element?.querySelector('.toggle').focus();
	}

	#part(selector) {
		return this.element.querySelector(selector);
	}

	#elements() {
		return [...this.#drawn.values()].map(({ element }) => element);
	}

	#listen() {
		const on = (selector, type, listener) =>
			this.#part(selector).addEventListener(type, listener);
		const filtered = (change) => {
			this.#setFilter({ ...this.#filter, ...change });
			this.#page = 0;
			this.#draw();
		};

		on('.all', 'click', () => filtered({ unread: false }));
		on('.unread', 'click', () => filtered({ unread: true }));
		on('.by-type', 'change', ({ target }) =>
			filtered({ type: target.value }));
		on('.by-priority', 'change', ({ target }) =>
			filtered({ priority: Number(target.value) }));
		on('.search', 'input', ({ target }) =>
			filtered({ text: target.value }));
		on('.more-filters', 'click', ({ currentTarget }) =>
			currentTarget.setAttribute('aria-expanded',
				currentTarget.getAttribute('aria-expanded') !== 'true'));
		on('.reset', 'click', () => {
			filtered(EVERYTHING);
			this.#part('h2').focus();
		});
		on('.read-all', 'click', () =>
			this.#attempt(this.store.markAllAsRead()));
		on('.newer', 'click', () => this.#turn(-1));
		on('.older', 'click', () => this.#turn(1));
	}

	#setFilter(filter) {
		this.#filter = { ...filter };
		const set = (selector, value) => {
			if (this.#part(selector).value !== value)
				this.#part(selector).value = value;
		};
		set('.by-type', filter.type);
		set('.by-priority', String(filter.priority));
		set('.search', filter.text);
		this.#part('.more-filters').dataset.active =
			filter.type !== '' || filter.priority > 1;
		this.#part('.all').setAttribute('aria-pressed', !filter.unread);
		this.#part('.unread').setAttribute('aria-pressed', filter.unread);
	}

	// Nothing is lost when a request fails but what was wanted: so it is said.
	async #attempt(promise) {
		const problem = this.#part('.problem');

		problem.hidden = true;
		try {
			await promise;
		} catch (error) {
			setText(problem, `That did not work: ${error.message}`);
		}
	}

	#matching() {
		return filterItems(this.store.notifications, this.#filter);
	}

	// To older ones or back; those that are not loaded yet are asked for.
	async #turn(by) {
		const wanted = (this.#page + by) * PAGE;
		const load = async () => {
			for (let i = 0; i < SEARCH_PAGES && this.store.hasMore; i++) {
				if (this.#matching().length > wanted)
					return;
				await this.store.loadMore();
			}
		};

		if (by > 0)
			await this.#attempt(load());
		if (this.#matching().length > wanted || by < 0)
			this.#page = Math.max(0, this.#page + by);
		this.#draw();
		this.#part('.scroll').scrollTop = 0;
		if (this.element.getBoundingClientRect().top < 0)
			this.element.scrollIntoView();
	}

	// Once a frame; a hidden tab has no frames, but its title counts on.
	#drawSoon() {
		if (document.visibilityState === 'visible')
			this.#frame ??= requestAnimationFrame(() => this.#draw());
		else
			this.#timer ??= setTimeout(() => this.#draw());
	}

	#draw() {
		cancelAnimationFrame(this.#frame);
		clearTimeout(this.#timer);
		this.#frame = this.#timer = null;
		const all = this.#matching();
		const last = Math.max(0, Math.ceil(all.length / PAGE) - 1);
		this.#page = Math.min(this.#page, last);
		const first = this.#page * PAGE;
		const items = all.slice(first, first + PAGE);
		this.#drawConnection();
		this.#drawFilters();
		this.#drawList(items);
		this.#drawEmpty(items.length === 0);
		this.#drawPager(all.length, first, items.length);
		this.#fresh.clear();
		this.onChange(this);
	}

	#drawFilters() {
		const { unreadCount, notifications } = this.store;
		const unread = unreadCount ? `Unread ${unreadCount}` : 'Unread';
		const types = this.#part('.by-type');
		const wanted = typesOf(notifications, this.#filter.type);
		const there = [...types.options].slice(1).map(({ value }) => value);

		this.#part('.unread').textContent = unread;
		this.#part('.read-all').disabled = unreadCount === 0;
		if (types.length === 0 || wanted.join('\n') !== there.join('\n')) {
			types.replaceChildren(
				new Option('All types', ''),
				...wanted.map((type) => new Option(type.slice(0, 40), type)),
			);
			types.value = this.#filter.type;
		}
	}

	#drawList(items) {
		const list = this.#part('.list');
		const wanted = new Map();
		const changed = [];

		for (const item of items) {
			const known = this.#drawn.get(item.id);
			const element = known?.element ?? this.#create(item.id);
			if (known?.item !== item) {
				fillItem(element, item);
				changed.push(element);
			}
			wanted.set(item.id, { item, element });
		}
		for (const [id, { element }] of this.#drawn)
			if (!wanted.has(id))
				this.#drop(element);
		let place = list.firstElementChild;
		for (const { element } of wanted.values())
			if (element === place)
				place = place.nextElementSibling;
			else
				list.insertBefore(element, place);
		this.#drawn = wanted;
		drawTimes(changed, Date.now());
		offerWhole(changed);
	}

	#create(id) {
		const element = createItem(id, this.user, {
			toggle: (one, read) => this.#attempt(
				read ? this.store.markAsRead(one) : this.store.markAsUnread(one)),
			remove: (one) => this.#attempt(this.store.remove(one)),
			loadWhole: (one) => this.#attempt(this.store.loadWhole(one)),
		});

		element.classList.toggle('new', this.#fresh.has(id));
		return element;
	}

	// The focus goes to the same button of the neighbour, not to nowhere.
	#drop(element) {
		const focused = document.activeElement;
		const neighbour = element.nextElementSibling ??
			element.previousElementSibling;

		if (element.contains(focused)) {
			const name = ['toggle', 'delete'].find((one) =>
				focused.classList.contains(one));
			const next = name && neighbour?.querySelector(`.${name}`);
			(next ?? this.#part('h2')).focus();
		}
		element.remove();
	}

	#drawEmpty(isEmpty) {
		const { isLoading, connectionStatus, hasMore } = this.store;
		const filtered = isFiltered(this.#filter);
		const [title, text] = isLoading
			? ['Loading…', '']
			: connectionStatus === 'error'
				? ['Not signed in', 'Start the demo anew, then try again.']
				: !filtered
					? ['Nothing here yet', 'What arrives appears at once.']
					: ['Nothing matches', hasMore
						? 'There are older ones that are not loaded yet.' : ''];

		this.#part('.empty').hidden = !isEmpty;
		setText(this.#part('.empty-title'), title);
		setText(this.#part('.empty-text'), text);
		this.#part('.reset').hidden = isLoading || !filtered;
	}

	#drawPager(count, first, shown) {
		const { hasMore } = this.store;

		this.#part('.pager').hidden = count <= PAGE && !hasMore;
		this.#part('.newer').disabled = first === 0;
		this.#part('.older').disabled = !hasMore && first + shown >= count;
		this.#part('.range').textContent = shown === 0
			? ''
			: `${first + 1}–${first + shown} of ${count}${hasMore ? '+' : ''}`;
	}
}
