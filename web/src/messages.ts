// What a page tells its service worker: signed out; there is a network again.

export const FORGET = 'belfry:forget';
export const REPLAY = 'belfry:replay';
