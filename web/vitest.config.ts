import { defineConfig } from 'vitest/config';

export default defineConfig({
	test: {
		include: ['test/**/*.test.{js,ts,tsx}'],
		reporters: [
			'default',
			new URL('./test/lib/reporter.js', import.meta.url).pathname,
		],
		// Clocks are moved by hand; what hangs is to be told apart from slow.
		testTimeout: 120000,
		hookTimeout: 120000,
	},
});
