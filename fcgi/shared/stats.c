/*
 * stats: a survey of the registry and the head of the journal, side by side.
 * The two are not of one moment; neither is what is done with them.
 */
#include "shared/stats.h"

#include <inttypes.h>
#include <string.h>

#include "config/config.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/json.h"

int stats_read(struct stats *out, const struct stats_source *source,
	       struct db *db, struct err *err)
{
	struct stats stats = {
	    .max_streams = source->config->max_streams,
	    .max_streams_per_user = source->config->max_streams_per_user,
	    .now_ms = clock_wall_ms(),
	};

	if (store_head(db, &stats.head, err) < 0)
		return -1;
	if (source->registry)
		registry_survey(source->registry, &stats.survey);
	else if (registry_survey_database(source->path, &stats.survey, err) < 0)
		return -1;
	*out = stats;
	return 0;
}

void stats_fini(struct stats *stats)
{
	registry_survey_fini(&stats->survey);
}

static void put_users(const struct registry_survey *survey, struct buf *json)
{
	buf_puts(json, ",\"connectionsPerUser\":[");
	for (unsigned i = 0; i < survey->user_count; i++) {
		const struct registry_user *user = &survey->users[i];

		buf_puts(json, i ? ",{\"userId\":" : "{\"userId\":");
		json_write_string(json, span_of(user->name));
		buf_printf(json, ",\"connectionCount\":%u}", user->streams);
	}
	buf_putc(json, ']');
}

static void put_processes(const struct registry_survey *survey,
			  struct buf *json)
{
	char time[CLOCK_RFC3339_BYTES];

	buf_puts(json, ",\"processes\":[");
	for (unsigned i = 0; i < survey->process_count; i++) {
		const struct registry_peer *p = &survey->processes[i];

		buf_printf(json,
			   "%s{\"pid\":%d,\"connectionCount\":%u,"
			   "\"watcher\":%s,\"startedAt\":\"%s\"}",
			   i ? "," : "", p->pid, p->streams,
			   p->watcher ? "true" : "false",
			   clock_rfc3339(time, p->started_at));
	}
	buf_putc(json, ']');
}

void stats_put(const struct stats *stats, struct buf *json)
{
	const struct registry_survey *survey = &stats->survey;

	buf_printf(json, "{\"totalConnections\":%u,\"activeUsers\":%u",
		   survey->streams, survey->user_count);
	put_users(survey, json);
	put_processes(survey, json);
	buf_printf(json,
		   ",\"maxConnections\":%u,\"maxConnectionsPerUser\":%u,"
		   "\"lastEventId\":\"%" PRId64 "\",\"floor\":\"%" PRId64
		   "\",\"epoch\":",
		   stats->max_streams, stats->max_streams_per_user,
		   stats->head.seq, stats->head.floor);
	json_write_string(json, span_of(stats->head.epoch));
	buf_printf(json, ",\"timestamp\":%" PRId64 "}", stats->now_ms);
}
