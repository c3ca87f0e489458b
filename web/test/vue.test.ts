// @vitest-environment jsdom
import { flushPromises, mount } from '@vue/test-utils';
import { defineComponent, effectScope, h } from 'vue';
import { expect, test } from 'vitest';

import { useEventSource, useNotifications } from '../src/vue.js';
import { setUp, until } from './lib/store.js';

test('vue: shows what comes, and does what is clicked', async () => {
	const { server, store } = setUp();
	const wrapper = mount(
		defineComponent({
			setup() {
				const { notifications, unreadCount, markAsRead } =
					useNotifications(store);
				return () => [
					h('output', unreadCount.value),
					notifications.value.map(({ id, title }) =>
						h('button', { onClick: () => markAsRead(id) }, title)),
				];
			},
		}),
	);
	const count = () => wrapper.find('output').text();
	await until(() => count() === '2' && store.isConnected);
	server.create({ title: 'fresh' });
	await until(() => wrapper.text().includes('fresh'));
	await wrapper.findAll('button')[2]!.trigger('click');
	expect(count()).toBe('2');
	await flushPromises();
	wrapper.unmount();
	await until(() => server.open.length === 0);
	expect(server.unreadCount).toBe(2);
});

test('vue: the stream event by event', async () => {
	const { server, store } = setUp();
	const scope = effectScope();
	const source = scope.run(() => useEventSource(store))!;
	expect(source.status.value).toBe('connecting');
	await until(() => source.status.value === 'connected');
	expect(source.event.value).toBe('connected');
	server.create();
	await until(() => source.event.value === 'notification');
	expect(source.data.value).toMatchObject({ action: 'created' });
	expect(source.lastEventId.value).toBe('101');
	source.close();
	expect(source.status.value).toBe('disconnected');
	expect(source.error.value).toBe('closed');
	source.open();
	await until(() => source.status.value === 'connected');
	source.close();
	scope.stop();
});
