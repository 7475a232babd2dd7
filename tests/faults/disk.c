/* Makes the disk of a data directory fail, for tests: cc -shared -fPIC -o disk_faults.so disk_faults.c -ldl, then LD_PRELOAD.
 *
 * The file that DISK_FAULTS names has the faults of the moment, each as CALL-FILE: `sync-log` and `sync-database` fail with
 * EIO, as `write-log` and `write-database` do after half of the bytes; `space-log` and `space-database` refuse writes behind
 * the end of the file; `short-log` and `short-database` write half of the bytes at a time.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_faulty(const char *call, int fd) {
    char faults[512] = {0}, link[64], path[4096], fault[64];
    const char *name = getenv("DISK_FAULTS");
    int error = errno, file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return errno = error, 0;
    ssize_t length = read(file, faults, sizeof faults - 1);
    close(file);
    errno = error;
    if (length <= 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    errno = error;
    if (length <= 0) return 0;
    path[length] = 0;
    const char *end = strstr(path, "cognate.sqlite");
    if (!end) return 0;
    end += strlen("cognate.sqlite");
    if (!strcmp(end, "-wal")) snprintf(fault, sizeof fault, "%s-log", call);
    else if (!*end) snprintf(fault, sizeof fault, "%s-database", call);
    else return 0;
    return strstr(faults, fault) != NULL;
}

static ssize_t write_at(int fd, const void *bytes, size_t count, off64_t at) {
    static ssize_t (*original)(int, const void *, size_t, off64_t);
    struct stat file;
    if (!original) original = dlsym(RTLD_NEXT, "pwrite64");
    if (is_faulty("write", fd)) {
        original(fd, bytes, count / 2, at);
        return errno = EIO, -1;
    }
    if (is_faulty("space", fd) && !fstat(fd, &file) && at + (off64_t)count > file.st_size) return errno = ENOSPC, -1;
    if (count > 2 && is_faulty("short", fd)) count = count / 2;
    return original(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) { return write_at(fd, bytes, count, at); }

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return write_at(fd, bytes, count, at); }

int fsync(int fd) {
    static int (*original)(int);
    if (!original) original = dlsym(RTLD_NEXT, "fsync");
    return is_faulty("sync", fd) ? (errno = EIO, -1) : original(fd);
}

int fdatasync(int fd) {
    static int (*original)(int);
    if (!original) original = dlsym(RTLD_NEXT, "fdatasync");
    return is_faulty("sync", fd) ? (errno = EIO, -1) : original(fd);
}
