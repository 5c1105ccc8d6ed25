// SPDX-License-Identifier: ISC
// Where phones find this laptop.
//
// Without --listen that is each private or link-local address of each interface but tunnels, or of
// --wifi's interface alone. They come and go: a phone gives the laptop another address, a Wi-Fi is
// joined, an adapter is made anew. The kernel tells of it (rtnetlink), and a moment later the
// program looks what is there.
//
// A socket bound to an interface answers through it whatever the routes say, so the phone stays
// reachable when all else goes into the tether. After the start no socket can be made (see
// os/sandbox_linux.c), nor one bound to another address. So there is a store of them, each for all
// addresses. One is bound to an interface when that is first needed, and is bound to another one
// when it is not needed there any more. What comes for an address that is not in the list, such as
// a public one, is closed at once. One more is bound to the loopback interface: for the laptop
// itself, and for a phone at a cable (adb reverse).
#include "places.h"

#include <errno.h>
#include <string.h>

#include "../ip/scope.h"

#define SETTLE_MS 100 // an address that is changed goes first, and the new one comes then

static int cannot_listen(const struct places *places, const char *where)
{
    const char *help = errno == EADDRINUSE ? " (is another tether-client running?)"
                       : errno == EADDRNOTAVAIL
                           ? " (no interface has this address: give --wifi IF and I add it)"
                       : errno == EPERM ? " (start me again, as root)"
                                        : "";
    log_error(places->log, "cannot listen on %s: %s%s", where, strerror(errno), help);
    return -1;
}

bool places_have(const struct places *places, uint32_t address)
{
    for (size_t i = 0; i < places->count; i++)
        if (places->list[i].on.address == address)
            return address != 0;
    return false;
}

bool places_welcome(const void *arg, uint32_t address)
{
    const struct places *places = arg;
    return address >> 24 == 127 || places_have(places, address);
}

// ---- the list ----

static bool is_place(const struct places *places, const struct interface_address *on)
{
    const struct client_options *options = places->options;
    const struct lent_address *lent = &places->wifi->lent;
    bool is_lent = lent->lends && strcmp(on->name, lent->name) == 0;
    enum ip_scope scope = ip_scope_of(on->address);
    if (lent->lends && !is_lent)
        return false;
    if (options->listens_there && !endpoint_is_wildcard(&options->listen))
        return on->address == endpoint_ipv4(&options->listen);
    return (on->is_up || is_lent) && (scope == SCOPE_PRIVATE || scope == SCOPE_LINK_LOCAL);
}

// An interface that was not there at the start is known by the usual names of Wi-Fi.
static bool is_wireless(const struct places *places, const char *name)
{
    for (size_t i = 0; i < places->count; i++)
        if (strcmp(places->list[i].on.name, name) == 0)
            return places->list[i].is_wireless;
    return places->alarm == NULL ? interface_is_wireless(name) : strncmp(name, "wl", 2) == 0;
}

// Of two places, the one that a phone rather finds: wireless, of the better kind, and so on.
static int compare(const struct place *a, const struct place *b)
{
    if (a->is_wireless != b->is_wireless)
        return a->is_wireless ? -1 : 1;
    if (a->kind != b->kind)
        return (int)a->kind - (int)b->kind;
    if (a->on.index != b->on.index)
        return a->on.index < b->on.index ? -1 : 1;
    return a->on.address < b->on.address ? -1 : a->on.address > b->on.address;
}

static void add_place(const struct places *places, struct place *list, size_t *count,
                      const struct interface_address *on)
{
    const struct lent_address *lent = &places->wifi->lent;
    struct place place = {.on = *on};
    struct text where;
    size_t i = *count;
    place.kind = ip_scope_of(on->address) == SCOPE_LINK_LOCAL ||
                         (lent->lends && on->address == lent->address)
                     ? PLACE_OWN
                 : on->is_dynamic ? PLACE_JOINED
                                  : PLACE_FIXED;
    place.is_wireless = is_wireless(places, on->name);
    text_init(&where, place.where, sizeof place.where);
    text_add_ipv4(&where, on->address);
    text_add(&where, ":%u", (unsigned)endpoint_port(&places->options->listen));
    if (i == CLIENT_PLACES && compare(&place, &list[i - 1]) > 0)
        return;
    for (i -= i == CLIENT_PLACES; i > 0 && compare(&place, &list[i - 1]) < 0; i--)
        list[i] = list[i - 1];
    list[i] = place;
    *count += *count < CLIENT_PLACES;
}

