// What a page and its service worker have to agree on: what the one tells the
// other (signed out; there is a network again), and when it has given up.

/** A page waits this long for an answer, then takes back what it showed. */
export const PATIENCE_MS = 10000;
export const FORGET = 'belfry:forget';
export const REPLAY = 'belfry:replay';
