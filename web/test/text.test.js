// The small pure helpers between data and what is shown.

import assert from 'node:assert/strict';

import { test } from 'vitest';

import { relativeTime, safeLink } from '../src/text.js';

test('text: the time since', () => {
	const now = Date.parse('2026-03-01T12:00:00.000Z');
	for (const [iso, expected] of [
		['2026-03-01T12:00:00.000Z', 'now'],
		['2026-03-01T11:59:00.001Z', 'now'],
		['2026-03-01T11:59:00.000Z', '1 minute ago'],
		['2026-03-01T10:01:00.000Z', '1 hour ago'],
		['2026-02-27T13:00:00.000Z', 'yesterday'],
		['2026-02-22T12:00:00.000Z', 'last week'],
		['2025-12-01T12:00:00.000Z', '3 months ago'],
		['2020-01-01T00:00:00.000Z', '6 years ago'],
		['2026-03-01T12:05:00.000Z', 'in 5 minutes'],
	])
		assert.equal(relativeTime(iso, now, 'en'), expected, iso);
});

test('text: what is no language is the browser\'s', () => {
	const now = Date.parse('2026-03-01T12:00:00.000Z');
	const iso = '2026-03-01T10:01:00.000Z';
	for (const language of ['en_US', 'c', 'C.UTF-8', '-'])
		assert.equal(
			relativeTime(iso, now, language), relativeTime(iso, now), language,
		);
});

test('text: only http, https and what is relative is a link', () => {
	const base = 'http://host:8080/inbox/';
	for (const [link, href] of [
		['https://example.org', 'https://example.org/'],
		['HTTP://example.org/x', 'http://example.org/x'],
		['/builds/1', 'http://host:8080/builds/1'],
		['x?y#z', 'http://host:8080/inbox/x?y#z'],
		['', 'http://host:8080/inbox/'],
		['javascript:alert(1)', null],
		[' java\tscript:alert(1)', null],
		['data:text/html,x', null],
		['vbscript:x', null],
		['file:///etc/passwd', null],
		['blob:http://host:8080/1', null],
		['http://', null],
		['mailto:a@b', null],
	])
		assert.equal(safeLink(link, base)?.href ?? null, href, link);
});
