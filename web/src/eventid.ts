// Event ids are whole numbers of up to 19 digits, which is more than a Number
// holds: they stay the decimal strings, without leading zeros, that the stream
// and the answers have.

export const newer = (a: string, b: string) =>
	(a.length - b.length || +(a > b)) > 0;
export const later = (a: string, b: string) => (newer(a, b) ? a : b);
