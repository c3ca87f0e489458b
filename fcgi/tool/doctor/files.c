/*
 * files: can each user that must write the database write all of it?
 *
 * SQLite makes two more files in the folder: -wal and -shm.  Their owner is the
 * user that connects first.  So the folder and all files need one group (the
 * folder's, by its setgid bit) with the same rights.  A -wal of another group
 * locks the other users out.  No file is opened here: closing a database by
 * hand would drop the locks of this process.
 */
#include "tool/doctor/internal.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/err.h"
#include "tool/internal.h"

#define GROUPS_MAX 64

static const char *const suffixes[] = {"",
				       "-wal",
				       "-shm",
				       "-belfry.d",
				       "-belfry.d/head-1",
				       "-belfry.d/registry-1"};
#define SUFFIXES (sizeof(suffixes) / sizeof(suffixes[0]))
#define PATHS	 (1 + (int)SUFFIXES)

struct place {
	const char *path; /* the database's */
	char dir[PATH_MAX];
	struct stat dir_stat, file_stat;
};

/* Path 1 is the folder, 2 the database, then come the files beside it. */
static void path_of(const struct place *place, int number,
		    char out[static PATH_MAX + 16])
{
	snprintf(out, PATH_MAX + 16, "%s%s",
		 number == 1 ? place->dir : place->path,
		 number == 1 ? "" : suffixes[number - 2]);
}

/* ---- the folder ---- */

static bool is_ours(const struct place *place, const char *name)
{
	const char *base = strrchr(place->path, '/') + 1;
	size_t n = strlen(base);

	return strncmp(name, base, n) == 0 &&
	       (name[n] == '\0' || name[n] == '-');
}

/* Counts the names in the folder that do not belong to the database; one of
 * them is the example. */
static unsigned count_others(const struct place *place,
			     char example[static NAME_MAX + 1])
{
	DIR *dir = opendir(place->dir);
	struct dirent *entry;
	unsigned count = 0;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || is_ours(place, entry->d_name))
			continue;
		snprintf(example, NAME_MAX + 1, "%s", entry->d_name);
		count++;
	}
	if (dir)
		closedir(dir);
	return count;
}

static void check_folder(struct doctor *d, const struct place *place)
{
	const struct stat *st = &place->dir_stat;
	char example[NAME_MAX + 1] = "";
	unsigned others = count_others(place, example);
	unsigned mode = st->st_mode & 07777;

	if (mode & S_IWOTH) {
		doctor_say(d, DOCTOR_FAIL, "folder",
			   "%s: anybody may write there (mode %04o)",
			   place->dir, mode);
		doctor_change(d, NULL, "chmod o-rwx %s", place->dir);
	} else if ((place->file_stat.st_mode & S_IWGRP) && (mode & S_IXGRP) &&
		   !(mode & S_IWGRP)) {
		doctor_say(d, DOCTOR_FAIL, "folder",
			   "%s: the group may write the database, but not the "
			   "folder, where SQLite makes -wal and -shm (mode "
			   "%04o)",
			   place->dir, mode);
		doctor_change(d, NULL, "chmod 2770 %s", place->dir);
	} else if ((mode & S_IWGRP) && !(mode & S_ISGID)) {
		doctor_say(d, DOCTOR_WARN, "folder",
			   "%s: a file that is made here gets its maker's "
			   "group, not the folder's (mode %04o)",
			   place->dir, mode);
		doctor_change(d, NULL, "chmod g+s %s", place->dir);
	} else if (others) {
		doctor_say(d, DOCTOR_WARN, "folder",
			   "%s: not the database's own: \"%s\"%s; whatever is "
			   "written here wakes the responder",
			   place->dir, example,
			   others > 1 ? " and others" : "");
	} else {
		doctor_say(d, DOCTOR_OK, "folder", "%s, mode %04o", place->dir,
			   mode);
	}
}

/* ---- the files ---- */

static bool check_file(struct doctor *d, const struct place *place, int number)
{
	const struct stat *base = &place->file_stat;
	/* The rights of others are looked at in check_rights. */
	const unsigned rights = S_IRWXU | S_IRWXG;
	char path[PATH_MAX + 16];
	unsigned wanted = base->st_mode & rights;
	struct stat st;

	path_of(place, number, path);
	if (stat(path, &st) < 0)
		return true;	 /* -wal and -shm go with the last connection */
	if (S_ISDIR(st.st_mode)) /* who may read may go in */
		wanted |= (wanted & (S_IRUSR | S_IRGRP)) >> 2;
	if (st.st_gid != base->st_gid) {
		doctor_say(d, DOCTOR_FAIL, "rights",
			   "%s: group %u, the database's is %u", path,
			   st.st_gid, base->st_gid);
		doctor_change(d, NULL, "chgrp %u %s", base->st_gid, path);
		return false;
	}
	if ((st.st_mode & wanted) != wanted) {
		doctor_say(d, DOCTOR_FAIL, "rights",
			   "%s: mode %04o, the database's is %04o", path,
			   st.st_mode & rights, base->st_mode & rights);
		doctor_change(d, NULL, "chmod %04o %s", wanted, path);
		return false;
	}
	return true;
}

