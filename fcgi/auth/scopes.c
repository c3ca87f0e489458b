/*
 * scopes: the words read, publish and admin, and their bits.
 */
#include <string.h>

#include "auth/auth.h"
#include "auth/internal.h"
#include "lib/err.h"
#include "lib/log.h"

static const struct scope {
	const char *name;
	unsigned bit;
} scopes_known[] = {
    {"read", SCOPE_READ},
    {"publish", SCOPE_PUBLISH},
    {"admin", SCOPE_ADMIN},
};
#define SCOPES (sizeof(scopes_known) / sizeof(scopes_known[0]))

/* The next word between commas and blanks; SPAN_NONE at the end. */
static struct span next_word(struct span *rest)
{
	struct span word;

	while (rest->len && strchr(", \t", rest->data[0])) {
		rest->data++;
		rest->len--;
	}
	word = (struct span){rest->data, 0};
	while (word.len < rest->len && !strchr(", \t", word.data[word.len]))
		word.len++;
	rest->data = rest->data ? rest->data + word.len : NULL;
	rest->len -= word.len;
	return word.len ? word : SPAN_NONE;
}

static unsigned scope_of(struct span word)
{
	for (size_t i = 0; i < SCOPES; i++)
		if (span_equal_text(word, scopes_known[i].name))
			return scopes_known[i].bit;
	return 0;
}

int auth_parse_scopes(struct span text, unsigned *scopes, struct err *err)
{
	char found[LOG_TEXT_BYTES];
	struct span rest = text, word;
	unsigned bits = 0;

	while ((word = next_word(&rest)).data) {
		unsigned bit = scope_of(word);

		if (!bit)
			return err_set(err, ERR_INVALID,
				       "expected the scopes read, publish or "
				       "admin, found %s",
				       log_text(found, word));
		bits |= bit;
	}
	if (!bits)
		return err_set(err, ERR_INVALID,
			       "expected at least one of the scopes read, "
			       "publish and admin, found none");
	*scopes = bits;
	return 0;
}

unsigned auth_scopes_of_row(struct span text)
{
	struct span word;
	unsigned bits = 0;

	while ((word = next_word(&text)).data)
		bits |= scope_of(word);
	return bits;
}

const char *auth_scopes_text(unsigned scopes)
{
	static const char *const texts[] = {
	    "",	     "read",	   "publish",	    "read,publish",
	    "admin", "read,admin", "publish,admin", "read,publish,admin",
	};

	return texts[scopes & (SCOPE_READ | SCOPE_PUBLISH | SCOPE_ADMIN)];
}
