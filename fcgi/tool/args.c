/*
 * args: options by getopt_long, from the command's own table; its --help
 * from the same.
 */
#include "tool/internal.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/value.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/mem.h"
#include "lib/utf8.h"

#define OPTIONS_MAX	16
#define BUSY_TIMEOUT_MS 10000
#define TEXT_BYTES	512

enum { OPTION_HELP = 'h', OPTION_FIRST = 256 };

static void print_option(const char *name, const char *value, const char *help)
{
	char text[TEXT_BYTES];

	snprintf(text, sizeof(text), "--%s%s%s", name, value ? " " : "",
		 value ? value : "");
	printf("  %-20s %s\n", text, help);
}

static void print_help(const struct cmd_syntax *syntax,
		       const struct cmd_option *common, size_t common_count)
{
	printf("usage: belfry %s [OPTION]...%s%s%s\n\n%s\n\n", syntax->name,
	       syntax->word ? " [" : "", syntax->word ? syntax->word : "",
	       syntax->word ? "]" : "", syntax->purpose);
	for (size_t i = 0; i < syntax->option_count; i++)
		print_option(syntax->options[i].name, syntax->options[i].value,
			     syntax->options[i].help);
	for (size_t i = 0; i < common_count; i++)
		print_option(common[i].name, common[i].value, common[i].help);
	print_option("help", NULL, "this text");
}

static void add(struct option *out, size_t *n, const struct cmd_option *options,
		size_t count)
{
	for (size_t i = 0; i < count && *n < OPTIONS_MAX; i++, (*n)++) {
		out[*n].name = options[i].name;
		out[*n].has_arg =
		    options[i].value ? required_argument : no_argument;
		out[*n].val = OPTION_FIRST + (int)*n;
	}
}

static int bad_option(const struct cmd_syntax *syntax, char found, char *word,
		      struct err *err)
{
	return err_set(err, ERR_USAGE, "%s: %s (see belfry %s --help)", word,
		       found == ':' ? "expected a value after it"
				    : "no such option",
		       syntax->name);
}

static int take(struct cmd *cmd, const struct cmd_option *option,
		struct err *err)
{
	char *joined;

	if (!*option->text) {
		*option->text = optarg ? optarg : option->name;
		return 0;
	}
	if (!option->many)
		return err_set(err, ERR_USAGE,
			       "--%s: expected once, found twice",
			       option->name);
	joined = mem_new(strlen(*option->text) + strlen(optarg) + 2);
	sprintf(joined, "%s,%s", *option->text, optarg);
	free(cmd->joined);
	*option->text = cmd->joined = joined;
	return 0;
}

int cmd_begin(struct cmd *cmd, const struct cmd_syntax *syntax, int argc,
	      char **argv, struct err *err)
{
	const struct cmd_option common[] = {
	    {"db", "FILE",
	     "the database (else the configuration's, else "
	     "./belfry.db)",
	     &cmd->db_path, false},
	    {"config", "FILE", "the configuration (else $BELFRY_CONFIG)",
	     &cmd->config_path, false},
	};
	const size_t common_count = sizeof(common) / sizeof(common[0]);
	struct option known[OPTIONS_MAX + 2] = {{0}};
	size_t n = 0;
	int found;

	memset(cmd, 0, sizeof(*cmd));
	add(known, &n, syntax->options, syntax->option_count);
	add(known, &n, common, common_count);
	known[n] = (struct option){"help", no_argument, NULL, OPTION_HELP};
	opterr = 0;
	optind = 0; /* GNU: start anew */
	while ((found = getopt_long(argc, argv, ":h", known, NULL)) != -1) {
		const struct cmd_option *option;
		size_t i = (size_t)(found - OPTION_FIRST);

		if (found == OPTION_HELP) {
			print_help(syntax, common, common_count);
			return 0;
		}
		if (found < OPTION_FIRST)
			return bad_option(syntax, (char)found, argv[optind - 1],
					  err);
		option = i < syntax->option_count
			     ? &syntax->options[i]
			     : &common[i - syntax->option_count];
		if (take(cmd, option, err) < 0)
			return -1;
	}
	if (optind < argc && syntax->word)
		cmd->word = argv[optind++];
	if (optind < argc)
		return err_set(err, ERR_USAGE,
			       "expected no argument \"%s\" (see belfry %s "
			       "--help)",
			       argv[optind], syntax->name);
	return 1;
}

int cmd_configure(struct cmd *cmd, struct err *err)
{
	if (config_load(&cmd->config, cmd->config_path, CONFIG_HOST_ANY, err) <
	    0)
		return -1;
	cmd->path = cmd->db_path;
	if (!cmd->path)
		cmd->path = cmd->config->database;
	if (!cmd->path)
		cmd->path = "./belfry.db";
	return 0;
}

int cmd_open_database(struct cmd *cmd, enum cmd_access access, struct err *err)
{
	struct db_options options = {
	    .path = cmd->path,
	    .readonly = access == CMD_READ,
	    .create = access == CMD_CREATE,
	    .busy_timeout_ms = BUSY_TIMEOUT_MS,
	    .synchronous_full = cmd->config->synchronous_full,
	};

	return db_open(&cmd->db, &options, err);
}

int cmd_open(struct cmd *cmd, struct err *err)
{
	if (cmd_configure(cmd, err) < 0)
		return -1;
	return cmd_open_database(cmd, CMD_WRITE, err);
}

void cmd_end(struct cmd *cmd)
{
	db_close(cmd->db);
	config_free(cmd->config);
	free(cmd->joined);
}

int cmd_require(const char *option, const char *text, struct err *err)
{
	if (text && *text)
		return 0;
	return err_set(err, ERR_USAGE,
		       text ? "--%s: expected a text, found none"
			    : "expected --%s",
		       option);
}

int cmd_duration(const char *option, const char *text, int64_t min_ms,
		 int64_t *ms, struct err *err)
{
	int64_t found;

	if (config_parse_duration(text, &found) < 0 || found < min_ms)
		return err_set(err, ERR_USAGE,
			       "--%s: expected a duration such as 90s, 12h or "
			       "30d, found \"%s\"",
			       option, text);
	*ms = found;
	return 0;
}

void cmd_print_text(struct span text, int width)
{
	char line[TEXT_BYTES];

	utf8_line(line, sizeof(line), text);
	printf("%-*s", width, line);
}
