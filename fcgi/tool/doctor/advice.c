/*
 * advice: one table.  A symptom, a web server and how the responder was started
 * lead to the line to change and to the file of this project that has it.
 *
 * Every row that fits is printed.  Several may fit when it is not known how the
 * responder was started.
 */
#include "tool/doctor/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/config.h"
#include "tool/internal.h"

#define LINE_BYTES (2 * PATH_MAX)

#define SERVICE (1u << VIA_SERVICE)
#define CHILD	(1u << VIA_CHILD)
#define CGI	(1u << VIA_CGI)
#define ACCOUNT (1u << VIA_ACCOUNT)
/* By files of the web server's own configuration. */
#define OURS (SERVICE | CHILD | CGI)
#define ANY  (OURS | ACCOUNT)

static const char *const apache_files[] = {
    [VIA_SERVICE] = "apache/proxy.conf",
    [VIA_CHILD] = "apache/fcgid.conf",
    [VIA_CGI] = "apache/cgi.conf",
    [VIA_ACCOUNT] = ".htaccess",
};

/* In a line, {base} is base_path, {config} the configuration's path, {program}
 * this program's.  The rows of a symptom for any other server come last. */
static const struct advice {
	enum doctor_symptom symptom;
	const char *server; /* how its Server header begins; "" is any other */
	unsigned via;	    /* the ways of starting the row is for */
	const char *file;   /* NULL: the file of Apache for that way */
	const char *line;
} advices[] = {
    {SYMPTOM_HELD, "lighttpd", SERVICE | CHILD, "lighttpd.conf",
     "server.stream-response-body = 2"},
    {SYMPTOM_HELD, "lighttpd", CGI, "lighttpd-cgi.conf",
     "server.stream-response-body = 2"},
    {SYMPTOM_HELD, "Apache", CHILD, NULL, "FcgidOutputBufferSize 0"},
    {SYMPTOM_HELD, "Apache", CHILD, "belfry.conf",
     "stream_mode = poll  (where Apache's configuration is not yours; and no "
     "BELFRY_STREAM_MODE)"},
    {SYMPTOM_HELD, "Apache", SERVICE, NULL, "ProxyPass … flushpackets=on"},
    {SYMPTOM_HELD, "Apache", CGI, NULL,
     "SetEnv no-gzip 1  (an output filter keeps it back)"},
    {SYMPTOM_HELD, "Apache", ACCOUNT, "belfry.conf",
     "stream_mode = poll  (and no BELFRY_STREAM_MODE)"},
    {SYMPTOM_HELD, "nginx", ANY, "nginx.conf", "fastcgi_buffering off;"},
    {SYMPTOM_HELD, "", ANY, "belfry.conf",
     "stream_mode = poll  (or let the web server pass on each piece)"},

    {SYMPTOM_POLL, "Apache", CHILD, NULL, "FcgidOutputBufferSize 0"},
    {SYMPTOM_POLL, "Apache", CHILD, NULL,
     "FcgidInitialEnv BELFRY_STREAM_MODE stream  (with the line above)"},
    {SYMPTOM_POLL, "", ANY, "belfry.conf", "stream_mode = stream"},

    {SYMPTOM_CUT, "lighttpd", SERVICE | CHILD, "lighttpd.conf",
     "server.max-write-idle = 360  (and no \"read-timeout\")"},
    {SYMPTOM_CUT, "lighttpd", CGI, "lighttpd-cgi.conf",
     "server.max-write-idle = 360  (and no \"read-timeout\" in cgi.limits)"},
    {SYMPTOM_CUT, "Apache", CHILD, NULL, "FcgidIOTimeout 300"},
    {SYMPTOM_CUT, "Apache", SERVICE, NULL, "ProxyPass … timeout=300"},
    {SYMPTOM_CUT, "Apache", CGI, NULL, "CGIDScriptTimeout 300"},
    {SYMPTOM_CUT, "nginx", ANY, "nginx.conf", "fastcgi_read_timeout 300s;"},
    {SYMPTOM_CUT, "", ANY, "belfry.conf",
     "heartbeat = 10s  (or a longer timeout in the web server)"},

    {SYMPTOM_NO_AUTHORIZATION, "Apache", ANY, NULL, "CGIPassAuth On"},
    {SYMPTOM_NO_AUTHORIZATION, "nginx", ANY, "nginx.conf",
     "fastcgi_pass_request_headers on;"},
    {SYMPTOM_NO_AUTHORIZATION, "", ANY, "the web server's configuration",
     "pass Authorization on as HTTP_AUTHORIZATION"},

    {SYMPTOM_COMPRESSED, "lighttpd", ANY, "lighttpd.conf",
     "deflate.mimetypes = ( )  (for this path)"},
    {SYMPTOM_COMPRESSED, "Apache", ANY, NULL, "SetEnv no-gzip 1"},
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
     "fastcgi.server = ( \"{base}\" => … \"check-local\" => \"disable\" …)"},
    {SYMPTOM_UNMAPPED, "Apache", OURS, "apache/proxy.conf",
     "ProxyPass \"{base}\" …  (or Alias in apache/fcgid.conf, ScriptAlias in "
     "apache/cgi.conf)"},
    {SYMPTOM_UNMAPPED, "Apache", ACCOUNT, NULL,
     "RewriteRule … \"belfry.fcgi\" [END]  (before all other rules, in the "
     "site's folder, beside belfry.fcgi)"},
    {SYMPTOM_UNMAPPED, "Apache", ACCOUNT, NULL,
     "AddHandler fcgid-script .fcgi"},
    {SYMPTOM_UNMAPPED, "nginx", ANY, "nginx.conf",
     "location ~ ^{base}(/|$) { fastcgi_pass … }"},
    {SYMPTOM_UNMAPPED, "", ANY, "the web server's configuration",
     "lead {base} to belfry"},

    {SYMPTOM_DOWN, "lighttpd", SERVICE | CHILD, "lighttpd.conf",
     "\"bin-path\" => … or \"socket\" => …  (its error log says why nobody "
     "answers there)"},
    {SYMPTOM_DOWN, "lighttpd", CGI, "lighttpd-cgi.conf",
     "\"BELFRY_CONFIG\" => \"{config}\"  (its error log says why it failed)"},
    {SYMPTOM_DOWN, "Apache", SERVICE, NULL,
     "ProxyPass \"{base}\" \"unix:…\"  (does belfry serve listen there? "
     "systemctl status belfry.service)"},
    {SYMPTOM_DOWN, "Apache", CHILD, NULL,
     "FcgidInitialEnv BELFRY_CONFIG \"{config}\"  (the error log says why it "
     "does not start)"},
    {SYMPTOM_DOWN, "Apache", CGI, NULL,
     "SetEnv BELFRY_CONFIG \"{config}\"  (the error log says why it failed)"},
    {SYMPTOM_DOWN, "Apache", ACCOUNT, "belfry.fcgi",
     "BELFRY_CONFIG={config}  (and its mode 755)"},
    {SYMPTOM_DOWN, "Apache", ACCOUNT, "belfry.fcgi", "exec {program}"},
    {SYMPTOM_DOWN, "nginx", ANY, "nginx.conf",
     "fastcgi_pass unix:…;  (does belfry serve listen there? systemctl status "
     "belfry.service)"},
    {SYMPTOM_DOWN, "", ANY, "the web server's error log",
     "why does belfry not start?"},
};
#define ADVICES (sizeof(advices) / sizeof(advices[0]))

