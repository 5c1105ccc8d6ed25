// SPDX-License-Identifier: ISC
// Which addresses the client shows first, and how many.
// Sockets are played.
#define socket_bind_to_device play_bind
#define http_host_listen      play_listen

#include "../../src/client/places.c"

#include "test.h"

void display_places(struct display *display) { (void)display; }

static const struct {
    const char *name;
    uint32_t address;
    bool is_dynamic;
    int rank; // in the list that is expected, 0 the first
} addresses[] = {
    {"eth0", 0xc0a80001, false, 6}, // 192.168.0.1, set by hand
    {"eth0", 0xa9fe0001, false, 8}, // 169.254.0.1: nobody gave one (RFC 3927)
    {"eth1", 0xc0a80101, true, 4},  {"wl0", 0xa9fe0002, false, 3},
    {"wl0", 0xc0a82b02, true, 0}, // a phone's hotspot gave it
    {"eth2", 0xc0a80201, true, 5},  {"wl1", 0x0a000001, true, 1},
    {"wl2", 0x0a000101, false, 2},  {"eth3", 0xc0a80301, false, 7},
    {"eth4", 0xa9fe0003, false, 9},
};
_Static_assert(COUNT(addresses) > CLIENT_PLACES, "some give way");

// Adds them from `first` on, in a circle. What stands behind the list is not touched.
static void add_from(size_t first) {
    static const struct client_options options = {.tun_name = "tether%d"};
    static struct loop_timer opened;
    static struct places places = {.options = &options, .alarm = &opened};
    struct place list[CLIENT_PLACES + 1];
    size_t count = 0;
    memset(list, 0x5a, sizeof list);
    struct place behind = list[CLIENT_PLACES];
    for (size_t i = 0; i < COUNT(addresses); i++) {
        size_t which = (first + i) % COUNT(addresses);
        struct interface_address on = {
            .index = (int)which + 1,
            .address = addresses[which].address,
            .is_up = true,
            .is_dynamic = addresses[which].is_dynamic,
        };
        snprintf(on.name, sizeof on.name, "%s", addresses[which].name);
        add_place(&places, list, &count, &on);
        CHECK_INT(count, i + 1 < CLIENT_PLACES ? i + 1 : CLIENT_PLACES);
    }
    for (size_t i = 0; i < COUNT(addresses); i++)
        if (addresses[i].rank < CLIENT_PLACES)
            CHECK_INT(list[addresses[i].rank].on.address, addresses[i].address);
    CHECK(memcmp(&behind, &list[CLIENT_PLACES], sizeof behind) == 0);
}

static void best_first(void) {
    for (size_t first = 0; first < COUNT(addresses) && !test_state.failed; first++) {
        test_row("from %zu on", first);
        add_from(first);
    }
}

// By its rank a list is known to have changed: addresses that are alike have different ones.
static void neighbours(void) {
    static const struct client_options options = {.tun_name = "tether%d"};
    static struct loop_timer opened;
    static struct places places = {.options = &options, .alarm = &opened};
    static const char *const names[] = {"wl0", "eth0"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct place list[CLIENT_PLACES];
        size_t count = 0;
        test_row("%s", names[i]);
        for (uint32_t address = 0xc0a82b02; address < 0xc0a82b06; address++) {
            struct interface_address on = {.index = 1, .address = address, .is_up = true};
            snprintf(on.name, sizeof on.name, "%s", names[i]);
            add_place(&places, list, &count, &on);
        }
        for (size_t at = 1; at < count; at++) CHECK(list[at - 1].rank < list[at].rank);
    }
}

static struct {
    int error;  // of the next that is bound
    int bound;  // how often,
    int listen; // and how often a socket began to listen
    char device[IFNAMSIZ];
} seen;

int play_bind(int fd, const char *device) {
    (void)fd;
    seen.bound++;
    snprintf(seen.device, sizeof seen.device, "%s", device);
    errno = seen.error;
    return seen.error == 0 ? 0 : -1;
}

int play_listen(struct http_host *host, int listener) {
    (void)host, (void)listener;
    seen.listen++;
    return 0;
}

static void place_at(struct places *places, int index, const char *name) {
    struct place *place = &places->list[places->count++];
    memset(place, 0, sizeof *place);
    place->on.index = index;
    snprintf(place->on.name, sizeof place->on.name, "%s", name);
}

// A socket is bound to each interface, and to another when that is gone; it listens once.
static void doors(void) {
    static struct places places;
    memset(&seen, 0, sizeof seen);
    places.door_count = 2;
    place_at(&places, 3, "wl0");
    place_at(&places, 3, "wl0"); // its second address
    seen.error = ENODEV;         // it is gone again
    open_doors(&places);
    CHECK_INT(places.doors[0].index, 0);
    CHECK_INT(seen.listen, 0);
    seen.error = 0;
    open_doors(&places);
    CHECK_INT(places.doors[0].index + places.doors[1].index, 3);
    CHECK_INT(seen.listen, 1);
    place_at(&places, 4, "eth0");
    open_doors(&places);
    CHECK_INT(places.doors[0].index * places.doors[1].index, 12);
    CHECK_TEXT(seen.device, "eth0");
    CHECK_INT(seen.listen, 2);
    int bound = seen.bound;
    open_doors(&places);
    CHECK_INT(seen.bound, bound); // nothing is new
    places.count = 0;
    place_at(&places, 5, "wl1"); // another in the place of both
    open_doors(&places);
    CHECK(places.doors[0].index == 5 || places.doors[1].index == 5);
    CHECK_TEXT(seen.device, "wl1");
    CHECK_INT(seen.listen, 2);
}

int main(void) {
    TEST("the best addresses come first, and a full list lets the last one go", best_first);
    TEST("the rank tells each address from its neighbours", neighbours);
    TEST("a socket listens on each interface, and follows when one goes", doors);
    return test_end();
}
