// What is read from answers, whoever asked.

export type Headers = () =>
	| Record<string, string>
	| Promise<Record<string, string>>;

export function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/** Retry-After in either of its two forms, in milliseconds; or null. */
export function retryAfterMs(response: Response): number | null {
	const value = response.headers.get('Retry-After');

	if (value === null)
		return null;
	const ms = /^\d+$/.test(value)
		? Number(value) * 1000
		: Date.parse(value) - Date.now();
	return Number.isFinite(ms) ? Math.max(0, ms) : null;
}
