// @vitest-environment jsdom
import { QueryClient, useMutation, VueQueryPlugin } from '@tanstack/vue-query';
import { mount } from '@vue/test-utils';
import { defineComponent, h } from 'vue';
import { expect, test } from 'vitest';

import {
	notificationMutations, notificationsQuery, useNotificationsQuery,
} from '../src/vue-query.js';
import { setUp, until } from './lib/store.js';

test('vue-query: the cache has what the stream says, late refetch or not', async () => {
	const { server, store } = setUp();
	const queryClient = new QueryClient();
	const wrapper = mount(
		defineComponent({
			setup() {
				const { data } = useNotificationsQuery(store);
				const { mutate } = useMutation(
					notificationMutations(store).markAsRead,
				);
				return () => [
					h('output', data.value?.unreadCount),
					data.value?.notifications.map(({ id, title }) =>
						h('button', { onClick: () => mutate(id) }, title)),
				];
			},
		}),
		{ global: { plugins: [[VueQueryPlugin, { queryClient }]] } },
	);
	const count = () => wrapper.find('output').text();
	await until(() => count() === '2' && store.isConnected);
	await wrapper.findAll('button')[0]!.trigger('click');
	await until(() => count() === '1' && server.unreadCount === 1);
	let open = () => {};
	server.gate = new Promise((resolve) => (open = resolve));
	const { length } = server.requests;
	const refetch = queryClient.fetchQuery({
		...notificationsQuery(store), staleTime: 0,
	});
	await until(() => server.requests.length > length);
	server.create({ title: 'meanwhile' });
	await until(() => wrapper.text().includes('meanwhile'));
	open();
	await refetch;
	expect(wrapper.text()).toContain('meanwhile');
	wrapper.unmount();
	await until(() => server.open.length === 0);
	queryClient.clear();
});
