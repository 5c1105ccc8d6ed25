// SPDX-License-Identifier: ISC
// Makes a plain program of a fuzz target: runs it over the files named, or all files of the folders
// named, and says how many there were. A finding ends the program by a signal.
#include <dirent.h>
#include <sys/stat.h>

#include "fuzz.h"

static unsigned long inputs;

static int run_file(const char *path) {
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    uint8_t *copy = exact_copy(bytes, length);
    LLVMFuzzerTestOneInput(copy, length);
    free(copy);
    inputs++;
    return 0;
}

static int run_path(const char *path) {
    struct stat info;
    char inside[4096];
    int result = 0;
    if (stat(path, &info) < 0) {
        perror(path);
        return -1;
    }
    if (!S_ISDIR(info.st_mode))
        return run_file(path);
    DIR *folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        return -1;
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        result |= run_path(inside);
    }
    closedir(folder);
    return result;
}

int main(int argc, char **argv) {
    int result = argc > 1 ? 0 : -1;
    for (int i = 1; i < argc; i++) result |= run_path(argv[i]);
    if (argc < 2)
        fprintf(stderr, "usage: %s FILE-OR-FOLDER...\n", argv[0]);
    printf("%s: %lu inputs\n", argv[0], inputs);
    return result == 0 ? 0 : 2;
}