/* `text` in place of `name` in the line at `line`, if that is there. */
static void fill(char line[static LINE_BYTES], const char *name,
		 const char *text)
{
	char *place = strstr(line, name);
	char rest[LINE_BYTES];

	if (!place)
		return;
	snprintf(rest, sizeof(rest), "%s", place + strlen(name));
	snprintf(place, (size_t)(line + LINE_BYTES - place), "%s%s", text,
		 rest);
}

static void print(struct doctor *d, const char *file, const char *text)
{
	const struct config *config = d->cmd->config;
	char line[LINE_BYTES], program[PATH_MAX];
	char *path = config->path ? realpath(config->path, NULL) : NULL;

	doctor_own_path(program);
	snprintf(line, sizeof(line), "%s", text);
	fill(line, "{base}", config->base_path);
	fill(line, "{config}", path ? path : "…/belfry.conf");
	fill(line, "{program}", program);
	doctor_change(d, file, "%s", line);
	free(path);
}

static void print_row(struct doctor *d, const struct advice *a, unsigned ways)
{
	if (a->file) {
		print(d, a->file, a->line);
		return;
	}
	for (unsigned via = VIA_SERVICE; via <= VIA_ACCOUNT; via++)
		if (ways & (1u << via))
			print(d, apache_files[via], a->line);
}

void doctor_advise(struct doctor *d, enum doctor_symptom symptom,
		   const char *server, enum doctor_via via)
{
	/* An unknown way is never an account's, as that one can be seen. */
	const unsigned possible = via ? 1u << via : OURS;
	bool found = false;

	for (size_t i = 0; i < ADVICES; i++) {
		const struct advice *a = &advices[i];
		size_t n = strlen(a->server);

		if (a->symptom != symptom || !(a->via & possible) ||
		    (n ? strncasecmp(server, a->server, n) != 0 : found))
			continue;
		print_row(d, a, a->via & possible);
		found = true;
	}
}
