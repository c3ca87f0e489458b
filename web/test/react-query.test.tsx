// @vitest-environment jsdom
import { QueryClient, QueryClientProvider, useMutation } from '@tanstack/react-query';
import { cleanup, renderHook, waitFor } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, expect, test } from 'vitest';

import type { Snapshot } from '../src/index.js';
import {
	notificationMutations, notificationsQuery, QUERY_KEY,
	useNotificationsQuery,
} from '../src/react-query.js';
import { setUp, until } from './lib/store.js';

afterEach(cleanup);

function provide() {
	const client = new QueryClient();
	const wrapper = ({ children }: { children: ReactNode }) => (
		<QueryClientProvider client={client}>{children}</QueryClientProvider>
	);
	return { client, wrapper };
}

test('react-query: the cache has what the stream says', async () => {
	const { server, store } = setUp();
	const { client, wrapper } = provide();
	const { result } = renderHook(
		() => ({
			query: useNotificationsQuery(store),
			read: useMutation(notificationMutations(store).markAsRead),
		}),
		{ wrapper },
	);
	expect(result.current.query.isPending).toBe(true);
	await waitFor(() =>
		expect(result.current.query.data?.isConnected).toBe(true));
	server.create({ title: 'fresh' });
	await waitFor(() =>
		expect(result.current.query.data?.notifications[0]?.title)
			.toBe('fresh'));
	result.current.read.mutate(1);
	await waitFor(() => expect(result.current.read.isSuccess).toBe(true));
	expect(client.getQueryData<Snapshot>(QUERY_KEY)!.unreadCount).toBe(2);
	server.answers.set('PATCH /2', 403);
	result.current.read.mutate(2);
	await waitFor(() =>
		expect(result.current.read.error).toMatchObject({ status: 403 }));
	expect(client.getQueryData<Snapshot>(QUERY_KEY)!.unreadCount).toBe(2);
});

test('react-query: what is loaded already is there at once', async () => {
	const { server, store } = setUp();
	const { wrapper } = provide();
	store.connect();
	await until(() => store.isConnected);
	const { length } = server.requests;
	const { result } = renderHook(
		() => useNotificationsQuery(store), { wrapper },
	);
	await waitFor(() =>
		expect(result.current.data?.notifications.length).toBe(2));
	expect(server.requests.length).toBe(length);
});

test('react-query: a late refetch overwrites nothing', async () => {
	const { server, store } = setUp();
	const { client, wrapper } = provide();
	const { result } = renderHook(
		() => useNotificationsQuery(store), { wrapper },
	);
	await waitFor(() => expect(result.current.data?.isConnected).toBe(true));
	let open = () => {};
	server.gate = new Promise((resolve) => (open = resolve));
	const { length } = server.requests;
	const refetch = client.fetchQuery({
		...notificationsQuery(store), staleTime: 0,
	});
	await until(() => server.requests.length > length);
	server.create({ title: 'meanwhile' });
	await until(() => store.notifications.length === 3);
	open();
	expect((await refetch).notifications[0]!.title).toBe('meanwhile');
	expect(client.getQueryData<Snapshot>(QUERY_KEY)!.notifications.length)
		.toBe(3);
});
