/*
 * metrics: what came of a request, counted; and all that is counted, as
 * Prometheus takes it.
 */
#include "shared/metrics.h"
#include "api/answer.h"
#include "api/internal.h"
#include "config/config.h"
#include "inbox/store.h"
#include "lib/err.h"
#include "shared/registry.h"

#define TEXT_MAX_BYTES (256u * 1024)

int api_metrics(struct api_call *call, struct err *err)
{
	struct store_head head;
	struct buf out;

	if (store_head(call->db, &head, err) < 0)
		return -1;
	buf_init(&out, TEXT_MAX_BYTES);
	metrics_put_gauge(&out, "belfry_streams", "Streams that are open.",
			  registry_streams(call->registry));
	metrics_put_gauge(&out, "belfry_streams_limit", "max_streams.",
			  call->config->max_streams);
	metrics_put_gauge(&out, "belfry_journal_head",
			  "Id of the journal's newest event.", head.seq);
	metrics_put_gauge(&out, "belfry_journal_floor",
			  "Highest id that was pruned.", head.floor);
	metrics_put_gauge(&out, "belfry_journal_followed",
			  "1: the process that answers can follow the journal.",
			  registry_usable(call->registry));
	metrics_put(call->api->metrics, &out);
	answer_text(call->answer, "text/plain; version=0.0.4; charset=utf-8",
		    buf_span(&out));
	buf_fini(&out);
	return 0;
}

static enum metric connect_result(int status)
{
	if (status == 200)
		return METRIC_CONNECT_OPENED;
	if (status == 401 || status == 403)
		return METRIC_CONNECT_DENIED;
	if (status == 429)
		return METRIC_CONNECT_LIMITED;
	return status == 503 ? METRIC_CONNECT_REFUSED : METRIC_CONNECT_FAILED;
}

void api_count_connect(const struct api_call *call, int status)
{
	if (call->route && call->route->handler == api_stream &&
	    !call->answer->head_only)
		metrics_add(call->api->metrics, connect_result(status), 1);
}

void api_count_error(const struct api_call *call, const struct err *err)
{
	static const enum metric metric_of[ERR_CODES] = {
	    [ERR_BUSY] = METRIC_DATABASE_BUSY,
	    [ERR_READONLY] = METRIC_DATABASE_READONLY,
	    [ERR_FULL] = METRIC_DATABASE_FULL,
	    [ERR_CORRUPT] = METRIC_DATABASE_CORRUPT,
	    [ERR_IO] = METRIC_DATABASE_IO,
	    [ERR_UNAVAILABLE] = METRIC_DATABASE_UNAVAILABLE,
	};

	if (metric_of[err->code])
		metrics_add(call->api->metrics, metric_of[err->code], 1);
}
