/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To be preloaded: the wall clock of a process, ahead by the seconds that the file CLOCK_JUMP_FILE
 * holds as a 64-bit number, which can change at any time. The monotonic clock stays as it is.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int clock_fn(clockid_t clock, struct timespec *out);

static const _Atomic int64_t *seconds;
static clock_fn *real;

__attribute__((constructor)) static void open_file(void) {
    const char *path = getenv("CLOCK_JUMP_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *seconds, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) {
        abort();
    }
    (void)close(fd);
    seconds = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
    if (!real) {
        real = (clock_fn *)(uintptr_t)dlsym(RTLD_NEXT, "clock_gettime");
    }
    int result = real(clock, out);
    if (result == 0 && seconds && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        out->tv_sec += (time_t)atomic_load(seconds);
    }
    return result;
}

time_t time(time_t *out) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now;
    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *out = (struct timeval){now.tv_sec, (suseconds_t)(now.tv_nsec / 1000)};
    return 0;
}
