// One stream for all tabs of a browser: the hub has it, in a shared worker or in
// the tab that leads, and speaks to the tabs as the server would: `connected`
// with the cursor that they came with, what they have missed, then what comes;
// or, where it can't give what they have missed, a `reset`. So a tab that comes
// late, was frozen, or changes from one hub to another needs nothing of its own
// to lose nothing.

import { Connection } from './connection.js';
import { newer } from './eventid.js';
import type { Request, Transport } from './transport.js';
import type { Connected, Frame, Start, StatusInfo } from './types.js';

const KEPT = 1000; // frames, for those who join or come back

export const SIGNED_OUT: StatusInfo = {
	status: 'error', retryAt: null, reason: 'signed out',
};

export interface ToHub {
	from: string;
	join?: Request;
	leave?: true;
	/** Signed out: the stream ends for all tabs. */
	stop?: true;
}

export interface FromHub {
	/** null: to all. */
	to: string | null;
	/** Since when there is the hub that says it. */
	since?: number;
	/** A hub has come up: whoever waits for one is to join. */
	hello?: true;
	frames?: Frame[];
	status?: StatusInfo;
}

export interface HubOptions {
	transports: Transport[];
	probe: () => Promise<Response>;
	post(message: FromHub): void;
}

export class Hub {
	#since = Date.now();
	#options: HubOptions;
	#connection: Connection | null = null;
	#members = new Set<string>();
	#waiting = new Map<string, Request>(); // members without an answer
	#kept: Frame[] = [];
	#floor: string | null = null; // what is kept came after this event
	#hello: Connected | null = null; // null: not connected
	#status: StatusInfo = { status: 'connecting', retryAt: null, reason: null };
	#close: Frame[] = []; // to be told with the status that follows from it
	#begin: ((start: Start) => void) | null = null;

	constructor(options: HubOptions) {
		this.#options = options;
	}

	take({ from, join, leave, stop }: ToHub) {
		if (join)
			this.#join(from, join);
		if (leave)
			this.#leave(from);
		if (stop) {
			this.#end();
			this.#setStatus(SIGNED_OUT);
		}
	}

	/** Nobody is told: this hub goes. */
	stop() {
		this.#members.clear();
		this.#end();
	}

	#join(from: string, request: Request) {
		const running = this.#connection;

		this.#members.add(from);
		if (!running)
			this.#start(request);
		this.#begin?.(request);
		if (this.#hello) {
			this.#answer(from, request);
		} else {
			this.#waiting.set(from, request);
			this.#post(from, { status: this.#status });
		}
		if (request.urgent === 'look')
			running?.comeBack();
		if (request.urgent === 'insist')
			running?.retryNow();
	}

	#leave(from: string) {
		this.#members.delete(from);
		this.#waiting.delete(from);
		if (this.#members.size === 0)
			this.#end();
	}

	#start({ cursor, epoch }: Start) {
		const { transports, probe } = this.#options;
		let first: Start | null = { cursor, epoch };

		this.#floor = cursor;
		this.#connection = new Connection({
			transports,
			probe,
			// What the first who joins has is where to begin. Asked again, what
			// came was not understood: all are to load anew, then join.
			snapshot: async () => {
				const start = first;
				first = null;
				return start ?? this.#beginAnew();
			},
			onFrame: (frame) => this.#take(frame),
			onStatus: (status) => this.#setStatus(status),
		});
		this.#connection.start();
	}

	#beginAnew(): Promise<Start> {
		this.#lose();
		return new Promise((resolve) => {
			this.#begin = (start) => {
				this.#begin = null;
				this.#floor = start.cursor;
				resolve({ cursor: start.cursor, epoch: start.epoch });
			};
			this.#post(null, {
				frames: [{
					event: 'heartbeat', id: '', data: undefined,
				} as unknown as Frame],
			});
		});
	}

	#end() {
		this.#connection?.stop();
		this.#connection = this.#begin = null;
		this.#waiting.clear();
		this.#lose();
		this.#status = { status: 'connecting', retryAt: null, reason: null };
	}

	#lose() {
		this.#hello = this.#floor = null;
		this.#kept = [];
	}

	#take(frame: Frame) {
		if (frame.event === 'close')
			return void this.#close.push(frame);
		if (frame.event === 'connected') {
			this.#hello = frame.data;
			if (!frame.data.resumed)
				this.#floor = null;
		} else if (frame.event === 'reset') {
			this.#kept = [];
			this.#floor = frame.id;
		} else {
			this.#keep(frame);
		}
		this.#post(null, { frames: [frame] });
		if (frame.event !== 'connected')
			return;
		const waiting = [...this.#waiting];
		this.#waiting.clear();
		for (const [from, request] of waiting)
			this.#answer(from, request);
	}

	#keep(frame: Frame) {
		if (this.#kept.at(-1)?.event === 'heartbeat')
			this.#kept.pop();
		this.#kept.push(frame);
		if (this.#kept.length > KEPT)
			this.#floor = this.#kept.shift()!.id;
	}

	#answer(to: string, { cursor, epoch }: Request) {
		const hello = this.#hello!;
		const floor = this.#floor;
		const covered = floor !== null && !newer(floor, cursor) &&
			(epoch === null || epoch === hello.epoch);

		if (covered)
			return this.#post(to, {
				frames: [
					{
						event: 'connected',
						id: cursor,
						data: { ...hello, resumed: true, from: cursor },
					},
					...this.#kept.filter(({ id }) => newer(id, cursor)),
				],
			});
		const latest = this.#kept.at(-1)?.id ?? floor ?? hello.latest;
		const { from, unreadCount, ...rest } = hello;
		this.#post(to, {
			frames: [
				{
					event: 'connected', id: '',
					data: { ...rest, resumed: false },
				},
				{
					event: 'reset', id: latest,
					data: { reason: 'expired', latest },
				},
			],
		});
	}

	#setStatus(status: StatusInfo) {
		const frames = this.#close.splice(0);

		if (status.status === 'connected')
			return; // the frame says it
		this.#hello = null;
		if (status.status === 'error')
			this.#end();
		this.#status = status;
		this.#post(null, { status, ...(frames[0] ? { frames } : {}) });
	}

	#post(to: string | null, message: Omit<FromHub, 'to'>) {
		this.#options.post({ to, since: this.#since, ...message });
	}
}
