/* Preloaded into a server: whenever one of its files below $SYNCED_FROM was synced, a copy of it as it is then goes to $SYNCED_TO.
 * There is what a power loss leaves in the worst case: nothing that was written since. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whoever syncs waits for the copy. One that cannot be made ends the process, or the test would show nothing. */
static void keep(int fd) {
    const char *from = getenv("SYNCED_FROM"), *to = getenv("SYNCED_TO");
    char link[64], path[PATH_MAX], part[PATH_MAX + 16], kept[PATH_MAX + 8];
    struct stat of;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (!from || !to || length < 0 || fstat(fd, &of) || !S_ISREG(of.st_mode)) return;
    path[length] = 0;
    if (strncmp(path, from, strlen(from)) || path[strlen(from)] != '/') return;
    const char *name = strrchr(path, '/');
    snprintf(part, sizeof part, "%s%s.%d.%d", to, name, getpid(), fd);
    snprintf(kept, sizeof kept, "%s%s", to, name);
    int source = open(path, O_RDONLY), target = open(part, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (source < 0 || target < 0) abort();
    ssize_t sent;
    while ((sent = sendfile(target, source, NULL, 1 << 20)) > 0) {}
    if (sent < 0 || close(source) || close(target) || rename(part, kept)) abort();
}

#define SYNC(name)                                                      \
    int name(int fd) {                                                  \
        int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, #name);       \
        int outcome = real(fd);                                         \
        if (outcome == 0) keep(fd);                                     \
        return outcome;                                                 \
    }

SYNC(fsync)
SYNC(fdatasync)
