/* loop: order within a turn, objects that go while events are delivered. */
#include "lib/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/err.h"

struct pair {
	struct loop *loop;
	struct loop_io io;
	struct pair *other;
	int pipe[2];
	int called;
};

/* Whoever comes first takes the other one away, whose event is there too. */
static void take_other_away(struct loop_io *io, uint32_t events)
{
	struct pair *p = CONTAINER_OF(io, struct pair, io);

	(void)events;
	p->called++;
	loop_unwatch(p->loop, &p->other->io);
	loop_stop(p->loop);
}

static void no_event_reaches_what_was_unwatched(void **state)
{
	struct pair a = {.io.ready = take_other_away, .other = NULL};
	struct pair b = {.io.ready = take_other_away, .other = &a};
	struct loop *loop;
	struct err err;

	(void)state;
	a.other = &b;
	assert_int_equal(loop_open(&loop, &err), 0);
	a.loop = b.loop = loop;
	assert_int_equal(pipe(a.pipe) | pipe(b.pipe), 0);
	assert_int_equal(loop_watch(loop, &a.io, a.pipe[0], EPOLLIN, &err), 0);
	assert_int_equal(loop_watch(loop, &b.io, b.pipe[0], EPOLLIN, &err), 0);
	assert_int_equal(write(a.pipe[1], "x", 1) + write(b.pipe[1], "x", 1),
			 2);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(a.called + b.called, 1);
	loop_close(loop);
	for (int i = 0; i < 2; i++) {
		close(a.pipe[i]);
		close(b.pipe[i]);
	}
}

struct ticker {
	struct loop *loop;
	struct loop_timer timer;
	int *order;
	int name, *at;
};

static void tick(struct loop_timer *timer)
{
	struct ticker *t = CONTAINER_OF(timer, struct ticker, timer);

	t->order[(*t->at)++] = t->name;
	if (*t->at == 3)
		loop_stop(t->loop);
}

static void timers_fire_in_order_of_time(void **state)
{
	int order[3] = {0}, at = 0;
	struct ticker t[4];
	struct loop *loop;
	struct err err;
	int64_t now;

	(void)state;
	assert_int_equal(loop_open(&loop, &err), 0);
	now = loop_now_ns(loop);
	for (int i = 0; i < 4; i++)
		t[i] = (struct ticker){.loop = loop,
				       .timer.fire = tick,
				       .order = order,
				       .name = i,
				       .at = &at};
	loop_timer_set(loop, &t[2].timer, now + 3000);
	loop_timer_set(loop, &t[0].timer, now + 90000000);
	loop_timer_set(loop, &t[1].timer, now + 2000);
	loop_timer_set(loop, &t[3].timer, now + 1000);
	loop_timer_stop(loop, &t[3].timer);
	loop_timer_set(loop, &t[0].timer, now + 1000); /* moved */
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(order[0], 0);
	assert_int_equal(order[1], 1);
	assert_int_equal(order[2], 2);
	loop_close(loop);
}

#define MAILS 1000

struct letter {
	struct loop_mail mail;
	struct loop *loop;
	int number, *next;
};

static void open_letter(struct loop_mail *mail)
{
	struct letter *l = CONTAINER_OF(mail, struct letter, mail);

	assert_int_equal(*l->next, l->number);
	if (++*l->next == MAILS)
		loop_stop(l->loop);
}

static void *send_letters(void *argument)
{
	struct letter *letters = argument;

	for (int i = 0; i < MAILS; i++)
		loop_post(letters[i].loop, &letters[i].mail);
	return NULL;
}

static void mail_of_a_thread_comes_whole_and_in_order(void **state)
{
	static struct letter letters[MAILS];
	struct loop *loop;
	pthread_t thread;
	struct err err;
	int next = 0;

	(void)state;
	assert_int_equal(loop_open(&loop, &err), 0);
	for (int i = 0; i < MAILS; i++)
		letters[i] =
		    (struct letter){{open_letter, NULL}, loop, i, &next};
	assert_int_equal(pthread_create(&thread, NULL, send_letters, letters),
			 0);
	assert_int_equal(loop_run(loop, &err), 0);
	pthread_join(thread, NULL);
	assert_int_equal(next, MAILS);
	loop_close(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_event_reaches_what_was_unwatched),
	    cmocka_unit_test(timers_fire_in_order_of_time),
	    cmocka_unit_test(mail_of_a_thread_comes_whole_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
