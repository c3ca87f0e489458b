/*
 * list: the inbox, newest first, and the count of what is unread.
 *
 * Rows, count and lastEventId come from the one transaction that api.c has
 * begun: a stream that starts at this lastEventId leaves no gap and repeats
 * nothing.  The ETag leaves lastEventId out, because the journal moves with
 * every other user's notifications too; an older one is still a right place to
 * start from.  It is for clients that hold the list themselves: the answer
 * stays no-store, because an inbox has no place on the disk of a shared
 * machine, and a lastEventId of last month may have been pruned.
 *
 * A page ends at `limit` rows, or early when it has become large, and `next`
 * tells that there is more.
 */
#include <stdio.h>
#include <string.h>

#include "api/answer.h"
#include "api/api.h"
#include "api/internal.h"
#include "auth/auth.h"
#include "config/config.h"
#include "inbox/store.h"
#include "lib/crypto.h"
#include "lib/err.h"
#include "lib/fcgi.h"
#include "lib/json.h"

#define LIMIT_DEFAULT	    50
#define LIMIT_MAX	    200
#define PAGE_ENDS_BYTES	    (4u * 1024 * 1024)
#define PAGE_MAX_BYTES	    (32u * 1024 * 1024)
#define ETAG_HEX	    32
#define ETAG_TEXT_BYTES	    48
#define LINK_OVERHEAD_BYTES 128

struct page {
	struct store_reader reader;
	struct store_filter filter;
	struct buf types; /* what filter.types points to */
	int64_t limit;
	struct buf json; /* the whole body */
	int64_t rows, last_id;
	bool more;
};

/* ---- the query string ---- */

/* 1..max in digits; an empty value is an absent one. */
static int query_number(const struct api_call *call, const char *name,
			int64_t max, int64_t *out, struct err *err)
{
	struct span text;
	int64_t value;
	struct buf b;
	int result;

	buf_init(&b, API_QUERY_MAX_BYTES);
	result = api_query(call, name, &b, err);
	text = buf_span(&b);
	if (result > 0 && text.len) {
		result = api_parse_id(text, &value);
		if (result == 0 && value <= max)
			*out = value;
		else
			result =
			    err_set(err, ERR_INVALID,
				    "%s=%.*s, expected a number from 1 to "
				    "%lld",
				    name, (int)(text.len < 64 ? text.len : 64),
				    text.data, (long long)max);
	}
	buf_fini(&b);
	return result < 0 ? -1 : 0;
}

static int read_query(const struct api_call *call, struct page *page,
		      struct err *err)
{
	int unread, types;

	if (query_number(call, "limit", LIMIT_MAX, &page->limit, err) < 0 ||
	    query_number(call, "before", NOTIFICATION_ID_MAX,
			 &page->filter.before, err) < 0)
		return -1;
	unread = api_query_switch(call, "unread", err);
	types = unread < 0 ? -1 : api_query(call, "type", &page->types, err);
	if (types < 0)
		return -1;
	page->filter.unread = unread > 0;
	if (page->types.len)
		page->filter.types = buf_span(&page->types);
	return 0;
}

/* ---- the body ---- */

static int put_one(struct store_reader *reader, const struct notification *n,
		   struct err *err)
{
	struct page *page = (struct page *)(void *)reader; /* first member */

	if (page->rows == page->limit ||
	    (page->rows && page->json.len > PAGE_ENDS_BYTES)) {
		page->more = true;
		return 1;
	}
	if (page->rows++)
		buf_putc(&page->json, ',');
	api_put_notification(&page->json, n);
	page->last_id = n->id;
	if (page->json.overflow)
		return err_set(err, ERR_INTERNAL, "the page is too large");
	return 0;
}

static void put_etag(char out[static ETAG_TEXT_BYTES], struct span hashed)
{
	char hex[CRYPTO_SHA256_HEX_BYTES];

	crypto_sha256_hex(hashed, hex);
	snprintf(out, ETAG_TEXT_BYTES, "W/\"%.*s\"", ETAG_HEX, hex);
}

/* {"notifications":[…],"next":…,"unreadCount":n,"lastEventId":"…","epoch":"…"}
 * The last two are put in turns, to hash without lastEventId. */
