// Small pure helpers between data and what is shown.

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
	['year', 365 * 86400],
	['month', 30 * 86400],
	['week', 7 * 86400],
	['day', 86400],
	['hour', 3600],
	['minute', 60],
];

// A page's lang may be no language tag ("en_US"): then as the browser has it.
function formatOf(language?: string) {
	const style = { numeric: 'auto' } as const;

	try {
		return new Intl.RelativeTimeFormat(language, style);
	} catch {
		return new Intl.RelativeTimeFormat(undefined, style);
	}
}

/** "2 hours ago"; less than a minute is "now". */
export function relativeTime(iso: string, now: number, language?: string) {
	const format = formatOf(language);
	const seconds = (Date.parse(iso) - now) / 1000;

	for (const [unit, length] of UNITS)
		if (Math.abs(seconds) >= length)
			return format.format(Math.trunc(seconds / length), unit);
	return format.format(0, 'second');
}

/**
 * A notification's link as a URL that may be clicked, or null: whoever may write
 * a row must not be able to have a script run here.
 */
export function safeLink(link: string, base: string): URL | null {
	try {
		const url = new URL(link, base);
		return /^https?:$/.test(url.protocol) ? url : null;
	} catch {
		return null;
	}
}
