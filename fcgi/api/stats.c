/*
 * stats: who listens, over all processes.
 */
#include "shared/stats.h"
#include "api/answer.h"
#include "api/internal.h"

int api_stats(struct api_call *call, struct err *err)
{
	const struct stats_source source = {.config = call->config,
					    .registry = call->registry};
	struct stats stats;
	struct buf json;

	if (stats_read(&stats, &source, call->db, err) < 0)
		return -1;
	buf_init(&json, STATS_MAX_BYTES);
	stats_put(&stats, &json);
	answer_json(call->answer, 200, buf_span(&json));
	buf_fini(&json);
	stats_fini(&stats);
	return 0;
}
