/*
 * doctor: `belfry doctor [URL]` runs all checks, says what each found, and
 * fails if one failed.
 *
 * A check may be impossible because an earlier one failed: then it is left out.
 * Impossible for a reason of its own, it is said to be skipped.
 */
#include "tool/doctor/internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "lib/err.h"
#include "tool/internal.h"

static void check_configuration(struct doctor *d)
{
	struct err why = {ERR_OK, ""};

	if (!d->cmd->db_path && d->cmd->config->database &&
	    config_check_database(d->cmd->config, NULL, &why) < 0)
		doctor_say(d, DOCTOR_FAIL, "configuration", "%s", why.message);
	else
		doctor_say(d, DOCTOR_OK, "configuration", "%s",
			   d->cmd->config->path
			       ? d->cmd->config->path
			       : "no file, only defaults (--config names one)");
}

/* The database is on another machine, and a credential was given. */
static bool is_remote(const struct doctor *d)
{
	return d->url && (d->token || d->session) && !d->cmd->db_path &&
	       access(d->cmd->path, F_OK) != 0;
}

static int examine(struct doctor *d, struct err *err)
{
	check_configuration(d);
	if (is_remote(d)) {
		doctor_say(d, DOCTOR_SKIP, "database", "%s is not here",
			   d->cmd->path);
	} else if (doctor_files(d)) {
		doctor_database(d);
		doctor_limits(d);
	}
	if (d->url && !doctor_interrupted())
		doctor_stream(d);
	if (doctor_interrupted())
		return err_set(err, ERR_UNAVAILABLE, "interrupted");
	if (d->failed)
		return err_set(err, ERR_CONFIG, "%u of %u checks failed",
			       d->failed, d->done);
	return 0;
}

int cmd_doctor(int argc, char **argv, struct err *err)
{
	const char *quick = NULL, *json = NULL, *insecure = NULL;
	struct cmd cmd;
	struct doctor d = {.cmd = &cmd};
	const struct cmd_option options[] = {
	    {"user", "NAME", "whom the web server runs as (asked as root)",
	     &d.user, false},
	    {"token", "SECRET", "a token to use; else a temporary one is made",
	     &d.token, false},
	    {"session", "SECRET", "the same with a session (cookie)",
	     &d.session, false},
	    {"quick", NULL, "do not wait for a heartbeat", &quick, false},
	    {"insecure", NULL, "take any certificate", &insecure, false},
	    {"json", NULL, "one JSON object per line", &json, false},
	};
	const struct cmd_syntax syntax = {
	    "doctor", "URL",
	    "Checks the database and its folder; with the URL of the site, a "
	    "stream\nthrough its web server too.  Says which line to change.",
	    options, sizeof(options) / sizeof(options[0])};
	int result = cmd_begin(&cmd, &syntax, argc, argv, err);

	if (result <= 0)
		goto out;
	result = -1;
	d.url = cmd.word;
	d.quick = quick != NULL;
	d.json = json != NULL;
	d.insecure = insecure != NULL;
	if (d.url && strncmp(d.url, "http://", 7) != 0 &&
	    strncmp(d.url, "https://", 8) != 0) {
		err_set(err, ERR_USAGE,
			"expected a URL such as https://example.org/, found "
			"\"%s\"",
			d.url);
		goto out;
	}
	if (cmd_configure(&cmd, err) < 0)
		goto out;
	doctor_catch_signals();
	result = examine(&d, err);
out:
	free(d.real_path);
	cmd_end(&cmd);
	return result;
}
