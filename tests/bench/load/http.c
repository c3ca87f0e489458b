/*
 * http: the smallest decoder that the servers measured here need.
 *
 * Chunks are decoded in place (what comes out is never longer than what went
 * in) and a byte of framing at a time, which costs little, as most bytes are
 * data and move with one memmove per chunk.
 */
#include "http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Value of a header in a head that ends with a blank line, or NULL. */
static const char *header(const char *head, const char *end, const char *name)
{
	size_t n = strlen(name);
	const char *line = head;

	while ((line = memchr(line, '\n', (size_t)(end - line)))) {
		line++;
		if ((size_t)(end - line) <= n)
			return NULL;
		if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
			line += n + 1;
			return line + strspn(line, " ");
		}
	}
	return NULL;
}

static bool begins(const char *value, const char *word)
{
	return value && strncasecmp(value, word, strlen(word)) == 0;
}

ssize_t http_head(struct http *h, const char *data, size_t len)
{
	const char *end = memmem(data, len, "\r\n\r\n", 4), *value;

	if (!end)
		return len > 65536 ? -1 : 0;
	if (len < 12 || strncmp(data, "HTTP/1.", 7) != 0)
		return -1;
	*h = (struct http){.status = atoi(data + 9), .line_empty = true};
	h->close = data[7] == '0' ||
		   begins(header(data, end + 2, "Connection"), "close");
	value = header(data, end + 2, "Content-Length");
	if (begins(header(data, end + 2, "Transfer-Encoding"), "chunked")) {
		h->body = HTTP_CHUNK_SIZE;
	} else if (value) {
		h->body = HTTP_LENGTH;
		h->left = strtoull(value, NULL, 10);
	}
	if (h->status == 204 || (h->body == HTTP_LENGTH && h->left == 0))
		h->body = HTTP_DONE;
	return end + 4 - data;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 32) >= 'a' && (c | 32) <= 'f')
		return (c | 32) - 'a' + 10;
	return -1;
}

static int size_byte(struct http *h, char c)
{
	if (c == '\n') {
		h->body = h->left ? HTTP_CHUNK_DATA : HTTP_TRAILER;
		h->size_ends = false;
		h->line_empty = true;
	} else if (c == ';' || c == '\r') {
		h->size_ends = true;
	} else if (!h->size_ends) {
		if (hex(c) < 0)
			return -1;
		h->left = h->left * 16 + (uint64_t)hex(c);
	}
	return 0;
}

static int framing_byte(struct http *h, char c)
{
	switch (h->body) {
	case HTTP_CHUNK_SIZE:
		return size_byte(h, c);
	case HTTP_CHUNK_END:
		if (c == '\n')
			h->body = HTTP_CHUNK_SIZE;
		return c == '\n' || c == '\r' ? 0 : -1;
	case HTTP_TRAILER:
		if (c == '\n' && h->line_empty)
			h->body = HTTP_DONE;
		h->line_empty = c == '\n' || (c == '\r' && h->line_empty);
		return 0;
	case HTTP_UNTIL_CLOSE:
	case HTTP_LENGTH:
	case HTTP_CHUNK_DATA:
	case HTTP_DONE:
		break;
	}
	return 0;
}

ssize_t http_decode(struct http *h, char *data, size_t len)
{
	size_t in = 0, out = 0, n;

	if (h->body == HTTP_UNTIL_CLOSE)
		return (ssize_t)len;
	while (in < len && h->body != HTTP_DONE) {
		if (h->body != HTTP_CHUNK_DATA && h->body != HTTP_LENGTH) {
			if (framing_byte(h, data[in++]) < 0)
				return -1;
			continue;
		}
		n = len - in < h->left ? len - in : (size_t)h->left;
		if (out != in)
			memmove(data + out, data + in, n);
		in += n;
		out += n;
		h->left -= n;
		if (h->left == 0)
			h->body =
			    h->body == HTTP_LENGTH ? HTTP_DONE : HTTP_CHUNK_END;
	}
	return (ssize_t)out;
}
