// How long is waited before the next try, by those who failed.

/** 1, 2, 4, 8, 16, 30 s, with jitter: not all are to come back at once. */
export const backoffMs = (failures: number) =>
	Math.min(1000 * 2 ** failures, 30000) * (0.5 + Math.random() / 2);
