/* The file layer of the simulation: cc -shared -fPIC -o disk.so disk.c -ldl, then LD_PRELOAD. It notes what happens to the
 * database and its write-ahead log, so that a power cut can lose what wasn't synced, and makes calls fail.
 *
 * SIMULATION_DISK names a folder with two files. `control` has seven numbers of 64 bits, which both sides change:
 *   0  how many calls are left until the power goes; negative where it stays
 *   1  1 once the power is gone: from then on, every call fails
 *   2  which calls fail, a sum of: 1 syncs of the log, 2 of the database, 4 writes to the log, 8 to the database (after half
 *      of the bytes), 16 writes behind the end of a file, 32 writes end after half of their bytes, without an error
 *   3  how many calls fail; negative for all
 *   4  how many calls there were
 *   5  1 if syncs aren't noted: a disk that answers before it has stored anything
 * `journal` gets the calls: a header (kind, file, two bytes of zeros, length, offset), then the bytes of a write.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CUT_IN, IS_CUT, FAILING, FAILURES, CALLS, LIES, NUMBERS };
enum { SYNC_LOG = 1, SYNC_DATABASE = 2, WRITE_LOG = 4, WRITE_DATABASE = 8, SPACE = 16, SHORT = 32 };
enum { WRITE = 1, TRUNCATE, SYNC, FAILED_SYNC, UNLINK };
enum { DATABASE, LOG, OTHER };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile int64_t *control;
static int journal = -1;

static int (*real_open)(const char *, int, ...);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static int (*real_fsync)(int);
static int (*real_ftruncate)(int, off64_t);
static int (*real_unlink)(const char *);

__attribute__((constructor)) static void begin(void) {
    real_open = dlsym(RTLD_NEXT, "open64");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    const char *folder = getenv("SIMULATION_DISK");
    char path[4096];
    if (!folder) return;
    snprintf(path, sizeof path, "%s/control", folder);
    int file = real_open(path, O_RDWR | O_CLOEXEC);
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, NUMBERS * 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    snprintf(path, sizeof path, "%s/journal", folder);
    journal = real_open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (mapped == MAP_FAILED || journal < 0) {
        fprintf(stderr, "the simulated disk has no files in %s\n", folder);
        _exit(70);
    }
    control = mapped;
}

static int file_at(const char *path) {
    const char *name = strstr(path, "cognate.sqlite");
    if (!control || !name) return OTHER;
    name += strlen("cognate.sqlite");
    return !*name ? DATABASE : !strcmp(name, "-wal") ? LOG : OTHER;
}

static int file_of(int fd) {
    char link[64], path[4096];
    if (!control) return OTHER;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return OTHER;
    path[length] = 0;
    return file_at(path);
}

/* Counts a call; 0 where the power is gone. */
static int has_power(void) {
    if (control[IS_CUT]) return 0;
    control[CALLS]++;
    if (control[CUT_IN] < 0) return 1;
    if (control[CUT_IN]-- > 0) return 1;
    control[CUT_IN] = -1;
    control[IS_CUT] = 1;
    return 0;
}

static int fails(int64_t which) {
    if (!(control[FAILING] & which) || !control[FAILURES]) return 0;
    if (control[FAILURES] > 0) control[FAILURES]--;
    return 1;
}

static void note(int kind, int file, uint32_t length, uint64_t offset, const void *bytes) {
    struct {
        uint8_t kind, file;
        uint16_t zeros;
        uint32_t length;
        uint64_t offset;
    } header = {kind, file, 0, length, offset};
    if (write(journal, &header, sizeof header) != sizeof header || (length && write(journal, bytes, length) != length)) {
        fprintf(stderr, "the journal of the simulated disk can't be written\n");
        _exit(70);
    }
}

static ssize_t write_at(int fd, const void *bytes, size_t count, off64_t at) {
    int file = file_of(fd), error = EIO;
    struct stat before;
    if (file == OTHER) return real_pwrite(fd, bytes, count, at);
    ssize_t written = -1;
    pthread_mutex_lock(&lock);
    if (has_power()) {
        int is_longer = !fstat(fd, &before) && at + (off64_t)count > before.st_size;
        if (is_longer && fails(SPACE)) {
            error = ENOSPC;
        } else if (fails(file == LOG ? WRITE_LOG : WRITE_DATABASE)) {
            ssize_t half = real_pwrite(fd, bytes, count / 2, at);
            if (half > 0) note(WRITE, file, half, at, bytes);
        } else {
            if (count > 2 && fails(SHORT)) count /= 2;
            written = real_pwrite(fd, bytes, count, at);
            if (written < 0) error = errno;
            else note(WRITE, file, written, at, bytes);
        }
    }
    pthread_mutex_unlock(&lock);
    if (written < 0) errno = error;
    return written;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) { return write_at(fd, bytes, count, at); }

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return write_at(fd, bytes, count, at); }

static int sync_file(int fd) {
    int file = file_of(fd), result = -1;
    if (file == OTHER) return control ? 0 : real_fsync(fd);
    pthread_mutex_lock(&lock);
    if (has_power()) {
        result = fails(file == LOG ? SYNC_LOG : SYNC_DATABASE) ? -1 : 0;
        if (result || !control[LIES]) note(result ? FAILED_SYNC : SYNC, file, 0, 0, NULL);
    }
    pthread_mutex_unlock(&lock);
    if (result) errno = EIO;
    return result;
}

int fsync(int fd) { return sync_file(fd); }

int fdatasync(int fd) { return sync_file(fd); }

static int truncate_file(int fd, off64_t size) {
    int file = file_of(fd), result = -1;
    if (file == OTHER) return real_ftruncate(fd, size);
    pthread_mutex_lock(&lock);
    if (has_power()) {
        result = real_ftruncate(fd, size);
        if (!result) note(TRUNCATE, file, 0, size, NULL);
    }
    pthread_mutex_unlock(&lock);
    if (result) errno = EIO;
    return result;
}

int ftruncate64(int fd, off64_t size) { return truncate_file(fd, size); }

int ftruncate(int fd, off_t size) { return truncate_file(fd, size); }

int unlink(const char *path) {
    int file = file_at(path), result = -1;
    if (file == OTHER) return real_unlink(path);
    pthread_mutex_lock(&lock);
    if (has_power()) {
        result = real_unlink(path);
        if (!result) note(UNLINK, file, 0, 0, NULL);
    }
    pthread_mutex_unlock(&lock);
    if (result) errno = EIO;
    return result;
}
