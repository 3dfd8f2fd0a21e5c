/* Counts what a program does to files below a folder, and kills it before step N; preloaded into a program under test.
 *
 * CRASH_FOLDER  the folder; nothing else is counted
 * CRASH_AT      kill before this step (1 is the first); 0 only counts
 * CRASH_PID     count in this process only; without it, crash_arm() says when and where
 * CRASH_LOSE    before it kills, cut off what was appended to files and not synced: a loss of power
 * CRASH_LOG     a file to which each step is appended
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define FILES 512

static struct { char path[PATH_MAX]; off_t synced; int dirty; } files[FILES];
static pthread_mutex_t turn = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static char folder[PATH_MAX];
static size_t folder_length;
static long count, at = -1;
static pid_t who;
static int lose, logging = -1;

void crash_arm(long step, int losing) {
    count = 0;
    at = step;
    lose = losing;
    who = getpid();
    memset(files, 0, sizeof files);
}

long crash_count(void) { return count; }

__attribute__((constructor)) static void begin(void) {
    const char *where = getenv("CRASH_FOLDER"), *step = getenv("CRASH_AT"), *pid = getenv("CRASH_PID");
    const char *log = getenv("CRASH_LOG");
    if (where && realpath(where, folder)) folder_length = strlen(folder);
    if (log) logging = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (step && pid && atol(pid) == getpid()) crash_arm(atol(step), getenv("CRASH_LOSE") != NULL);
}

static int inside(const char *path) {
    return folder_length && strncmp(path, folder, folder_length) == 0 && (path[folder_length] == '/' || !path[folder_length]);
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = 0;
    return length > 0 && inside(path);
}

static int path_at(int dir, const char *name, char *path) {
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        return inside(path);
    }
    char parent[PATH_MAX];
    if (dir == AT_FDCWD || !path_of(dir, parent)) return 0;
    if (snprintf(path, PATH_MAX, "%s/%s", parent, name) >= PATH_MAX) return 0;
    return inside(path);
}

static int find(const char *path, int make) {
    int unused = -1;
    for (int i = 0; i < FILES; i++) {
        if (strcmp(files[i].path, path) == 0) return i;
        if (!files[i].path[0] && unused < 0) unused = i;
    }
    if (make && unused >= 0) {
        struct stat found;
        snprintf(files[unused].path, PATH_MAX, "%s", path);
        files[unused].synced = stat(path, &found) == 0 ? found.st_size : 0; /* what was there before is on the disk */
        files[unused].dirty = 0;
        return unused;
    }
    return -1;
}

static void step(const char *what, const char *path) {
    if (at < 0 || who != getpid()) return;
    pthread_mutex_lock(&turn);
    count++;
    if (logging >= 0) dprintf(logging, "%ld %s %s\n", count, what, path + folder_length);
    if (count == at) {
        for (int i = 0; lose && i < FILES; i++)
            if (files[i].path[0] && files[i].dirty) (void)!truncate(files[i].path, files[i].synced);
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    pthread_mutex_unlock(&turn);
}

static void wrote(int fd, const char *path) {
    (void)fd;
    if (at < 0 || who != getpid()) return;
    pthread_mutex_lock(&turn);
    int i = find(path, 1);
    if (i >= 0) files[i].dirty = 1;
    pthread_mutex_unlock(&turn);
}

static void synced(int fd, const char *path) {
    struct stat found;
    pthread_mutex_lock(&turn);
    int i = find(path, 0);
    if (i >= 0 && fstat(fd, &found) == 0) files[i].synced = found.st_size, files[i].dirty = 0;
    pthread_mutex_unlock(&turn);
}

static void moved(const char *from, const char *to) {
    pthread_mutex_lock(&turn);
    size_t length = strlen(from);
    for (int i = 0; i < FILES; i++) {
        if (to && strcmp(files[i].path, to) == 0) files[i].path[0] = 0;
        if (strncmp(files[i].path, from, length) || (files[i].path[length] && files[i].path[length] != '/')) continue;
        if (!to) {
            files[i].path[0] = 0;
        } else {
            char path[PATH_MAX];
            if (snprintf(path, PATH_MAX, "%s%s", to, files[i].path + length) < PATH_MAX) strcpy(files[i].path, path);
        }
    }
    pthread_mutex_unlock(&turn);
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define WRITES(name, parameters, arguments) \
    ssize_t name parameters { \
        REAL(name); \
        char path[PATH_MAX]; \
        int ours = at >= 0 && path_of(fd, path); \
        if (ours) step("write", path), wrote(fd, path); \
        return real arguments; \
    }

WRITES(write, (int fd, const void *data, size_t size), (fd, data, size))
WRITES(pwrite, (int fd, const void *data, size_t size, off_t offset), (fd, data, size, offset))
WRITES(pwrite64, (int fd, const void *data, size_t size, off64_t offset), (fd, data, size, offset))

#define SYNCS(name) \
    int name(int fd) { \
        REAL(name); \
        char path[PATH_MAX]; \
        int ours = at >= 0 && path_of(fd, path); \
        if (ours) step(#name, path); \
        int status = real(fd); \
        if (ours && status == 0) synced(fd, path); \
        return status; \
    }

SYNCS(fsync)
SYNCS(fdatasync)

#define CUTS(name, type) \
    int name(int fd, type size) { \
        REAL(name); \
        char path[PATH_MAX]; \
        if (at >= 0 && path_of(fd, path)) step("truncate", path); \
        return real(fd, size); \
    }

CUTS(ftruncate, off_t)
CUTS(ftruncate64, off64_t)

int rename(const char *from, const char *to) {
    REAL(rename);
    int ours = at >= 0 && inside(to);
    if (ours) step("rename", to);
    int status = real(from, to);
    if (ours && status == 0) moved(from, to);
    return status;
}

int unlink(const char *path) {
    REAL(unlink);
    if (at >= 0 && inside(path)) step("unlink", path), moved(path, NULL);
    return real(path);
}

int unlinkat(int dir, const char *name, int flags) {
    REAL(unlinkat);
    char path[PATH_MAX];
    if (at >= 0 && path_at(dir, name, path)) step(flags & AT_REMOVEDIR ? "rmdir" : "unlink", path), moved(path, NULL);
    return real(dir, name, flags);
}

int rmdir(const char *path) {
    REAL(rmdir);
    if (at >= 0 && inside(path)) step("rmdir", path);
    return real(path);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    if (at >= 0 && inside(path)) step("mkdir", path);
    return real(path, mode);
}
