// SPDX-License-Identifier: ISC
// The server's secrets. Both are files of one key each: the one that laptops must know, and beside
// it, with ".ports" behind its name, the one that chooses the NAT's outside ports. The second stays
// when the first is replaced, so that a restart gives every connection the port that it had.
//
// The line for the laptop goes to stdout, not into the log, which others may be able to read.
#include "keys.h"
#include "../base/bytes.h"
#include "../base/text.h"
#include "../crypto/memory.h"
#include "../ip/scope.h"
#include "../session/key_file.h"
#include <stdio.h>
#include <string.h>

#define DEFAULT_PORT 8080

// Reads a key file, or makes one. Returns 0, 1 where it was made, or -1.
static int read_or_make(uint8_t key[KEY_SIZE], const char *path, const struct log *log) {
    int result = key_file_read(key, path, log);
    if (result <= 0)
        return result;
    return key_file_create(key, path, log) < 0 ? -1 : 1;
}

// Prints the line that starts tether-client with this key.
static void print_line(const uint8_t key[KEY_SIZE], const struct server_options *options,
                       uint32_t address) {
    char text[KEY_TEXT + 1];
    char host[ENDPOINT_TEXT_MAX] = HOST_PLACEHOLDER;
    char port[8] = "";
    struct text host_text;
    // A cloud's host often sees only a private address of its own.
    if (address != 0 && ip_scope_of(address) == SCOPE_GLOBAL) {
        text_init(&host_text, host, sizeof host);
        text_add_ipv4(&host_text, address);
    }
    if (endpoint_port(&options->listen[0]) != DEFAULT_PORT)
        snprintf(port, sizeof port, ":%u", (unsigned)endpoint_port(&options->listen[0]));
    key_format(text, key);
    printf("On the laptop:\n\n    tether-client --server %s%s --key %s\n\n", host, port, text);
    if (strcmp(host, HOST_PLACEHOLDER) == 0)
        printf("where " HOST_PLACEHOLDER " is the name or the public address of this host.\n");
    fflush(stdout);
    crypto_wipe(text, sizeof text);
}

int keys_read(uint8_t key[KEY_SIZE], struct siphash_key *port_key,
              const struct server_options *options, uint32_t address, const struct log *log) {
    char beside[KEY_PATH_MAX];
    uint8_t ports[KEY_SIZE];
    const char *path = options->key_file;
    int length = snprintf(beside, sizeof beside, "%s.ports", path);
    if (length < 0 || (size_t)length >= sizeof beside)
        return log_error(log, "the key file's name is too long");
    int result = read_or_make(key, path, log);
    if (result < 0 || read_or_make(ports, beside, log) < 0)
        return -1;
    *port_key = (struct siphash_key){get_be64(ports), get_be64(ports + 8)};
    crypto_wipe(ports, sizeof ports);
    if (result > 0)
        print_line(key, options, address);
    else
        log_info(log, "the key for laptops is in %s", path);
    return 0;
}

int keys_renew(const struct server_options *options, const struct log *log) {
    uint8_t key[KEY_SIZE];
    if (key_file_create(key, options->key_file, log) < 0)
        return 1;
    print_line(key, options, 0);
    crypto_wipe(key, sizeof key);
    log_info(log, "%s holds a new key; a server that runs takes it when it is restarted",
             options->key_file);
    return 0;
}
