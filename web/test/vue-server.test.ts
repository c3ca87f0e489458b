// Without a browser, as on a server.

import { createSSRApp, defineComponent, h } from 'vue';
import { renderToString } from 'vue/server-renderer';
import { expect, test } from 'vitest';

import { createNotifications } from '../src/index.js';
import { useNotifications } from '../src/vue.js';

test('vue: on a server it renders the empty state and connects nothing', async () => {
	let asked = 0;
	globalThis.fetch = async () => {
		asked++;
		return new Response();
	};
	expect(typeof document).toBe('undefined');
	const app = createSSRApp(
		defineComponent({
			setup() {
				const { unreadCount } = useNotifications(createNotifications());
				return () => h('output', unreadCount.value);
			},
		}),
	);
	expect(await renderToString(app)).toBe('<output>0</output>');
	await new Promise((resolve) => setTimeout(resolve));
	expect(asked).toBe(0);
});
