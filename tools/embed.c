// SPDX-License-Identifier: ISC
// A build tool: writes a C file that holds the page's files as arrays, so that a program is one
// file to copy. It runs on the building machine: embed FILE... > page_files.c
//
// The ETag is the 64-bit FNV-1a hash of the content: it has to differ when a file was edited,
// nothing more.
//
// Scripts and styles lose what browsers do not read: comments, but for the first line, which names
// the licence, empty lines, the tabs before a line, its end where it ends nothing, and spaces
// beside braces (no text of theirs has any). That is a fourth of them, which every program carries
// and every phone loads.
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct embedded {
    const char *name;
    uint64_t hash;
    unsigned long length;
};

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static bool ends_in(const char *text, const char *end) {
    size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static void put(struct embedded *file, uint8_t byte) {
    printf("%s%d,", file->length % 24 == 0 ? "\n    " : "", byte);
    file->hash = (file->hash ^ byte) * UINT64_C(0x100000001b3);
    file->length++;
}

static bool is_brace(char c) { return c == '{' || c == '}'; }

static int embed(const char *path, int number, struct embedded *file) {
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    bool is_code = ends_in(path, ".js") || ends_in(path, ".css");
    bool is_html = ends_in(path, ".html");
    bool in_comment = false;
    bool in_script = false; // whose hash the page's policy names (http/response.c)
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        fprintf(stderr, "embed: cannot read %s\n", path);
        return -1;
    }
    *file = (struct embedded){base_name(path), UINT64_C(0xcbf29ce484222325), 0};
    printf("static const uint8_t file_%d[] = {", number);
    while ((length = getline(&line, &size, in)) > 0) {
        in_script |= strstr(line, "<script>") != NULL;
        size_t start = is_code || (is_html && !in_script) ? strspn(line, "\t") : 0;
        in_script &= strstr(line, "</script>") == NULL;
        char *remark = is_code ? strstr(line, " // ") : NULL;
        if (remark != NULL) {
            while (remark > line && remark[-1] == ' ') remark--;
            strcpy(remark, "\n");
            length = (ssize_t)strlen(line);
        }
        in_comment |= is_code && file->length > 0 && strncmp(line + start, "/*", 2) == 0;
        bool is_kept = !in_comment && (!is_code || line[start] != '\n');
        const char *goes_on = ends_in(path, ".css") ? "{};," : "{;,"; // "}" may end a statement
        if (is_code && file->length > 0 && length > 1 && strchr(goes_on, line[length - 2]) != NULL)
            length--;
        for (size_t i = start; i < (size_t)length && is_kept; i++)
            if (!is_code || line[i] != ' ' ||
                !((i > 0 && is_brace(line[i - 1])) || is_brace(line[i + 1])))
                put(file, (uint8_t)line[i]);
        in_comment &= !ends_in(line, "*/\n");
    }
    printf("%s\n};\n", file->length == 0 ? "0" : "");
    free(line);
    return fclose(in);
}

int main(int argc, char **argv) {
    struct embedded *files = calloc((size_t)argc, sizeof *files);
    if (files == NULL)
        return 1;
    printf("// Made by tools/embed.c from html/.\n#include \"http/page.h\"\n\n");
    for (int i = 1; i < argc; i++)
        if (embed(argv[i], i, &files[i]) != 0)
            return 1;
    printf("\nconst struct page_file page_files[] = {\n");
    for (int i = 1; i < argc; i++)
        printf("    {\"%s\", \"\\\"%016" PRIx64 "\\\"\", file_%d, %lu},\n", files[i].name,
               files[i].hash, i, files[i].length);
    printf("};\nconst size_t page_file_count = %d;\n", argc - 1);
    free(files);
    return 0;
}
