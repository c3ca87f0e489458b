// Event ids are whole numbers of up to 19 digits, which is more than a Number
// holds: they stay the decimal strings, without leading zeros, that the stream
// and the answers have.

/** Negative, 0 or positive, as for Array.sort(). */
export function compareEventIds(a: string, b: string): number {
	return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

export const newer = (a: string, b: string) => compareEventIds(a, b) > 0;
export const later = (a: string, b: string) => (newer(a, b) ? a : b);
