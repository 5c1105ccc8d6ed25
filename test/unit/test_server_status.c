// SPDX-License-Identifier: ISC
// status.json of tether-server: it counts the laptops that have a phone, and adds up what all of
// them carried and dropped.
#include "../../src/server/status.c"

#include "test.h"

#define LAPTOPS 3

static struct laptops laptops;
static struct gateway gateway;
static struct http_host host;
static struct ws_conn there;
static const struct server_mode mode; // which adds nothing
static const struct server_phones phones = {.laptops = &laptops, .mode = &mode};
static const struct siphash_key queue_key = {1, 2};
static char said[8192];

static bool says(const char *what) { return strstr(said, what) != NULL; }

static void say(void) {
    struct text text;
    text_init(&text, said, sizeof said);
    write_server_status(&text, &phones, &host, 5000);
}

// A place of no laptop, which may be left from before, is beyond them.
static void start(void) {
    laptops.gateway = &gateway;
    laptops.count = LAPTOPS;
    for (size_t i = 0; i <= LAPTOPS; i++) {
        tunnel_link_init(&laptops.places[i].link, NULL, &queue_key, 1000000);
        laptops.places[i].link.conn = &there;
        laptops.places[i].link.packets_sent = 1 << 4 * i;
        laptops.places[i].link.bad_message = 2 << 4 * i;
    }
}

static void adds_up(void) {
    start();
    say();
    CHECK(says("\"uptime_s\":5,"));
    CHECK(says("\"links\":3,"));
    CHECK(says(":273,")); // packets: 1 + 16 + 256
    CHECK(says("\"bad_message\":546"));
    laptops.places[1].link.conn = NULL;
    say();
    CHECK(says("\"links\":2,"));
    CHECK(says(":273,")); // what it carried stays
}

static void drops_have_names(void) {
    start();
    gateway.nat.dropped[NAT_VERDICT_COUNT - 1] = 71;
    gateway.wire =
        (struct wire){.no_route = 72, .no_neighbour = 73, .send_failed = 74, .bad_capture = 75};
    gateway.host_write = 76;
    laptops.refused = 77;
    say();
    CHECK(says(":71,"));
    CHECK(says("\"no_route\":72,\"no_neighbour\":73,\"host_write\":76"));
    CHECK(says("\"send_failed\":74,\"bad_capture\":75}"));
    CHECK(says("\"refused_laptops\":77}\n"));
}

int main(void) {
    TEST("laptops with a phone are counted, and what all carried is added up", adds_up);
    TEST("each drop has its name", drops_have_names);
    return test_end();
}
