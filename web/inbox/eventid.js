// Event ids are whole numbers of up to 19 digits, which is more than a Number
// holds: they stay the decimal strings, without leading zeros, that the stream
// and the answers have.

// Negative, 0 or positive, as for Array.sort().
export function compareEventIds(a, b) {
	if (a.length !== b.length)
		return a.length - b.length;
	return a < b ? -1 : a > b ? 1 : 0;
}

export const newer = (a, b) => compareEventIds(a, b) > 0;
export const later = (a, b) => (newer(a, b) ? a : b);
