/*
 * Last-Event-ID, as header and as query, of any bytes: it is read as digits,
 * `earliest` or garbage, the same both ways; and a stream starts inside of the
 * journal whatever was asked for, where it was asked if that is inside.
 *
 * Input: two bytes that place the journal, then the cursor.
 */
#include "api/stream.c"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_digits(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
	return text.len > 0 && text.len <= 19;
}

static void check_wish(const struct wish *wish, struct span text)
{
	bool earliest = span_equal_text(text, "earliest");
	char copy[20] = "";

	assert(wish->has_cursor == (text.len > 0));
	assert(wish->earliest == earliest);
	assert(wish->malformed ==
	       (text.len > 0 && !earliest && !is_digits(text)));
	if (!is_digits(text))
		return;
	memcpy(copy, text.data, text.len);
	assert(wish->cursor == strtoull(copy, NULL, 10));
}

static void check_start(const struct wish *wish, const struct store_head *head)
{
	enum journal_reset why = JOURNAL_RESET_REWRITTEN;
	int64_t cursor = -1;

	if (!resolve(wish, head, &cursor, &why)) {
		assert(cursor == head->seq && why != JOURNAL_RESET_REWRITTEN);
		assert(wish->malformed == (why == JOURNAL_RESET_INVALID));
		return;
	}
	assert(!wish->malformed && !wish->other_epoch);
	assert(cursor >= head->floor && cursor <= head->seq);
	if (wish->has_cursor && !wish->earliest)
		assert((uint64_t)cursor == wish->cursor);
}

static void check_query(struct span text, const struct wish *as_header)
{
	struct api_call call = {0};
	struct wish wish = {0};
	struct buf query;
	struct err err;
	int found;

	buf_init(&query, text.len * 3 + 64);
	buf_init(&wish.text, text.len + 64);
	buf_puts(&query, "x=1&lastEventId=");
	api_encode(&query, text);
	call.query = buf_span(&query);
	found = api_query(&call, "lastEventId", &wish.text, &err);
	/* A NUL has no place in a query. */
	assert((found < 0) == (memchr(text.data, 0, text.len) != NULL));
	if (found >= 0) {
		parse_cursor(&wish, buf_span(&wish.text));
		assert(wish.malformed == as_header->malformed);
		assert(wish.cursor == as_header->cursor ||
		       as_header->malformed);
	}
	buf_fini(&wish.text);
	buf_fini(&query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t heads[] = {0, 1, 1290, INT64_MAX};
	struct store_head head = {0};
	struct wish wish = {0};
	struct span text;

	if (size < 3)
		return 0;
	head.seq = heads[data[0] % 4];
	head.floor = heads[data[1] % 4];
	if (head.floor > head.seq)
		head.floor = head.seq;
	text = (struct span){(const char *)data + 2, size - 2};
	parse_cursor(&wish, text);
	check_wish(&wish, text);
	check_start(&wish, &head);
	check_query(text, &wish);
	wish.other_epoch = true;
	check_start(&wish, &head);
	return 0;
}
