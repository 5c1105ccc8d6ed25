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

// Takes an option. Returns 0, or an exit status.
static int take(const struct option_name *name, char *value) {
    if (name->take != NULL)
        return name->take(name->arg, value);
    if (name->text != NULL)
        *name->text = value;
    else
        *name->flag = true;
    return 0;
}

int options_read(const struct options *options, int argc, char **argv) {
    bool help = false, version = false, verbose = false, quiet = false;
    const struct option_name common[] = {
        {"-h", .flag = &help},    {"--help", .flag = &help}, {"--version", .flag = &version},
        {"-v", .flag = &verbose}, {"-q", .flag = &quiet},    {.name = NULL},
    };
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        size_t length = strcspn(word, "=");
        char *value = word[length] == '=' ? word + length + 1 : NULL;
        if (word[0] != '-')
            return options_wrong(options->program, "unexpected argument %s", word);
        const struct option_name *name = find(common, word, length);
        if (name == NULL)
            name = find(options->names, word, length);
        if (name == NULL)
            return options_wrong(options->program, "there is no option %.*s", (int)length, word);
        if (name->flag != NULL && value != NULL)
            return options_wrong(options->program, "%s takes no value", name->name);
        if (name->flag == NULL && value == NULL && i + 1 < argc && argv[i + 1][0] != '-')
            value = argv[++i];
        if (name->flag == NULL && (value == NULL || *value == '\0'))
            return options_wrong(options->program, "%s wants a value", name->name);
        int status = take(name, value);
        if (status != 0)
            return status;
        if (help)
            return fputs(options->usage, stdout), 0;
        if (version)
            return printf("%s " TETHER_VERSION "\n", options->program), 0;
        if (verbose || quiet)
            *options->level = verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN;
        verbose = quiet = false;
    }
    return -1;
}
