/* Makes calls that change files fail, or kills the process at one of them. Loaded with LD_PRELOAD.
 *
 *   FAULTS_ROOT   only calls on files below this directory count, and all on relative paths
 *   FAULTS_COUNT  file that gets the names of the calls, one a line, when the process ends
 *   FAULTS_AT     number of the call that fails, from 1
 *   FAULTS_HOW    `kill`, or the number of an error; with `+` behind it, calls that need space keep
 *                 failing from then on, as on a disk that is full
 *   FAULTS_OLD    if set, the kernel knows neither exchanges of names nor renames that refuse to
 *                 replace, as on file systems without them
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILES = 4096, CALLS = 1 << 16 };

static const char *root, *count_path, *how;
static long at;
static int error_number, stays, kills;
static atomic_long calls;
static const char *names[CALLS];
static atomic_uchar ours[FILES];

/* Renames with flags go to the kernel without a function of the C library in between. */
static void forget_renameat2(void) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof *program, program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
        _exit(99);
}

__attribute__((constructor)) static void start(void) {
    root = getenv("FAULTS_ROOT");
    count_path = getenv("FAULTS_COUNT");
    how = getenv("FAULTS_HOW");
    const char *number = getenv("FAULTS_AT");
    at = number ? atol(number) : 0;
    if (how) {
        kills = strcmp(how, "kill") == 0;
        error_number = atoi(how);
        stays = strchr(how, '+') != NULL;
    }
    if (getenv("FAULTS_OLD")) forget_renameat2();
}

__attribute__((destructor)) static void end(void) {
    if (!count_path) return;
    const char *path = count_path;
    root = NULL;
    FILE *file = fopen(path, "w");
    if (!file) _exit(99);
    long total = atomic_load(&calls);
    for (long call = 0; call < total && call < CALLS; call++) fprintf(file, "%s\n", names[call]);
    fclose(file);
}

static int path_is_ours(int directory, const char *path) {
    if (!root || !path) return 0;
    if (path[0] == '/') return strncmp(path, root, strlen(root)) == 0;
    return directory == AT_FDCWD || (directory >= 0 && directory < FILES && ours[directory]);
}

static int file_is_ours(int file) { return root && file >= 0 && file < FILES && ours[file]; }

/* Counts a call; true if it is to fail, with `errno` set. */
static int fails(const char *name, int needs_space) {
    long call = atomic_fetch_add(&calls, 1) + 1;
    if (call <= CALLS) names[call - 1] = name;
    if (!at || call < at || (call > at && !(stays && needs_space))) return 0;
    if (kills) {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    errno = error_number;
    return 1;
}

#define NEXT(name, ...) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int opened(int file, int is_ours) {
    if (file >= 0 && file < FILES) ours[file] = is_ours;
    return file;
}

#define OPEN(name)                                                                     \
    int name(const char *path, int flags, ...) {                                       \
        va_list rest;                                                                  \
        va_start(rest, flags);                                                         \
        mode_t mode = va_arg(rest, mode_t);                                            \
        va_end(rest);                                                                  \
        int is_ours = path_is_ours(AT_FDCWD, path);                                    \
        if (is_ours && fails(#name, flags & O_CREAT)) return -1;                       \
        return opened(NEXT(name)(path, flags, mode), is_ours);                         \
    }
#define OPENAT(name)                                                                   \
    int name(int directory, const char *path, int flags, ...) {                        \
        va_list rest;                                                                  \
        va_start(rest, flags);                                                         \
        mode_t mode = va_arg(rest, mode_t);                                            \
        va_end(rest);                                                                  \
        int is_ours = path_is_ours(directory, path);                                   \
        if (is_ours && fails(#name, flags & O_CREAT)) return -1;                       \
        return opened(NEXT(name)(directory, path, flags, mode), is_ours);              \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* A call on a path or a file that fails as a whole. */
#define CALL(name, parameters, arguments, is_ours, needs_space)                        \
    int name parameters {                                                              \
        if ((is_ours) && fails(#name, needs_space)) return -1;                         \
        return NEXT(name) arguments;                                                   \
    }
CALL(fsync, (int file), (file), file_is_ours(file), 1)
CALL(fdatasync, (int file), (file), file_is_ours(file), 1)
CALL(ftruncate64, (int file, off64_t length), (file, length), file_is_ours(file), 1)
CALL(fchmod, (int file, mode_t mode), (file, mode), file_is_ours(file), 0)
CALL(chmod, (const char *path, mode_t mode), (path, mode), path_is_ours(AT_FDCWD, path), 0)
CALL(flock, (int file, int operation), (file, operation), file_is_ours(file), 0)
CALL(mkdir, (const char *path, mode_t mode), (path, mode), path_is_ours(AT_FDCWD, path), 1)
CALL(rmdir, (const char *path), (path), path_is_ours(AT_FDCWD, path), 0)
CALL(unlink, (const char *path), (path), path_is_ours(AT_FDCWD, path), 0)
CALL(unlinkat, (int directory, const char *path, int flags), (directory, path, flags),
     path_is_ours(directory, path), 0)
CALL(rename, (const char *from, const char *to), (from, to), path_is_ours(AT_FDCWD, to), 0)
CALL(linkat, (int from_at, const char *from, int to_at, const char *to, int flags),
     (from_at, from, to_at, to, flags), path_is_ours(to_at, to), 1)

/* A file is closed also where the call says that it failed. */
int close(int file) {
    int failed = file_is_ours(file) && fails("close", 0), cause = errno;
    if (file >= 0 && file < FILES) ours[file] = 0;
    int result = NEXT(close)(file);
    if (!failed) return result;
    errno = cause;
    return -1;
}

/* Half of the bytes arrive before the call fails or the process is killed. */
#define WRITE(name, parameters, arguments, half)                                       \
    ssize_t name parameters {                                                          \
        if (!file_is_ours(file)) return NEXT(name) arguments;                          \
        if (at && atomic_load(&calls) + 1 == at && (half) > 0) NEXT(write)(file, bytes, half); \
        if (fails(#name, 1)) return -1;                                                \
        return NEXT(name) arguments;                                                   \
    }
WRITE(write, (int file, const void *bytes, size_t length), (file, bytes, length), length / 2)

ssize_t writev(int file, const struct iovec *parts, int number) {
    if (file_is_ours(file) && fails("writev", 1)) return -1;
    return NEXT(writev)(file, parts, number);
}
