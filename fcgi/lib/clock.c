/*
 * Dates by arithmetic on the proleptic Gregorian calendar, with years that
 * start in March so that the leap day comes last (H. Hinnant,
 * "chrono-compatible low-level date algorithms").  Not gmtime() and strftime():
 * four dates are written for each notification that is sent, and libc's way
 * takes ten times as long.
 */
#include "lib/clock.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#define MS_PER_DAY     INT64_C(86400000)
#define DAYS_PER_ERA   146097 /* 400 years */
#define DAYS_TO_EPOCH  719468 /* from 0000-03-01 to 1970-01-01 */
#define RFC3339_MIN_MS INT64_C(-62167219200000) /* 0000-01-01T00:00 */
#define RFC3339_MAX_MS INT64_C(253402300799999) /* end of 9999 */

struct date {
	int64_t year;
	int month, day; /* from 1 */
};

int64_t clock_wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_mono_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct date date_of_days(int64_t days)
{
	int64_t shifted = days + DAYS_TO_EPOCH; /* >= 0: see RFC3339_MIN_MS */
	int64_t era, doe, yoe, doy, mp;
	struct date d;

	/* 0000-01-01 lies in the era before. */
	era = (shifted >= 0 ? shifted : shifted - (DAYS_PER_ERA - 1)) /
	      DAYS_PER_ERA;
	doe = shifted - era * DAYS_PER_ERA;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153; /* March is 0 */
	d.day = (int)(doy - (153 * mp + 2) / 5 + 1);
	d.month = (int)(mp < 10 ? mp + 3 : mp - 9);
	d.year = yoe + era * 400 + (d.month <= 2);
	return d;
}

static int64_t days_of_date(const struct date *d)
{
	int64_t year = d->year - (d->month <= 2);
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t yoe = year - era * 400;
	int64_t mp = (d->month + 9) % 12;
	int64_t doy = (153 * mp + 2) / 5 + d->day - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * DAYS_PER_ERA + doe - DAYS_TO_EPOCH;
}

static char *put_digits(char *p, int64_t value, int digits)
{
	int i;

	for (i = digits - 1; i >= 0; i--) {
		p[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return p + digits;
}

const char *clock_rfc3339(char out[static CLOCK_RFC3339_BYTES], int64_t ms)
{
	int64_t days, rest;
	struct date d;
	char *p = out;

	if (ms < RFC3339_MIN_MS)
		ms = RFC3339_MIN_MS;
	if (ms > RFC3339_MAX_MS)
		ms = RFC3339_MAX_MS;
	days = ms / MS_PER_DAY - (ms % MS_PER_DAY < 0);
	rest = ms - days * MS_PER_DAY;
	d = date_of_days(days);

	p = put_digits(p, d.year, 4);
	*p++ = '-';
	p = put_digits(p, d.month, 2);
	*p++ = '-';
	p = put_digits(p, d.day, 2);
	*p++ = 'T';
	p = put_digits(p, rest / 3600000, 2);
	*p++ = ':';
	p = put_digits(p, rest / 60000 % 60, 2);
	*p++ = ':';
	p = put_digits(p, rest / 1000 % 60, 2);
	*p++ = '.';
	p = put_digits(p, rest % 1000, 3);
	*p++ = 'Z';
	*p = '\0';
	return out;
}

/* Takes exactly that many digits and then the character after them, if any. */
static bool take(const char **p, int digits, const char *after, int *out)
{
	int value = 0;

	while (digits-- > 0) {
		if (**p < '0' || **p > '9')
			return false;
		value = value * 10 + (*(*p)++ - '0');
	}
	if (*after) {
		if (!**p || !strchr(after, **p))
			return false;
		(*p)++;
	}
	*out = value;
	return true;
}

static bool date_exists(const struct date *d)
{
	static const signed char days[] = {31, 28, 31, 30, 31, 30,
					   31, 31, 30, 31, 30, 31};
	bool leap =
	    d->year % 4 == 0 && (d->year % 100 != 0 || d->year % 400 == 0);

	return d->month >= 1 && d->month <= 12 && d->day >= 1 &&
	       d->day <= days[d->month - 1] + (leap && d->month == 2);
}

/* ".678" and finer; finer than a millisecond is dropped. */
static bool take_fraction(const char **p, int *ms)
{
	int digits = 0, value = 0;

	if (**p != '.')
		return true;
	for ((*p)++; **p >= '0' && **p <= '9'; (*p)++, digits++)
		value = digits < 3 ? value * 10 + (**p - '0') : value;
	if (digits == 0 || digits > 9)
		return false;
	for (; digits < 3; digits++)
		value *= 10;
	*ms = value;
	return true;
}

static bool take_offset(const char **p, int64_t *minutes)
{
	int sign = **p == '-' ? -1 : 1;
	int h, m;

	if (**p == 'Z' || **p == 'z') {
		(*p)++;
		return true;
	}
	if (**p != '+' && **p != '-')
		return false;
	(*p)++;
	if (!take(p, 2, ":", &h) || !take(p, 2, "", &m) || h > 23 || m > 59)
		return false;
	*minutes = sign * (h * 60 + m);
	return true;
}

int clock_parse_rfc3339(const char *text, int64_t *ms)
{
	const char *p = text;
	int64_t offset = 0, seconds;
	int year, h, m, s, fraction = 0;
	struct date d;

	if (!take(&p, 4, "-", &year) || !take(&p, 2, "-", &d.month) ||
	    !take(&p, 2, "Tt", &d.day) || !take(&p, 2, ":", &h) ||
	    !take(&p, 2, ":", &m) || !take(&p, 2, "", &s))
		return -1;
	d.year = year;
	/* 60 is a leap second, which Unix time counts as the next one. */
	if (!date_exists(&d) || h > 23 || m > 59 || s > 60)
		return -1;
	if (!take_fraction(&p, &fraction) || !take_offset(&p, &offset) || *p)
		return -1;
	seconds = days_of_date(&d) * 86400 + h * 3600 + m * 60 + s;
	*ms = (seconds - offset * 60) * 1000 + fraction;
	return 0;
}
