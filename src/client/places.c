// SPDX-License-Identifier: ISC
// Where phones find this laptop.
//
// Without --listen that is each private or link-local address of each interface but tunnels, or of
// --wifi's interface alone, which is lent one. They come and go: a phone gives the laptop another
// address, a Wi-Fi is joined, an adapter is made anew. The kernel tells of it, and a
// moment later the program looks what is there.
//
// A socket bound to an interface answers through it whatever the routes say, so the phone stays
// reachable when all else goes into the tether. After the start no socket can be made, nor bound to
// another address (os/sandbox_linux.c). So there is a store of them, each for all addresses, and
// one is bound to an interface when that needs it. What comes for an address that is not in the
// list, such as a public one, is closed at once. One more socket is bound to the loopback
// interface: for the laptop itself, and for a phone at a cable (adb reverse). Where a socket that
// is bound hears all interfaces nevertheless (macOS), there is one for all, and a phone's
// connection is bound when it is there.
#include "places.h"
#include "../ip/scope.h"
#include "display.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define WIFI_PREFIX 16 // 169.254.0.0/16, RFC 3927
#define WIRED       (UINT64_C(4) << 56)
#define SETTLE_MS   100 // an address that is changed goes first, and the new one comes then

static const struct place *find(const struct places *places, uint32_t address) {
    for (size_t i = 0; i < places->count && address != 0; i++)
        if (places->list[i].on.address == address)
            return &places->list[i];
    return NULL;
}

bool places_have(const void *arg, uint32_t address) {
    return address >> 24 == 127 || find(arg, address) != NULL;
}

bool places_welcome(const void *arg, int fd, const struct endpoint *peer) {
    struct endpoint here = {.length = sizeof here.address};
    if (getsockname(fd, (struct sockaddr *)&here.address, &here.length) < 0 ||
        !places_have(arg, endpoint_ipv4(&here)))
        return false;
    const struct place *place = find(arg, endpoint_ipv4(&here));
    if (place != NULL && !socket_hears_its_device() && !places_have(arg, endpoint_ipv4(peer)))
        (void)socket_bind_to_device(fd, place->on.name);
    return true;
}

// ---- the list ----

static bool is_place(const struct places *places, const struct interface_address *on) {
    const struct client_options *options = places->options;
    enum ip_scope scope = ip_scope_of(on->address);
    if (options->wifi != NULL && strcmp(on->name, options->wifi) != 0)
        return false;
    if (options->listens_there && !endpoint_is_wildcard(&options->listen))
        return on->address == endpoint_ipv4(&options->listen);
    return (on->is_up || on->is_lent) && (scope == SCOPE_PRIVATE || scope == SCOPE_LINK_LOCAL);
}

// Wi-Fi has a name that says so, or could be looked up at the start.
static bool is_wireless(const struct places *places, const char *name) {
    if (strncmp(name, "wl", 2) == 0)
        return true;
    for (size_t i = 0; i < places->count; i++)
        if (strcmp(places->list[i].on.name, name) == 0)
            return places->list[i].rank < WIRED;
    return places->alarm == NULL && interface_is_wireless(name);
}

static enum place_kind kind_of(const struct interface_address *on) {
    if (on->is_lent || ip_scope_of(on->address) == SCOPE_LINK_LOCAL)
        return PLACE_OWN;
    return on->is_dynamic ? PLACE_JOINED : PLACE_FIXED;
}

// Puts a place where it belongs in the list; the last one of a full list gives way.
static void add_place(const struct places *places, struct place *list, size_t *count,
                      const struct interface_address *on) {
    struct place place = {.on = *on, .kind = kind_of(on)};
    struct text where;
    place.rank = (is_wireless(places, on->name) ? 0 : WIRED) | (uint64_t)place.kind << 56 |
                 (uint64_t)(on->index & 0xffffff) << 32 | on->address;
    text_init(&where, place.where, sizeof place.where);
    text_add_ipv4(&where, on->address);
    text_add(&where, ":%u", (unsigned)endpoint_port(&places->options->listen));
    size_t i = *count;
    for (; i > 0 && place.rank < list[i - 1].rank; i--)
        if (i < CLIENT_PLACES)
            list[i] = list[i - 1];
    if (i < CLIENT_PLACES)
        list[i] = place;
    *count += *count < CLIENT_PLACES;
}

// Makes the list anew. Returns whether it has changed.
static bool look(struct places *places) {
    struct interface_address found[INTERFACE_ADDRESSES];
    struct place list[CLIENT_PLACES];
    size_t count = 0;
    size_t same = 0;
    int all = interfaces_list(&places->lent.kernel, found);
    for (int i = 0; i < all; i++)
        if (is_place(places, &found[i]))
            add_place(places, list, &count, &found[i]);
    while (same < count && list[same].rank == places->list[same].rank) same++;
    if (all < 0 || (count == places->count && same == count) || places->list[0].kind == PLACE_NAMED)
        return false;
    memcpy(places->list, list, sizeof list);
    places->count = count;
    return true;
}

