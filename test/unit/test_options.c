// SPDX-License-Identifier: ISC
// The command line's words, one by one, and what is said of wrong ones.
#include "base/options.h"

#include <unistd.h>

#include "test.h"

static char taken[256]; // "1=KEY-FILE 2=SERVER text=TEXT 0 ", the last for --open
static char said[1024]; // on stdout and stderr

static int take(void *arg, char *value) {
    const char *name = arg;
    size_t length = strlen(taken);
    snprintf(taken + length, sizeof taken - length, "%s=%s ", name, value);
    return strcmp(value, "bad") == 0 ? 7 : 0;
}

// Reads a command line, its words split at spaces. What is printed meanwhile is in said[] then.
static int read_line(const char *line, enum log_level *level) {
    char program[] = "prog";
    char words[256];
    char *argv[16] = {program};
    int argc = 1;
    bool open = false;
    const char *text = NULL;
    char key_file[] = "1", server[] = "2";
    const struct option_name names[] = {
        {"--open", .flag = &open},
        {"--key-file", .take = take, .arg = key_file},
        {"--server", .take = take, .arg = server},
        {"--text", .text = &text},
        {.name = NULL},
    };
    const struct options options = {"prog", "usage: prog\n", names, level};
    FILE *file = tmpfile();
    int out = dup(STDOUT_FILENO);
    int err = dup(STDERR_FILENO);
    snprintf(words, sizeof words, "%s", line);
    for (char *at = strtok(words, " "); at != NULL; at = strtok(NULL, " ")) argv[argc++] = at;
    taken[0] = '\0';
    fflush(stdout);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    int status = options_read(&options, argc, argv);
    size_t length = strlen(taken);
    snprintf(taken + length, sizeof taken - length, "%s%s%s%s", text != NULL ? "text=" : "",
             text != NULL ? text : "", text != NULL ? " " : "", open ? "0 " : "");
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    rewind(file);
    said[fread(said, 1, sizeof said - 1, file)] = '\0';
    fclose(file);
    return status;
}

static const struct {
    const char *line;
    int status;
    const char *taken;
    const char *said; // its first line; what follows tells of --help
} lines[] = {
    {"", -1, "", ""},
    {"--open", -1, "0 ", ""},
    {"--key-file a --open --server b", -1, "1=a 2=b 0 ", ""},
    {"--key-file=a --server=b=c", -1, "1=a 2=b=c ", ""},
    {"--server a --server b", -1, "2=a 2=b ", ""},
    {"--text=a --open --text b", -1, "text=b 0 ", ""},
    {"--key-file=-a", -1, "1=-a ", ""},
    {"--server bad --open", 7, "2=bad ", ""},
    // Abbreviations.
    {"--key k", 2, "", "prog: error: there is no option --key\n"},
    {"--key=secret", 2, "", "prog: error: there is no option --key\n"},
    {"--key-fil k", 2, "", "prog: error: there is no option --key-fil\n"},
    {"--key-files k", 2, "", "prog: error: there is no option --key-files\n"},
    {"--o", 2, "", "prog: error: there is no option --o\n"},
    {"--hel", 2, "", "prog: error: there is no option --hel\n"},
    {"--vers", 2, "", "prog: error: there is no option --vers\n"},
    {"--=x", 2, "", "prog: error: there is no option --\n"},
    {"--", 2, "", "prog: error: there is no option --\n"},
    {"-", 2, "", "prog: error: there is no option -\n"},
    {"-open", 2, "", "prog: error: there is no option -open\n"},
    {"-V", 2, "", "prog: error: there is no option -V\n"},
    {"-vq", 2, "", "prog: error: there is no option -vq\n"},
    // Values.
    {"--open=yes", 2, "", "prog: error: --open takes no value\n"},
    {"-q=1", 2, "", "prog: error: -q takes no value\n"},
    {"--open --key-file", 2, "0 ", "prog: error: --key-file wants a value\n"},
    {"--key-file --open", 2, "", "prog: error: --key-file wants a value\n"},
    {"--key-file=", 2, "", "prog: error: --key-file wants a value\n"},
    {"--text --open", 2, "", "prog: error: --text wants a value\n"},
    {"--open surplus", 2, "0 ", "prog: error: unexpected argument surplus\n"},
    {"surplus --help", 2, "", "prog: error: unexpected argument surplus\n"},
};

static void command_lines(void) {
    for (size_t i = 0; i < COUNT(lines); i++) {
        enum log_level level = LOG_LEVEL_INFO;
        int status = read_line(lines[i].line, &level);
        test_row("%s", lines[i].line);
        CHECK_INT(status, lines[i].status);
        CHECK_TEXT(taken, lines[i].taken);
        CHECK_INT(strncmp(said, lines[i].said, strlen(lines[i].said)), 0);
        CHECK((said[0] != '\0') == (status == 2));
        CHECK(status != 2 || strstr(said, "\nprog --help shows the usage\n") != NULL);
        CHECK(strstr(said, "secret") == NULL);
        CHECK_INT(level, LOG_LEVEL_INFO);
    }
}

static void common_options(void) {
    enum log_level level = LOG_LEVEL_INFO;
    CHECK_INT(read_line("--open -h surplus", &level), 0);
    CHECK_TEXT(said, "usage: prog\n");
    CHECK_INT(read_line("--help", &level), 0);
    CHECK_TEXT(said, "usage: prog\n");
    CHECK_INT(read_line("--version", &level), 0);
    CHECK_TEXT(said, "prog " TETHER_VERSION "\n");
    CHECK_INT(level, LOG_LEVEL_INFO);
    CHECK_INT(read_line("-q", &level), -1);
    CHECK_INT(level, LOG_LEVEL_WARN);
    CHECK_INT(read_line("-v -q", &level), -1); // the last one counts
    CHECK_INT(level, LOG_LEVEL_WARN);
    CHECK_INT(read_line("-q -v --open", &level), -1);
    CHECK_INT(level, LOG_LEVEL_DEBUG);
    CHECK_TEXT(taken, "0 ");
}

int main(void) {
    TEST("a command line's words are taken whole, and wrong ones named", command_lines);
    TEST("help, version and loudness are known everywhere", common_options);
    return test_end();
}
