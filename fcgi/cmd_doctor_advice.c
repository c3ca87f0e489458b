/*
 * cmd_doctor_advice: a symptom, a web server and how the responder was started
 * give the line to change, and the file of this project that has it.
 *
 * One table, and every row that fits is printed: where it can't be told how
 * the responder was started, that may be several.
 */
#include "cmd_doctor.h"

#include <string.h>
#include <strings.h>

#include "cmd_internal.h"
#include "config.h"

#define ANY	0u
#define SERVICE (1u << VIA_SERVICE)
#define CHILD	(1u << VIA_CHILD)
#define CGI	(1u << VIA_CGI)

static const struct advice {
	enum doctor_symptom symptom;
	const char *server; /* how its Server header begins; "" is any other */
	unsigned via;
	const char *file, *line;
} advices[] = {
    {SYMPTOM_HELD, "lighttpd", ANY, "lighttpd.conf",
     "server.stream-response-body = 2"},
    {SYMPTOM_HELD, "Apache", CHILD, "apache/fcgid.conf",
     "FcgidOutputBufferSize 0"},
    {SYMPTOM_HELD, "Apache", CHILD, "belfry.conf",
     "stream_mode = poll  (where Apache's configuration is not yours; and no "
     "BELFRY_STREAM_MODE)"},
    {SYMPTOM_HELD, "Apache", SERVICE, "apache/proxy.conf",
     "ProxyPass … flushpackets=on"},
    {SYMPTOM_HELD, "Apache", CGI, "apache/cgi.conf",
     "SetEnv no-gzip 1  (an output filter keeps it back)"},
    {SYMPTOM_HELD, "nginx", ANY, "nginx.conf", "fastcgi_buffering off;"},
    {SYMPTOM_HELD, "", ANY, "belfry.conf",
     "stream_mode = poll  (or let the web server pass on each piece)"},

    {SYMPTOM_POLL, "Apache", CHILD, "apache/fcgid.conf",
     "FcgidOutputBufferSize 0"},
    {SYMPTOM_POLL, "Apache", CHILD, "apache/fcgid.conf",
     "FcgidInitialEnv BELFRY_STREAM_MODE stream  (with the line above)"},
    {SYMPTOM_POLL, "", ANY, "belfry.conf", "stream_mode = stream"},

    {SYMPTOM_CUT, "lighttpd", ANY, "lighttpd.conf",
     "server.max-write-idle = 360  (and no \"read-timeout\")"},
    {SYMPTOM_CUT, "Apache", CHILD, "apache/fcgid.conf", "FcgidIOTimeout 300"},
    {SYMPTOM_CUT, "Apache", SERVICE, "apache/proxy.conf",
     "ProxyPass … timeout=300"},
    {SYMPTOM_CUT, "Apache", CGI, "apache/cgi.conf", "CGIDScriptTimeout 300"},
    {SYMPTOM_CUT, "nginx", ANY, "nginx.conf", "fastcgi_read_timeout 300s;"},
    {SYMPTOM_CUT, "", ANY, "belfry.conf",
     "heartbeat = 10s  (or a longer timeout in the web server)"},

    {SYMPTOM_NO_AUTHORIZATION, "Apache", SERVICE, "apache/proxy.conf",
     "CGIPassAuth On"},
    {SYMPTOM_NO_AUTHORIZATION, "Apache", CHILD, "apache/fcgid.conf",
     "CGIPassAuth On"},
    {SYMPTOM_NO_AUTHORIZATION, "Apache", CGI, "apache/cgi.conf",
     "CGIPassAuth On"},
    {SYMPTOM_NO_AUTHORIZATION, "Apache", CHILD | CGI, "apache/htaccess",
     "CGIPassAuth On"},
    {SYMPTOM_NO_AUTHORIZATION, "nginx", ANY, "nginx.conf",
     "fastcgi_pass_request_headers on;"},
    {SYMPTOM_NO_AUTHORIZATION, "", ANY, "the web server's configuration",
     "pass Authorization on as HTTP_AUTHORIZATION"},

    {SYMPTOM_COMPRESSED, "lighttpd", ANY, "lighttpd.conf",
     "deflate.mimetypes = ( )  (for this path)"},
    {SYMPTOM_COMPRESSED, "Apache", SERVICE, "apache/proxy.conf",
     "SetEnv no-gzip 1"},
    {SYMPTOM_COMPRESSED, "Apache", CHILD, "apache/fcgid.conf",
     "SetEnv no-gzip 1"},
    {SYMPTOM_COMPRESSED, "Apache", CGI, "apache/cgi.conf", "SetEnv no-gzip 1"},
    {SYMPTOM_COMPRESSED, "nginx", ANY, "nginx.conf", "gzip off;"},
    {SYMPTOM_COMPRESSED, "", ANY, "the web server's configuration",
     "no compression of text/event-stream"},

    {SYMPTOM_HANGUP, "lighttpd", CHILD | SERVICE, "lighttpd.conf",
     "\"tcp-fin-propagate\" => \"enable\""},
    {SYMPTOM_HANGUP, "lighttpd", CGI, "lighttpd-cgi.conf",
     "cgi.limits = ( \"tcp-fin-propagate\" => \"SIGTERM\" )"},
    {SYMPTOM_HANGUP, "nginx", ANY, "nginx.conf",
     "fastcgi_ignore_client_abort off;"},

    {SYMPTOM_UNMAPPED, "lighttpd", ANY, "lighttpd.conf",
     "fastcgi.server = ( \"%s\" => … \"check-local\" => \"disable\" …)"},
    {SYMPTOM_UNMAPPED, "Apache", ANY, "apache/proxy.conf",
     "ProxyPass \"%s\" …  (or ScriptAlias: apache/fcgid.conf, "
     "apache/cgi.conf)"},
    {SYMPTOM_UNMAPPED, "nginx", ANY, "nginx.conf",
     "location ~ ^%s(/|$) { fastcgi_pass … }"},
    {SYMPTOM_UNMAPPED, "", ANY, "the web server's configuration",
     "lead %s to belfry"},

    {SYMPTOM_DOWN, "lighttpd", ANY, "lighttpd.conf",
     "\"bin-path\" => …  (its error log says why it did not start)"},
    {SYMPTOM_DOWN, "Apache", ANY, "apache/proxy.conf",
     "ProxyPass \"%s\" \"unix:…\"  (does belfry serve listen there? "
     "systemctl status belfry.service)"},
    {SYMPTOM_DOWN, "nginx", ANY, "nginx.conf",
     "fastcgi_pass unix:…;  (does belfry serve listen there? systemctl status "
     "belfry.service)"},
    {SYMPTOM_DOWN, "", ANY, "the web server's error log",
     "why does belfry not start?"},
};
#define ADVICES (sizeof(advices) / sizeof(advices[0]))

/* Of lines with a place for it. */
static void print(struct doctor *d, const struct advice *advice)
{
	const char *base = d->cmd->config->base_path;
	const char *place = strstr(advice->line, "%s");

	if (place)
		doctor_change(d, advice->file, "%.*s%s%s",
			      (int)(place - advice->line), advice->line, base,
			      place + 2);
	else
		doctor_change(d, advice->file, "%s", advice->line);
}

static unsigned print_all(struct doctor *d, enum doctor_symptom symptom,
			  const char *server, enum doctor_via via)
{
	unsigned count = 0;

	for (size_t i = 0; i < ADVICES; i++) {
		const struct advice *a = &advices[i];
		size_t n = strlen(a->server);

		if (a->symptom != symptom ||
		    (n ? strncasecmp(server, a->server, n) != 0 : *server) ||
		    (a->via && via && !(a->via & (1u << via))))
			continue;
		print(d, a);
		count++;
	}
	return count;
}

void doctor_advise(struct doctor *d, enum doctor_symptom symptom,
		   const char *server, enum doctor_via via)
{
	if (print_all(d, symptom, server, via) == 0)
		print_all(d, symptom, "", via);
}
