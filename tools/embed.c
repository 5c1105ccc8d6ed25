// SPDX-License-Identifier: ISC
// A build tool: writes a C file that holds the page's files as arrays, so that a program is one
// file to copy. It runs on the building machine: embed FILE... > page_files.c
//
// The ETag is the 64-bit FNV-1a hash of the content: it has to differ when a file was edited,
// nothing more.
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct embedded {
    const char *name;
    uint64_t hash;
    unsigned long length;
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static int embed(const char *path, int number, struct embedded *file)
{
    int c;
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        fprintf(stderr, "embed: cannot read %s\n", path);
        return -1;
    }
    *file = (struct embedded){base_name(path), UINT64_C(0xcbf29ce484222325), 0};
    printf("static const uint8_t file_%d[] = {", number);
    while ((c = getc(in)) != EOF) {
        printf("%s%d,", file->length % 24 == 0 ? "\n    " : "", c);
        file->hash = (file->hash ^ (uint64_t)c) * UINT64_C(0x100000001b3);
        file->length++;
    }
    printf("%s\n};\n", file->length == 0 ? "0" : "");
    return fclose(in);
}

int main(int argc, char **argv)
{
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
