// The server's secrets. Both are files of one key each: the one that laptops must know, and beside
// it, with ".ports" behind its name, the one that chooses the NAT's outside ports. The second stays
// when the first is replaced, so that a restart gives every connection the port that it had.
//
// The line for the laptop goes to stdout, not into the log, which others may be able to read.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../base/bytes.h"
#include "../crypto/memory.h"
#include "../ip/scope.h"
#include "../session/key_file.h"
#include "server.h"

#define DEFAULT_PORT 8080

// Reads a key file, or makes one. Returns 0, 1 where it was made, or -1.
static int read_or_make(const struct server *server, uint8_t key[KEY_SIZE], const char *path)
{
    int result = key_file_read(key, path, &server->log);
    if (result <= 0)
        return result;
    return key_file_create(key, path, &server->log) < 0 ? -1 : 1;
}

void server_print_line(const struct server *server, const uint8_t key[KEY_SIZE])
{
    char text[KEY_TEXT + 1];
    char host[ENDPOINT_TEXT_MAX] = HOST_PLACEHOLDER;
    char port[8] = "";
    const uint32_t a = server->wire.address;
    if (a != 0 && ip_scope_of(a) ==
                      SCOPE_GLOBAL) // a cloud's host often sees only a private address of its own
        snprintf(host, sizeof host, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
    if (endpoint_port(&server->options.listen) != DEFAULT_PORT)
        snprintf(port, sizeof port, ":%u", (unsigned)endpoint_port(&server->options.listen));
    key_format(text, key);
    printf("On the laptop:\n\n    tether-client --server %s%s --key %s\n\n", host, port, text);
    if (strcmp(host, HOST_PLACEHOLDER) == 0)
        printf("where " HOST_PLACEHOLDER " is the name or the public address of this host.\n");
    fflush(stdout);
    crypto_wipe(text, sizeof text);
}

int server_read_keys(struct server *server, uint8_t key[KEY_SIZE])
{
    char beside[KEY_PATH_MAX];
    uint8_t ports[KEY_SIZE];
    const char *path = server->options.key_file;
    int length = snprintf(beside, sizeof beside, "%s.ports", path);
    if (length < 0 || (size_t)length >= sizeof beside) {
        log_error(&server->log, "the key file's name is too long");
        return -1;
    }
    int result = read_or_make(server, key, path);
    if (result < 0 || read_or_make(server, ports, beside) < 0)
        return -1;
    server->port_key = (struct siphash_key){get_be64(ports), get_be64(ports + 8)};
    crypto_wipe(ports, sizeof ports);
    if (result > 0)
        server_print_line(server, key);
    else
        log_info(&server->log, "the key for laptops is in %s", path);
    return 0;
}

int server_make_new_key(struct server *server)
{
    uint8_t key[KEY_SIZE];
    if (key_file_create(key, server->options.key_file, &server->log) < 0)
        return 1;
    server_print_line(server, key);
    crypto_wipe(key, sizeof key);
    log_info(&server->log, "%s holds a new key; a server that runs takes it when it is restarted",
             server->options.key_file);
    return 0;
}
