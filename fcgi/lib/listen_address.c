/*
 * Addresses in words.  Two addresses are the same when their words are.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/listen.h"
#include "lib/mem.h"

#define PORT_MAX 65535

static void set_socket(struct listen_address *a, const void *socket,
		       socklen_t size)
{
	memset(a, 0, sizeof(*a));
	memcpy(&a->socket, socket, size);
	a->size = size;
	switch (a->socket.any.sa_family) {
	case AF_UNIX:
		a->is_unix = true;
		return;
	case AF_INET:
		a->is_public = ntohl(a->socket.ip4.sin_addr.s_addr) >> 24 !=
			       IN_LOOPBACKNET;
		return;
	case AF_INET6:
		a->is_public = !IN6_IS_ADDR_LOOPBACK(&a->socket.ip6.sin6_addr);
		return;
	}
}

static int parse_unix(const char *path, struct listen_address *out,
		      struct err *err)
{
	struct sockaddr_un socket = {.sun_family = AF_UNIX};
	size_t length = strlen(path);

	if (!length || path[length - 1] == '/')
		return err_set(err, ERR_USAGE,
			       "expected unix:PATH, found no file name in it");
	if (length >= sizeof(socket.sun_path))
		return err_set(err, ERR_USAGE,
			       "%s: expected at most %zu bytes (the kernel's "
			       "limit for a socket), found %zu",
			       path, sizeof(socket.sun_path) - 1, length);
	memcpy(socket.sun_path, path, length);
	set_socket(out, &socket, sizeof(socket));
	return 0;
}

/* 0 is nobody's port: it would be another one at each start. */
static int parse_port(const char *text, in_port_t *port)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value < 1 || value > PORT_MAX)
		return -1;
	*port = htons((in_port_t)value);
	return 0;
}

static int parse_host(const char *host, in_port_t port,
		      struct listen_address *out)
{
	struct sockaddr_in ip4 = {.sin_family = AF_INET, .sin_port = port};
	struct sockaddr_in6 ip6 = {.sin6_family = AF_INET6, .sin6_port = port};
	size_t length = strlen(host);
	char inner[INET6_ADDRSTRLEN];

	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &ip4.sin_addr) == 1) {
		set_socket(out, &ip4, sizeof(ip4));
		return 0;
	}
	if (length < 3 || length > sizeof(inner) || host[0] != '[' ||
	    host[length - 1] != ']')
		return -1;
	memcpy(inner, host + 1, length - 2);
	inner[length - 2] = '\0';
	if (inet_pton(AF_INET6, inner, &ip6.sin6_addr) != 1)
		return -1;
	set_socket(out, &ip6, sizeof(ip6));
	return 0;
}

int listen_parse(const char *text, struct listen_address *out, struct err *err)
{
	struct listen_address found = {.size = 0};
	const char *colon = strrchr(text, ':');
	in_port_t port;
	char *host;
	int result = -1;

	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, out, err);
	host = mem_strdup(text);
	if (colon && parse_port(colon + 1, &port) == 0) {
		host[colon - text] = '\0';
		result = parse_host(host, port, &found);
	}
	free(host);
	if (result < 0)
		return err_set(err, ERR_USAGE,
			       "expected unix:PATH, or IP:PORT such as "
			       "127.0.0.1:9000 or [::1]:9000, found \"%s\"",
			       text);
	*out = found;
	return 0;
}

static bool is_listening(int fd)
{
	int listening = 0, type = 0;
	socklen_t size = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) ==
		   0 &&
	       listening &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       type == SOCK_STREAM;
}

int listen_address_of(int fd, struct listen_address *out, struct err *err)
{
	struct sockaddr_storage socket;
	socklen_t size = sizeof(socket);

	memset(&socket, 0, sizeof(socket));
	if (!is_listening(fd) ||
	    getsockname(fd, (struct sockaddr *)&socket, &size) < 0 ||
	    size > sizeof(socket) ||
	    (socket.ss_family != AF_UNIX && socket.ss_family != AF_INET &&
	     socket.ss_family != AF_INET6))
		return err_set(err, ERR_USAGE,
			       "descriptor %d: expected a listening stream "
			       "socket (unix or TCP)",
			       fd);
	set_socket(out, &socket, size);
	return 0;
}

const char *listen_text(const struct listen_address *address,
			char out[static LISTEN_TEXT_BYTES])
{
	char host[INET6_ADDRSTRLEN] = "";

	switch (address->socket.any.sa_family) {
	case AF_UNIX:
		snprintf(out, LISTEN_TEXT_BYTES, "unix:%.*s",
			 (int)sizeof(address->socket.un.sun_path),
			 address->socket.un.sun_path);
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &address->socket.ip6.sin6_addr, host,
			  sizeof(host));
		snprintf(out, LISTEN_TEXT_BYTES, "[%s]:%u", host,
			 ntohs(address->socket.ip6.sin6_port));
		break;
	default:
		inet_ntop(AF_INET, &address->socket.ip4.sin_addr, host,
			  sizeof(host));
		snprintf(out, LISTEN_TEXT_BYTES, "%s:%u", host,
			 ntohs(address->socket.ip4.sin_port));
	}
	return out;
}

bool listen_same(const struct listen_address *a, const struct listen_address *b)
{
	char one[LISTEN_TEXT_BYTES], other[LISTEN_TEXT_BYTES];

	return strcmp(listen_text(a, one), listen_text(b, other)) == 0;
}