static void check_rights(struct doctor *d, const struct place *place)
{
	const struct stat *st = &place->file_stat;
	bool good = true;

	for (int i = 3; i <= PATHS; i++)
		good = check_file(d, place, i) && good;
	/* Where the folder keeps others out, the file's mode does not matter.
	 */
	if ((st->st_mode & S_IRWXO) && (place->dir_stat.st_mode & S_IXOTH)) {
		doctor_say(d, DOCTOR_WARN, "rights",
			   "%s: others than its group may %s it (mode %04o)",
			   place->path,
			   st->st_mode & S_IWOTH ? "write" : "read",
			   st->st_mode & 07777);
		doctor_change(d, NULL, "chmod o-rwx %s", place->path);
		good = false;
	}
	if (good)
		doctor_say(d, DOCTOR_OK, "rights", "uid %u, gid %u, mode %04o",
			   st->st_uid, st->st_gid, st->st_mode & 07777);
}

/* ---- one user's rights, as the kernel sees them ---- */

struct person {
	uid_t uid;
	gid_t gid, groups[GROUPS_MAX];
	size_t count;
};

static bool is_member(const struct group *group, const char *name)
{
	for (char **member = group->gr_mem; *member; member++)
		if (strcmp(*member, name) == 0)
			return true;
	return false;
}

/* Reads the files themselves: a program that is linked statically can't use the
 * other sources of users and groups (NSS). */
static bool find_person(const char *name, struct person *out)
{
	FILE *users = fopen("/etc/passwd", "re");
	FILE *groups = fopen("/etc/group", "re");
	struct passwd *user = NULL;
	struct group *group;

	while (users && (user = fgetpwent(users)))
		if (strcmp(user->pw_name, name) == 0)
			break;
	if (user)
		*out =
		    (struct person){.uid = user->pw_uid, .gid = user->pw_gid};
	while (user && groups && (group = fgetgrent(groups)))
		if (is_member(group, name) && out->count < GROUPS_MAX)
			out->groups[out->count++] = group->gr_gid;
	if (users)
		fclose(users);
	if (groups)
		fclose(groups);
	return user != NULL;
}

/* The number of the first path (path_of) that is refused; 0: none is. */
static int find_refused(const struct place *place)
{
	char path[PATH_MAX + 16];
	int wanted;

	for (int i = 1; i <= PATHS; i++) {
		path_of(place, i, path);
		wanted = i == 1 ? R_OK | W_OK | X_OK : R_OK | W_OK;
		if (access(path, wanted) != 0 && errno != ENOENT)
			return i;
	}
	return 0;
}

static int find_refused_to(const struct place *place,
			   const struct person *person)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		if (setgroups(person->count, person->groups) < 0 ||
		    setgid(person->gid) < 0 || setuid(person->uid) < 0)
			_exit(UCHAR_MAX);
		_exit(find_refused(place));
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
		return UCHAR_MAX;
	return WEXITSTATUS(status);
}

static void check_access(struct doctor *d, const struct place *place)
{
	struct person person = {0};
	char who[128], what[PATH_MAX + 16];
	int refused;

	snprintf(who, sizeof(who), "%s",
		 d->user ? d->user : "the user of this command");
	if (d->user && geteuid() != 0) {
		doctor_say(d, DOCTOR_SKIP, "access",
			   "--user %s: only root can try that", d->user);
		return;
	}
	if (d->user && !find_person(d->user, &person)) {
		doctor_say(d, DOCTOR_FAIL, "access",
			   "--user %s: not in /etc/passwd", d->user);
		return;
	}
	refused =
	    d->user ? find_refused_to(place, &person) : find_refused(place);
	if (refused == 0) {
		doctor_say(d, DOCTOR_OK, "access",
			   "%s may write the folder and every file", who);
		return;
	}
	if (refused == UCHAR_MAX) {
		doctor_say(d, DOCTOR_SKIP, "access", "%s: can't be tried", who);
		return;
	}
	path_of(place, refused, what);
	doctor_say(d, DOCTOR_FAIL, "access", "%s may not write %s", who, what);
	/* Nobody is to be put into root's group. */
	if (d->user && place->file_stat.st_gid == 0)
		doctor_change(d, NULL, "chgrp -R %u %s && chmod 2770 %s",
			      person.gid, place->dir, place->dir);
	else if (d->user)
		doctor_change(d, NULL, "usermod -aG \"$(stat -c %%G %s)\" %s",
			      place->path, d->user);
}

bool doctor_files(struct doctor *d)
{
	struct place place;
	char copy[PATH_MAX];

	d->real_path = realpath(d->cmd->path, NULL);
	if (!d->real_path || stat(d->real_path, &place.file_stat) < 0) {
		doctor_say(d, DOCTOR_FAIL, "database", "%s: %s", d->cmd->path,
			   strerror(errno));
		doctor_change(d, NULL, "belfry init --db %s", d->cmd->path);
		return false;
	}
	place.path = d->real_path;
	snprintf(copy, sizeof(copy), "%s", place.path);
	snprintf(place.dir, sizeof(place.dir), "%s", dirname(copy));
	if (stat(place.dir, &place.dir_stat) < 0) {
		doctor_say(d, DOCTOR_FAIL, "folder", "%s: %s", place.dir,
			   strerror(errno));
		return false;
	}
	check_folder(d, &place);
	check_rights(d, &place);
	check_access(d, &place);
	return true;
}
