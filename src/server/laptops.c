// The places of laptops: who has which, who gets one, and who loses his.
//
// There are SERVER_LINKS of them. A laptop that comes back finds its own by its id, with its NAT
// mappings; a new one gets a free place, or that of the laptop that has been away longest.
#include <stdio.h>
#include <string.h>

#include "../base/bytes.h"
#include "../crypto/random.h"
#include "../crypto/sha256.h"
#include "server.h"

uint16_t server_laptop_number(const struct server *server, const struct laptop *laptop)
{
    return (uint16_t)(laptop - server->laptops);
}

// Open mode: copies the value of "id" in a query, or "" where there is none that will do: letters
// and digits.
static void read_id(char id[LAPTOP_ID_MAX], const struct http_text *query)
{
    size_t length = 0;
    id[0] = '\0';
    if (query->length <= 3 || query->length - 3 >= LAPTOP_ID_MAX ||
        memcmp(query->start, "id=", 3) != 0)
        return;
    for (const char *c = query->start + 3; c < query->start + query->length; c++) {
        if (!((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z')))
            return;
        id[length++] = *c;
    }
    id[length] = '\0';
}

static bool is_same_laptop(const struct laptop *laptop, const char *id,
                           const struct endpoint *phone)
{
    if (!laptop->used || strcmp(laptop->id, id) != 0)
        return false;
    return *id != '\0' || endpoint_same_host(&laptop->phone, phone);
}

// Who a laptop is for the NAT: the same number whenever it comes back.
static uint64_t nat_identity(const char *id, const struct endpoint *phone)
{
    uint8_t digest[SHA256_SIZE];
    char peer[ENDPOINT_TEXT_MAX];
    struct sha256 hash;
    if (*id == '\0') {
        endpoint_format_host(phone, peer);
        id = peer;
    }
    sha256_init(&hash);
    sha256_add(&hash, id, strlen(id));
    sha256_end(&hash, digest);
    return get_be64(digest);
}

// Whether a laptop's place may go to another: it has no phone, or (keyed laptops are never silent
// for long) its phone is there without it.
static bool is_away(const struct server *server, const struct laptop *laptop)
{
    if (laptop->link.conn == NULL)
        return true;
    return !server->options.open && server->loop.now_ms - laptop->seen_ms >= LAPTOP_AWAY_MS;
}

// Forgets whoever had a place.
static void vacate(struct server *server, struct laptop *laptop)
{
    uint16_t number = server_laptop_number(server, laptop);
    for (size_t i = 0; i < SERVER_CONNS; i++)
        if (server->conns[i].laptop == laptop)
            server->conns[i].laptop = NULL;
    nat_forget_laptop(&server->nat, number);
    responder_forget(&server->responder, number);
}

// The laptop with this id: known already, or new in a free place, or in the place of the one that
// has been away longest. NULL when all are here.
static struct laptop *find_laptop(struct server *server, const char *id,
                                  const struct endpoint *phone)
{
    struct laptop *place = NULL;
    for (size_t i = 0; i < SERVER_LINKS; i++) {
        struct laptop *laptop = &server->laptops[i];
        if (is_same_laptop(laptop, id, phone))
            return laptop;
        if (!is_away(server, laptop))
            continue;
        if (place == NULL || (place->used && (!laptop->used || laptop->seen_ms < place->seen_ms)))
            place = laptop;
    }
    if (place == NULL) {
        server->refused_laptops++;
        return NULL;
    }
    if (place->used)
        vacate(server, place);
    uint16_t number = server_laptop_number(server, place);
    tunnel_link_init(&place->link, server->options.open ? NULL : &server->responder.laptops[number],
                     &server->queue_key, server->loop.now_us);
    place->used = false;
    place->address = 0;
    snprintf(place->id, sizeof place->id, "%s", id);
    nat_set_laptop(&server->nat, number, nat_identity(id, phone));
    return place;
}

static bool address_is_free(const struct server *server, uint32_t address)
{
    for (size_t i = 0; i < SERVER_LINKS; i++)
        if (server->laptops[i].used && server->laptops[i].address == address)
            return false;
    return true;
}

// Keyed: a laptop has shown that it is there. It keeps the inside address that it had, unless
// another has it.
int server_admit(void *arg, const struct offer *offer)
{
    struct server *server = arg;
    static const struct endpoint nowhere;
    char id[LAPTOP_ID_MAX];
    for (size_t i = 0; i < IDENTITY_SIZE; i++)
        snprintf(id + 2 * i, 3, "%02x", offer->identity[i]);
    struct laptop *laptop = find_laptop(server, id, &nowhere);
    if (laptop == NULL)
        return -1;
    if (!laptop->used) {
        uint32_t address = offer->address;
        while (!inside_address_is_good(address) || !address_is_free(server, address)) {
            if (crypto_random(&address, sizeof address) < 0)
                return -1;
            address = INSIDE_NETWORK | (address & INSIDE_HOSTS);
        }
        laptop->address = address;
        laptop->used = true;
        log_info(&server->log, "laptop %u: its session is up",
                 server_laptop_number(server, laptop));
    }
    return server_laptop_number(server, laptop);
}

struct laptop *server_find_open_laptop(struct server *server, const struct endpoint *phone,
                                       const struct http_text *query)
{
    char id[LAPTOP_ID_MAX];
    read_id(id, query);
    return find_laptop(server, id, phone);
}
