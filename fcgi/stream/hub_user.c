/*
 * hub_user: the index of the people who have open streams, by user id.
 */
#include <stdlib.h>

#include "lib/mem.h"
#include "stream/internal.h"

struct user *hub_find_user(struct hub *hub, struct span id)
{
	struct user *user = NULL;

	HASH_FIND(hh, hub->users, id.data, id.len, user);
	return user;
}

struct user *hub_make_user(struct hub *hub, struct span id)
{
	struct user *user = hub_find_user(hub, id);

	if (user)
		return user;
	user = mem_new(sizeof(*user));
	user->id = span_dup(id);
	user->id_len = id.len;
	HASH_ADD_KEYPTR(hh, hub->users, user->id, user->id_len, user);
	return user;
}

void hub_drop_user_if_alone(struct hub *hub, struct user *user)
{
	if (user->streams)
		return;
	HASH_DEL(hub->users, user);
	free(user->id);
	free(user);
}
