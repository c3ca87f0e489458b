/*
 * cgi: the one request of a CGI process (RFC 3875).
 *
 * The environment becomes a complete gathering, as the records of a FastCGI web
 * server do.  So everything after that is the same code.  The request id is
 * FCGI_NO_RECORDS: an answer to that id is framed without records.  The rest of
 * the program knows no more of CGI.
 *
 * Before the first thread, as it reads the environment.
 */
#ifndef BELFRY_LIB_CGI_H
#define BELFRY_LIB_CGI_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct fcgi_gather;

/* Has a web server started this process for one request?  What is on the
 * command line then comes from the visitor (RFC 3875, 4.4). */
bool cgi_is_request(void);

/* Fills *g (not yet initialised) from the environment and standard input.
 * Blocks until the body is there, 30 s at most.  On failure *g is empty;
 * ERR_HANGUP: the body broke off. */
int cgi_gather(struct fcgi_gather *g, size_t body_max_bytes, struct err *err);

/* A descriptor of its own for the answer, non-blocking; /dev/null takes the
 * place of standard input and output, for whatever would read or print. */
int cgi_take_output(int *fd, struct err *err);

#endif
