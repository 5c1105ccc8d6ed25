// SPDX-License-Identifier: ISC
// A new file is written beside the old one and renamed over it (rename(2) is atomic), so that a
// crash half-way leaves no half a key. Nothing of a key file is ever logged.
#include "key_file.h"
#include "../crypto/memory.h"
#include "../crypto/random.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 256 // a key, and some white space

// The group root is no other. systemd hands on a key of root's with an access control list for one
// more user, and such a list shows as a right of the group (acl(5)).
static void warn_of_readers(int fd, const char *path, const struct log *log) {
    struct stat info;
    if (fstat(fd, &info) < 0)
        return;
    if ((info.st_mode & S_IROTH) != 0 || (info.st_gid != 0 && (info.st_mode & S_IRGRP) != 0))
        log_warn(log, "others can read the key in %s: chmod 600 %s", path, path);
}

bool key_file_name_is_key(const char *path) {
    uint8_t key[KEY_SIZE];
    char why[KEY_WHY_SIZE];
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    bool is_key = key_parse(key, name, strlen(name), why) == 0;
    crypto_wipe(key, sizeof key);
    return is_key;
}

int key_file_read(uint8_t key[KEY_SIZE], const char *path, const struct log *log) {
    char text[LINE_MAX_BYTES];
    char why[KEY_WHY_SIZE];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return 1;
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (length < 0) {
        log_error(log, "cannot read the key file %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    warn_of_readers(fd, path, log);
    close(fd);
    int result = key_parse(key, text, (size_t)length, why);
    crypto_wipe(text, sizeof text);
    if (result < 0)
        log_error(log, "%s does not hold a key: %s", path, why);
    return result;
}

// Writes the key's line into a new file. Returns 0, or -1 with errno set.
static int write_new(const char *path, const uint8_t key[KEY_SIZE]) {
    char line[KEY_TEXT + 2];
    (void)unlink(path); // of a run that was interrupted here
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return -1;
    key_format(line, key);
    line[KEY_TEXT] = '\n';
    ssize_t written = write(fd, line, KEY_TEXT + 1);
    crypto_wipe(line, sizeof line);
    if (written != KEY_TEXT + 1 || fsync(fd) < 0) {
        close(fd);
        return -1;
    }
    return close(fd);
}

int key_file_create(uint8_t key[KEY_SIZE], const char *path, const struct log *log) {
    char beside[KEY_PATH_MAX];
    int length = snprintf(beside, sizeof beside, "%s.new", path);
    if (crypto_random(key, KEY_SIZE) < 0)
        return log_no_random(log);
    if (length < 0 || (size_t)length >= sizeof beside)
        errno = ENAMETOOLONG;
    else if (write_new(beside, key) == 0 && rename(beside, path) == 0)
        return 0;
    return log_error(log, "cannot make the key file %s: %s (--key-file names another place)", path,
                     strerror(errno));
}
