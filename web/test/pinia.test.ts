// @vitest-environment jsdom
import { mount } from '@vue/test-utils';
import { createPinia } from 'pinia';
import { defineComponent, h } from 'vue';
import { expect, test } from 'vitest';

import { defineNotificationsStore } from '../src/pinia.js';
import { setUp, until } from './lib/store.js';

test('pinia: one connection for all components, until it is disposed of', async () => {
	const { server, store } = setUp();
	const useInbox = defineNotificationsStore(() => store);
	const pinia = createPinia();
	const component = defineComponent({
		setup() {
			const inbox = useInbox();
			return () =>
				h('button', { onClick: () => inbox.remove(1) },
					inbox.notifications.map(({ title }) => title).join());
		},
	});
	const mounted = [1, 2].map(() =>
		mount(component, { global: { plugins: [pinia] } }));
	const all = (text: string) => until(() =>
		mounted.every((wrapper) => wrapper.text() === text));
	await all('title 2,title 1');
	await until(() => store.isConnected);
	expect(server.sources.length).toBe(1);
	await mounted[0]!.find('button').trigger('click');
	await all('title 2');
	server.create({ title: 'fresh' });
	await all('fresh,title 2');
	for (const wrapper of mounted)
		wrapper.unmount();
	useInbox(pinia).$dispose();
	await until(() => server.open.length === 0);
});