// ---- the sockets ----

static int cannot_listen(const struct places *places, const char *where) {
    const char *help = errno == EADDRINUSE ? " (is another tether-client running?)"
                       : errno == EADDRNOTAVAIL
                           ? " (no interface has this address: give --wifi IF and I add it)"
                           : "";
    return log_error(places->display->log, "cannot listen on %s: %s%s", where, strerror(errno),
                     help);
}

static bool is_listed(const struct places *places, int index) {
    for (size_t i = 0; i < places->count; i++)
        if (places->list[i].on.index == index)
            return true;
    return false;
}

// A socket for an interface: the one that it has, or one that no interface needs, or NULL.
static struct place_door *door_for(struct places *places, int index) {
    struct place_door *spare = NULL;
    for (int i = 0; i < places->door_count; i++) {
        struct place_door *door = &places->doors[i];
        if (door->index == index)
            return door;
        if (door->index == 0 || (spare == NULL && !is_listed(places, door->index)))
            spare = door;
    }
    return spare;
}

// Listens on each interface that has a place.
static void open_doors(struct places *places) {
    for (size_t i = 0; i < places->count; i++) {
        const struct interface_address *on = &places->list[i].on;
        struct place_door *door = door_for(places, on->index);
        if (door == NULL || door->index == on->index)
            continue;
        if (socket_bind_to_device(door->fd, on->name) == 0 &&
            (door->index != 0 || http_host_listen(places->host, door->fd) == 0))
            door->index = on->index;
        else if (errno != ENODEV) // else it is gone again
            (void)cannot_listen(places, on->name);
    }
}

static void on_alarm(void *arg) {
    struct places *places = arg;
    lent_address_follow(&places->lent);
    if (!look(places))
        return;
    open_doors(places);
    display_places(places->display);
}

static void on_watch(void *arg) {
    struct places *places = arg;
    if (interfaces_changed(&places->watch) && places->alarm->due_ms == LOOP_NEVER)
        places->alarm->due_ms = places->loop->now_ms + SETTLE_MS;
}

// ---- at the start ----

// One socket for what --listen names: a wildcard, or an address that is not on an interface where
// a phone may be. Returns 0, or -1 with errno set.
static int listen_plainly(struct places *places) {
    const struct endpoint *at = &places->options->listen;
    int fd = socket_bind(at, NULL);
    if (fd < 0 || http_host_listen(places->host, fd) < 0)
        return -1;
    if (!endpoint_is_wildcard(at)) {
        places->count = 1;
        places->list[0] = (struct place){.kind = PLACE_NAMED};
        places->list[0].on.address = endpoint_ipv4(at);
        endpoint_format(at, places->list[0].where);
    }
    return 0;
}

static int listen_somewhere(struct places *places) {
    const struct endpoint *at = &places->options->listen;
    bool is_exact = places->options->listens_there;
    int fd;
    if (is_exact && (endpoint_is_wildcard(at) || places->count == 0))
        return listen_plainly(places);
    int most = !socket_hears_its_device() ? 0 : is_exact ? 1 : CLIENT_DOORS;
    while (places->door_count < most) {
        fd = socket_bind(at, NULL);
        if (fd < 0)
            return -1;
        places->doors[places->door_count++].fd = fd;
    }
    fd = socket_bind(at, most > 0 ? "lo" : NULL);
    if (fd < 0 || http_host_listen(places->host, fd) < 0)
        return -1;
    open_doors(places);
    return 0;
}

static void on_renewal(void *arg) {
    lent_address_renew(arg);
    lent_address_follow(arg);
}

int places_open(struct places *places, const struct client_options *options, struct http_host *host,
                struct loop *loop, struct display *display) {
    char where[ENDPOINT_TEXT_MAX];
    uint32_t address = options->listens_there ? endpoint_ipv4(&options->listen) : LAPTOP_IPV4;
    struct lent_address *lent = &places->lent;
    *places = (struct places){options, loop, host, display, .watch.fd = -1};
    if (lent_address_open(lent, options->wifi, address, WIFI_PREFIX, display->log) < 0)
        return -1;
    if (interfaces_watch(&places->watch) < 0 ||
        loop_add(loop, places->watch.fd, POLLIN, on_watch, places) < 0 ||
        loop_every(loop, LENT_RENEW_MS, on_renewal, lent) < 0)
        return log_error(display->log, "cannot watch the network interfaces: %s", strerror(errno));
    (void)look(places);
    endpoint_format(&options->listen, where);
    if (listen_somewhere(places) < 0)
        return cannot_listen(places, where);
    lent_address_own(lent); // nobody else listens there
    places->alarm = loop_alarm(loop, on_alarm, places);
    return places->alarm != NULL ? 0 : -1;
}

void places_close(struct places *places) {
    if (places->loop == NULL)
        return; // never opened
    loop_remove(places->loop, places->watch.fd);
    close(places->watch.fd);
    lent_address_remove(&places->lent);
}