// Makes the list anew. Returns whether it has changed.
static bool look(struct places *places)
{
    struct interface_address found[INTERFACE_ADDRESSES];
    struct place list[CLIENT_PLACES];
    size_t count = 0;
    int all = interfaces_list(&places->wifi->lent.netlink, found);
    for (int i = 0; i < all; i++)
        if (is_place(places, &found[i]))
            add_place(places, list, &count, &found[i]);
    bool same = all < 0 || count == places->count;
    for (size_t i = 0; i < count && same && all >= 0; i++)
        same = compare(&list[i], &places->list[i]) == 0;
    if (same)
        return false;
    memcpy(places->list, list, sizeof list);
    places->count = count;
    return true;
}

// ---- the sockets ----

static bool is_listed(const struct places *places, int index)
{
    for (size_t i = 0; i < places->count; i++)
        if (places->list[i].on.index == index)
            return true;
    return false;
}

// A socket for an interface: the one that it has, or one that no interface needs, or NULL.
static struct place_door *door_for(struct places *places, int index)
{
    struct place_door *free = NULL;
    for (size_t i = 0; i < places->door_count; i++) {
        struct place_door *door = &places->doors[i];
        if (door->index == index)
            return door;
        if (door->index == 0 || (free == NULL && !is_listed(places, door->index)))
            free = door;
    }
    return free;
}

// Listens on each interface that has a place. Returns 0, or -1 after having said what is wrong.
static int open_doors(struct places *places)
{
    int result = 0;
    for (size_t i = 0; i < places->count; i++) {
        const struct interface_address *on = &places->list[i].on;
        struct place_door *door = door_for(places, on->index);
        if (door == NULL || door->index == on->index)
            continue;
        if (socket_bind_to_device(door->fd, on->name) < 0) {
            if (errno != ENODEV) // else it is gone again
                result = cannot_listen(places, on->name);
        } else if (door->index == 0 && (listen(door->fd, SOMAXCONN) < 0 ||
                                        http_host_listen(places->host, door->fd, true) < 0)) {
            result = cannot_listen(places, on->name);
        } else {
            door->index = on->index;
        }
    }
    return result;
}

static void on_alarm(void *arg, short events)
{
    struct places *places = arg;
    char last[IFNAMSIZ];
    size_t before = places->count;
    (void)events;
    memcpy(last, places->list[0].on.name, sizeof last);
    wifi_tick(places->wifi);
    if (!look(places))
        return;
    if (places->count == 0 && before > 0)
        log_warn(places->log, "%s is gone, or its address: no phone can come until it is back",
                 last);
    if (places->door_count > 0)
        (void)open_doors(places);
    places->changed(places->arg);
}

static void on_watch(void *arg, short events)
{
    struct places *places = arg;
    (void)events;
    interfaces_heard(&places->watch);
    if (places->alarm->due_ms == LOOP_NEVER)
        places->alarm->due_ms = places->loop->now_ms + SETTLE_MS;
}

// ---- at the start ----

static int follow(struct places *places)
{
    if (interfaces_watch(&places->watch) < 0 ||
        loop_add(places->loop, places->watch.fd, POLLIN, on_watch, places) < 0) {
        log_error(places->log, "cannot open a netlink socket: %s", strerror(errno));
        return -1;
    }
    places->alarm = loop_alarm(places->loop, on_alarm, places);
    return places->alarm != NULL ? 0 : -1;
}

// One socket for what --listen names: a wildcard, or an address that is not on an interface where
// a phone may be.
static int listen_plainly(struct places *places)
{
    char where[ENDPOINT_TEXT_MAX];
    const struct endpoint *at = &places->options->listen;
    endpoint_format(at, where);
    int fd = socket_listen(at, NULL);
    if (fd < 0 || http_host_listen(places->host, fd, true) < 0)
        return cannot_listen(places, where);
    if (endpoint_is_wildcard(at))
        return follow(places);
    struct place *place = &places->list[places->count++];
    place->kind = PLACE_NAMED;
    place->on.address = endpoint_ipv4(at);
    memcpy(place->where, where, sizeof where);
    return 0;
}

int places_open(struct places *places)
{
    char where[ENDPOINT_TEXT_MAX];
    const struct endpoint *at = &places->options->listen;
    bool is_exact = places->options->listens_there;
    (void)look(places);
    if (is_exact && (endpoint_is_wildcard(at) || places->count == 0))
        return listen_plainly(places);
    endpoint_format(at, where);
    while (places->door_count < (is_exact ? 1 : CLIENT_DOORS)) {
        struct place_door *door = &places->doors[places->door_count];
        door->fd = socket_bind(at, NULL);
        if (door->fd < 0)
            return cannot_listen(places, where);
        places->door_count++;
    }
    int fd = socket_listen(at, "lo");
    if (fd < 0 || http_host_listen(places->host, fd, true) < 0)
        return cannot_listen(places, where);
    return open_doors(places) < 0 ? -1 : follow(places);
}

void places_close(struct places *places)
{
    loop_remove(places->loop, places->watch.fd);
    netlink_close(&places->watch);
}
