/*
 * probe: a client of the site for one run, and what the checks through the web
 * server ask of it.  Its user, token and notifications are made for this run
 * and removed at its end.  After a run that was killed they expire.
 */
#ifndef BELFRY_CMD_DOCTOR_PROBE_H
#define BELFRY_CMD_DOCTOR_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "tool/doctor/http.h"
#include "tool/doctor/internal.h"

#define PROBE_WAIT_NS	INT64_C(5000000000)
#define PROBE_URL_BYTES 2048

struct probe {
	struct doctor *d;
	char base[PROBE_URL_BYTES]; /* URL of the API */
	char user[64];		    /* "": a credential was given, not made */
	char secret[64];
	int64_t token_id;	       /* 0: none was made */
	bool by_ticket;		       /* Authorization does not arrive */
	char server[HTTP_FIELD_BYTES]; /* its Server header */
	enum doctor_via via;
	struct http http;     /* the stream */
	size_t at;	      /* its events have been taken up to here */
	char cursor[24];      /* the id of the last event that had one */
	char closed[32];      /* why the responder has ended it, or "" */
	int64_t heartbeat_ms; /* as its event `connected` says, like poll */
	bool poll;
};

/* Makes the credential unless one was given.  -1: there is neither that nor a
 * database. */
int probe_open(struct probe *p, struct doctor *d, struct err *err);
/* Removes what was made. */
void probe_close(struct probe *p);

/* GET base + path, to its end, in at most so long: its status (0: none).
 * http_stop follows in any case. */
int probe_get(struct probe *p, const char *path, struct http *out);
/* Opens the stream, again from where it was. */
int probe_stream(struct probe *p, struct err *err);
/* The next event of that name before the deadline.  It is given up only after
 * another request, sent after the deadline, has been answered: a busy machine
 * delays both alike. */
bool probe_event(struct probe *p, const char *name, int64_t deadline_ns,
		 struct http_event *out);
/* How long a request takes now. */
int64_t probe_round_trip_ms(struct probe *p);
/* A notification for the probe's user. */
int probe_notify(struct probe *p, const char *title, struct err *err);
/* Ends the credential, and so its streams. */
int probe_revoke(struct probe *p, struct err *err);

/* Looks how the responder was started, for p->via.  A CGI process can be seen
 * only while its stream is open, so a way that was seen once is kept. */
void probe_look(struct probe *p);
void probe_advise(struct probe *p, enum doctor_symptom symptom);
int64_t probe_ms(int64_t from_ns, int64_t to_ns);

/* ---- checks; false: the next one needs what this one has not found ---- */

bool probe_check_server(struct probe *p);     /* reach.c */
bool probe_check_credential(struct probe *p); /* reach.c */
bool probe_check_heartbeat(struct probe *p);  /* silence.c */
void probe_check_hangup(struct probe *p);     /* silence.c */

#endif
