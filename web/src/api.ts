// What an application gives and gets: options, what is shown, what can be done.

import type { Headers } from './http.js';
import type { Filter } from './state.js';
import type {
	ConnectionStatus, Frame, FrameData, Notification, StatusInfo,
} from './types.js';

/** How tabs share one stream. */
export type Sharing = 'auto' | 'worker' | 'locks' | 'none';

export interface Options extends Filter {
	/** Where the server's interface is: `/api/notifications`. */
	url?: string;
	/** Notifications per request: 50, up to 200. */
	pageSize?: number;
	/**
	 * One stream for all tabs: by a shared worker or else by locks (`auto`), or
	 * a stream for each (`none`).
	 */
	sharing?: Sharing;
	/** Who is signed in; tabs share a stream with those of the same user. */
	user?: string;
	/** For `Authorization`; asked before every request. */
	headers?: Headers;
	/**
	 * A ticket, got with `headers`, opens each stream: a native EventSource, in
	 * place of fetch, where no cookie can go.
	 */
	tickets?: boolean;
	/** `include` for a server of another origin. */
	credentials?: RequestCredentials;
	/** Close the stream after this time in the background. */
	closeHiddenAfterMs?: number;
}

/** What is shown. Each change makes a new one; what is the same stays. */
export interface Snapshot {
	/** Newest first. */
	readonly notifications: readonly Notification[];
	readonly unreadCount: number;
	readonly hasUnread: boolean;
	/** The first page is not there yet. */
	readonly isLoading: boolean;
	/** There are older ones: `loadMore()`. */
	readonly hasMore: boolean;
	readonly connectionStatus: ConnectionStatus;
	readonly isConnected: boolean;
	/** What is shown may be behind the server. */
	readonly isStale: boolean;
	/** When the next try is, in Unix milliseconds. */
	readonly retryAt: number | null;
	/** An HTTP status, a reason of `close`, or a word of our own. */
	readonly reason: number | string | null;
}

/** What `on()` tells. */
export interface Events extends FrameData {
	/** The stream has brought a new notification. */
	created: Notification;
	/** Any event of the stream, with its id. */
	frame: Frame;
	status: StatusInfo;
}

export interface Notifications extends Snapshot {
	/** The same object until something changes. */
	getSnapshot(): Snapshot;
	/** The first who subscribes connects, the last one's going disconnects. */
	subscribe(listener: () => void): () => void;
	/** Counts as subscribing. */
	on<E extends keyof Events>(
		type: E, listener: (data: Events[E]) => void,
	): () => void;
	/** Connects without a subscriber. */
	connect(): void;
	/** Stays so until `connect()` or `reconnect()`. */
	disconnect(): void;
	/** Now, whatever the wait was for. */
	reconnect(): void;
	/** Disconnects in all tabs and forgets what was loaded. */
	signOut(): void;
	/**
	 * What a person does shows at once; where it fails it is taken back, and
	 * the promise rejects with an HttpError.
	 */
	markAsRead(id: number): Promise<void>;
	markAsUnread(id: number): Promise<void>;
	/** What is known now; what comes meanwhile stays unread. */
	markAllAsRead(): Promise<void>;
	remove(id: number): Promise<void>;
	loadMore(): Promise<void>;
	/** Asks for the first page again; what is newer stays. */
	refresh(): Promise<unknown>;
	/** The whole of one that came cut from the stream. */
	loadWhole(id: number): Promise<void>;
}
