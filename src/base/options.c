// SPDX-License-Identifier: ISC
// A name counts only when it is whole. getopt_long() takes any abbreviation that fits one name: to
// a program with --key-file, "--key KEY" would be a file's name. A value is the next word, or
// stands behind a '='. A next word that begins with '-' is an option, not the value: so a forgotten
// value is noticed.
//
// Error messages name the option. They never show what stands behind '=', which may be a key.
#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { HELP = -1, VERSION = -2, VERBOSE = -3, QUIET = -4 };

static const struct option_name common_names[] = {
    {"-h", HELP, false},    {"--help", HELP, false}, {"--version", VERSION, false},
    {"-v", VERBOSE, false}, {"-q", QUIET, false},    {NULL, 0, false},
};

int options_wrong(const char *program, const char *format, ...) {
    va_list args;
    fprintf(stderr, "%s: error: ", program);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n%s --help shows the usage\n", program);
    return 2;
}

static const struct option_name *find(const struct option_name *names, const char *word,
                                      size_t length) {
    for (; names->name != NULL; names++)
        if (strlen(names->name) == length && memcmp(names->name, word, length) == 0)
            return names;
    return NULL;
}

// Takes an option. Returns -1 to go on, or an exit status.
static int take(const struct options *options, int id, char *value) {
    if (id == HELP)
        return fputs(options->usage, stdout), 0;
    if (id == VERSION)
        return printf("%s " TETHER_VERSION "\n", options->program), 0;
    if (id < 0) {
        *options->level = id == VERBOSE ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN;
        return -1;
    }
    int status = options->take(options->arg, id, value);
    return status == 0 ? -1 : status;
}

int options_read(const struct options *options, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        size_t length = strcspn(word, "=");
        char *value = word[length] == '=' ? word + length + 1 : NULL;
        if (word[0] != '-')
            return options_wrong(options->program, "unexpected argument %s", word);
        const struct option_name *name = find(common_names, word, length);
        if (name == NULL)
            name = find(options->names, word, length);
        if (name == NULL)
            return options_wrong(options->program, "there is no option %.*s", (int)length, word);
        if (!name->has_value && value != NULL)
            return options_wrong(options->program, "%s takes no value", name->name);
        if (name->has_value && value == NULL && i + 1 < argc && argv[i + 1][0] != '-')
            value = argv[++i];
        if (name->has_value && (value == NULL || *value == '\0'))
            return options_wrong(options->program, "%s wants a value", name->name);
        int status = take(options, name->id, value);
        if (status >= 0)
            return status;
    }
    return -1;
}
