// SPDX-License-Identifier: ISC
// Key files: made whole and for their owner alone, and read back.
#include "session/key_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static struct { int errors, warnings; } said;
static struct log quiet;
static char folder[] = "/tmp/tether-key-XXXXXX";
static char path[64];

int log_say(const struct log *log, enum log_level level, const char *format, ...) {
    (void)log, (void)format;
    said.errors += level == LOG_LEVEL_ERROR;
    said.warnings += level == LOG_LEVEL_WARN;
    return -1;
}

int log_no_random(const struct log *log) {
    (void)log;
    return -1;
}

static void made_and_read(void) {
    uint8_t key[KEY_SIZE];
    uint8_t again[KEY_SIZE];
    struct stat status;
    CHECK_INT(key_file_read(again, path, &quiet), 1); // there is none
    CHECK_INT(key_file_create(key, path, &quiet), 0);
    CHECK_INT(key_file_read(again, path, &quiet), 0);
    CHECK_BYTES(again, key, KEY_SIZE);
    CHECK_INT(stat(path, &status), 0);
    CHECK_INT(status.st_mode & 0777, 0600);
    CHECK_INT(status.st_size, KEY_TEXT + 1);
    CHECK_INT(key_file_create(again, path, &quiet), 0); // in its place
    CHECK(memcmp(again, key, KEY_SIZE) != 0);
    CHECK_INT(key_file_read(key, path, &quiet), 0);
    CHECK_BYTES(key, again, KEY_SIZE);
    CHECK_INT(said.errors + said.warnings, 0);
}

// The group root is no other.
static void others_may_read(void) {
    uint8_t key[KEY_SIZE];
    struct stat status;
    memset(&said, 0, sizeof said);
    CHECK_INT(chmod(path, 0604), 0);
    CHECK_INT(key_file_read(key, path, &quiet), 0);
    CHECK_INT(said.warnings, 1);
    CHECK_INT(chmod(path, 0640), 0);
    CHECK_INT(stat(path, &status), 0);
    CHECK_INT(key_file_read(key, path, &quiet), 0);
    CHECK_INT(said.warnings, status.st_gid == 0 ? 1 : 2);
    CHECK_INT(said.errors, 0);
}

static void no_key(void) {
    uint8_t key[KEY_SIZE];
    memset(&said, 0, sizeof said);
    CHECK_INT(chmod(path, 0600), 0);
    CHECK_INT(truncate(path, KEY_TEXT - 1), 0);
    CHECK_INT(key_file_read(key, path, &quiet), -1);
    CHECK_INT(truncate(path, 0), 0);
    CHECK_INT(key_file_read(key, path, &quiet), -1);
    CHECK_INT(said.errors, 2);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(rmdir(folder), 0); // nothing else was left there
    CHECK_INT(key_file_create(key, path, &quiet), -1);
    CHECK_INT(said.errors, 3);
}

int main(void) {
    if (mkdtemp(folder) == NULL)
        return 2;
    snprintf(path, sizeof path, "%s/key", folder);
    TEST("a key file is made whole, for its owner alone, and read back", made_and_read);
    TEST("that others may read it is said", others_may_read);
    TEST("what holds no key is refused, and nothing is left behind", no_key);
    return test_end();
}
