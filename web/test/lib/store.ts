// A connected store for a test of an adapter, on the server of server.ts.

import { expect, onTestFinished, vi } from 'vitest';

import { createNotifications, type Options } from '../../src/index.js';
import { Server } from './server.js';

export function setUp(count = 2, options: Options = {}) {
	const server = new Server(count);
	const store = createNotifications({ sharing: 'none', ...options });

	onTestFinished(() => store.disconnect());
	return { server, store };
}

export const until = (condition: () => boolean) =>
	vi.waitFor(() => expect(condition()).toBe(true), { timeout: 20000 });
