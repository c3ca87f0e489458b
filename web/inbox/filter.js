// Which of the notifications that are loaded are shown. Pure functions.

export const EVERYTHING = { unread: false, type: '', priority: 1, text: '' };

export function isFiltered(filter) {
	return Object.keys(EVERYTHING).some((key) =>
		filter[key] !== EVERYTHING[key]);
}

export function filterItems(items, { unread, type, priority, text }) {
	const words = text.toLowerCase().split(/\s+/).filter(Boolean);

	return items.filter((item) => {
		if ((unread && item.read) || (type && item.type !== type) ||
		    item.priority < priority)
			return false;
		const all = `${item.title}\n${item.body ?? ''}`.toLowerCase();
		return words.every((word) => all.includes(word));
	});
}

// The types that there are to choose from, the chosen one among them.
export function typesOf(items, chosen) {
	const types = new Set(items.map(({ type }) => type));

	if (chosen)
		types.add(chosen);
	return [...types].sort();
}
