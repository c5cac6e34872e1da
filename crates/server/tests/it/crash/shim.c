// Between the server and the system: fails writes and syncs of the store's file and of its log when
// a control file says so. Loaded by LD_PRELOAD, so the server under test is the one that ships.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum file { OTHER, DATABASE, LOG };
enum place { NONE, WRITE, SYNC };

// As `Control` in shim.rs writes it.
struct control {
    uint32_t file, place, error;
    uint32_t skip;     // calls to let pass first
    uint32_t left;     // calls to fail
    uint32_t halves;   // a write that fails has done half of its work
    uint32_t forgets;  // what a failed sync was to sync, the next one leaves out
    uint32_t hits;     // calls that have failed
};

// What a write replaced and no sync has made durable yet.
struct undo {
    struct undo *older;
    enum file file;
    int fd, lost;
    off_t at;
    size_t length;
    char bytes[];
};

static struct control *control;
static struct undo *newest;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int), (*real_fdatasync)(int);

__attribute__((constructor)) static void start(void) {
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    const char *path = getenv("STORE_FAULTS");
    int fd = path ? open(path, O_RDWR) : -1;
    void *map = fd < 0 ? MAP_FAILED
        : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    // Without its orders it would let everything pass, and a test would prove nothing.
    if (map == MAP_FAILED || !real_pwrite || !real_fsync || !real_fdatasync) abort();
    close(fd);
    control = map;
}

static enum file file_of(int fd) {
    char link[64] = "/proc/self/fd/", path[4096];
    char digits[12];
    int length = 0, rest = fd;
    do digits[length++] = '0' + rest % 10; while (rest /= 10);
    char *end = link + strlen(link);
    while (length) *end++ = digits[--length];
    *end = 0;
    ssize_t read = readlink(link, path, sizeof path);
    if (read > 3 && !memcmp(path + read - 3, ".db", 3)) return DATABASE;
    if (read > 7 && !memcmp(path + read - 7, ".db-wal", 7)) return LOG;
    return OTHER;
}

// Whether this call fails. The lock is held.
static int strikes(enum file file, enum place place) {
    if (control->place != place || control->file != file || !control->left) return 0;
    if (control->skip) {
        control->skip--;
        return 0;
    }
    control->left--;
    control->hits++;
    return 1;
}

static void drop(struct undo **link) {
    struct undo *undo = *link;
    *link = undo->older;
    free(undo);
}

static void remember(enum file file, int fd, size_t length, off_t at) {
    // What is written anew is no longer lost.
    for (struct undo **link = &newest; *link;) {
        struct undo *undo = *link;
        if (undo->lost && undo->file == file && undo->at == at && undo->length <= length) drop(link);
        else link = &undo->older;
    }
    struct undo *undo = malloc(sizeof *undo + length);
    if (!undo) abort();
    *undo = (struct undo){ .older = newest, .file = file, .fd = fd, .at = at, .length = length };
    memset(undo->bytes, 0, length);
    if (pread(fd, undo->bytes, length, at) < 0) abort();
    newest = undo;
}

// As Linux does: memory keeps what a failed sync did not write, but calls it clean. Only what was
// written through `fd`: who wrote the rest gets an error of his own for it.
static void lose(enum file file, int fd) {
    for (struct undo *undo = newest; undo; undo = undo->older)
        if (undo->file == file && undo->fd == fd) undo->lost = 1;
}

// What is lost turns up once a sync has succeeded, as when memory is short and it is read again.
static void settle(enum file file, int fd) {
    for (struct undo **link = &newest; *link;) {
        struct undo *undo = *link;
        if (undo->file != file) {
            link = &undo->older;
            continue;
        }
        if (undo->lost && real_pwrite(fd, undo->bytes, undo->length, undo->at) < 0) abort();
        drop(link);
    }
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) {
    enum file file = file_of(fd);
    if (file == OTHER) return real_pwrite(fd, bytes, length, at);
    pthread_mutex_lock(&lock);
    ssize_t done = -1;
    int fails = strikes(file, WRITE);
    if (fails && control->halves && length > 1 && control->hits % 2) {
        done = real_pwrite(fd, bytes, length / 2, at);
    } else if (fails) {
        errno = control->error;
    } else {
        remember(file, fd, length, at);
        done = real_pwrite(fd, bytes, length, at);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    return pwrite64(fd, bytes, length, at);
}

static int sync_with(int (*real)(int), int fd) {
    enum file file = file_of(fd);
    if (file == OTHER) return real(fd);
    pthread_mutex_lock(&lock);
    int done = -1;
    if (strikes(file, SYNC)) {
        if (control->forgets) lose(file, fd);
        errno = control->error;
    } else if ((done = real(fd)) == 0) {
        settle(file, fd);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd) { return sync_with(real_fsync, fd); }
int fdatasync(int fd) { return sync_with(real_fdatasync, fd); }
