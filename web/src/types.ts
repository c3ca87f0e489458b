// What goes over the wire and what the kit shows, in one place. The tests hold
// frames recorded from a real server against these types.

/** A notification as the stream and the lists have it. */
export interface WireNotification {
	id: number;
	type: string;
	title: string;
	body: string | null;
	data: unknown;
	link: string | null;
	/** 1 to 5; 3 is normal. */
	priority: number;
	/** For everyone; each user has their own read state of it. */
	broadcast: boolean;
	createdAt: string;
	updatedAt: string;
	/** null: unread. Missing in a broadcast on the stream. */
	readAt?: string | null;
	/** null: never. */
	expiresAt: string | null;
	/** Cut for the stream; `loadWhole(id)` gets the rest. */
	truncated?: true;
}

/** A notification as the kit shows it: `read` is what counts. */
export interface Notification extends Readonly<WireNotification> {
	readonly read: boolean;
}

/** A page of `GET /api/notifications`. */
export interface Page {
	notifications: WireNotification[];
	next: string | null;
	unreadCount: number;
	lastEventId: string;
	epoch: string;
}

export interface Count {
	unreadCount: number;
	lastEventId: string;
}

export type Change =
	| {
			action: 'created' | 'updated';
			notification: WireNotification;
			unreadCount?: number;
	  }
	| {
			action: 'read' | 'unread' | 'deleted';
			notificationId: number;
			unreadCount?: number;
	  }
	| { action: 'all-read'; through: number; unreadCount?: number };

export interface Connected {
	message: string;
	timestamp: number;
	resumed: boolean;
	from?: string;
	latest: string;
	epoch: string;
	heartbeatMs: number;
	unreadCount?: number;
	poll?: true;
}

export interface Reset {
	reason: 'expired' | 'unknown' | 'invalid' | 'epoch' | 'rewritten';
	latest: string;
}

export interface Close {
	reason: 'session' | 'evicted' | 'lifetime' | 'shutdown' | 'refused';
	retryAfterMs: number;
}

/** The events of the stream and their data. */
export interface FrameData {
	connected: Connected;
	notification: Change;
	heartbeat: { timestamp: number };
	reset: Reset;
	close: Close;
}

export type FrameName = keyof FrameData;

/** One event of the stream; `id` is '' where none has come yet. */
export type Frame = {
	[E in FrameName]: { event: E; id: string; data: FrameData[E] };
}[FrameName];

/**
 * `connecting`: a stream, or the list before it, is asked for. `connected`: the
 * server's `connected` event has come. `disconnected`: waiting until `retryAt`,
 * or closed on request. `error`: stopped, as the server does not accept who we
 * are; `reconnect()` tries again.
 */
export type ConnectionStatus =
	| 'connecting'
	| 'connected'
	| 'disconnected'
	| 'error';

export interface StatusInfo {
	status: ConnectionStatus;
	/** When the next try is, in Unix milliseconds. */
	retryAt: number | null;
	/** An HTTP status, a reason of `close`, or a word of our own. */
	reason: number | string | null;
}

/** Where a stream is to begin. */
export interface Start {
	cursor: string;
	epoch: string | null;
}

/** Why something did not work, as far as the server said. */
export interface Problem {
	status?: number | undefined;
	retryAfterMs?: number | null | undefined;
}