static int put_page(const struct api_call *call, struct page *page,
		    char etag[static ETAG_TEXT_BYTES], struct err *err)
{
	struct store_view view = {identity_user(call->who), call->now_ms};
	struct buf *json = &page->json;
	struct store_head head;
	int64_t unread;
	size_t before;

	if (store_head(call->db, &head, err) < 0 ||
	    store_unread_count(call->db, view.user, view.now_ms, &unread, err) <
		0)
		return -1;
	buf_puts(json, "{\"notifications\":[");
	if (store_list(call->db, &view, &page->filter, &page->reader, err) < 0)
		return -1;
	buf_puts(json, "],\"next\":");
	if (page->more)
		buf_printf(json, "\"%lld\"", (long long)page->last_id);
	else
		buf_puts(json, "null");
	buf_printf(json, ",\"unreadCount\":%lld,", (long long)unread);

	before = json->len;
	json_write_string(json, span_of(head.epoch));
	put_etag(etag, buf_span(json));
	buf_truncate(json, before);

	buf_printf(json,
		   "\"lastEventId\":\"%lld\",\"epoch\":", (long long)head.seq);
	json_write_string(json, span_of(head.epoch));
	buf_putc(json, '}');
	return 0;
}

/* ---- the headers ---- */

static void add_next_link(const struct api_call *call, const struct page *page)
{
	struct buf link;

	buf_init(&link, API_QUERY_MAX_BYTES * 3 + 2 * LINK_OVERHEAD_BYTES +
			    strlen(call->config->base_path));
	buf_printf(&link, "<%s?limit=%lld&before=%lld", call->config->base_path,
		   (long long)page->limit, (long long)page->last_id);
	if (page->filter.unread)
		buf_puts(&link, "&unread=1");
	if (page->types.len) {
		buf_puts(&link, "&type=");
		api_encode(&link, buf_span(&page->types));
	}
	buf_puts(&link, ">; rel=\"next\"");
	buf_putc(&link, '\0');
	answer_header(call->answer, "Link", link.data);
	buf_fini(&link);
}

/* Weak comparison.  A compressing web server marks the tags that pass it
 * ("…-gzip"), so the tag may go on after the hash. */
static bool is_known(const struct api_call *call, const char *etag)
{
	const char *known = request_param(call->request, "HTTP_IF_NONE_MATCH");
	char start[ETAG_TEXT_BYTES];

	if (!known)
		return false;
	if (strcmp(known, "*") == 0)
		return true;
	snprintf(start, sizeof(start), "%.*s", ETAG_HEX + 1, etag + 2);
	return strstr(known, start) != NULL;
}

int api_list(struct api_call *call, struct err *err)
{
	struct page page = {
	    .reader = {put_one},
	    .filter = {.types = SPAN_NONE},
	    .limit = LIMIT_DEFAULT,
	};
	char etag[ETAG_TEXT_BYTES];
	int result = -1;

	buf_init(&page.types, API_QUERY_MAX_BYTES);
	buf_init(&page.json, PAGE_MAX_BYTES);
	if (read_query(call, &page, err) < 0 ||
	    put_page(call, &page, etag, err) < 0)
		goto out;
	answer_header(call->answer, "ETag", etag);
	if (page.more)
		add_next_link(call, &page);
	if (is_known(call, etag))
		answer_empty(call->answer, 304);
	else
		answer_json(call->answer, 200, buf_span(&page.json));
	result = 0;
out:
	buf_fini(&page.types);
	buf_fini(&page.json);
	return result;
}

int api_unread_count(struct api_call *call, struct err *err)
{
	struct store_head head;
	int64_t unread;
	struct buf json;

	if (store_head(call->db, &head, err) < 0 ||
	    store_unread_count(call->db, identity_user(call->who), call->now_ms,
			       &unread, err) < 0)
		return -1;
	buf_init(&json, 256);
	buf_printf(&json, "{\"unreadCount\":%lld,\"lastEventId\":\"%lld\"}",
		   (long long)unread, (long long)head.seq);
	answer_json(call->answer, 200, buf_span(&json));
	buf_fini(&json);
	return 0;
}
