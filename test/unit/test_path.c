// SPDX-License-Identifier: ISC
// Which of a laptop's connections is sent on.
#include "tunnel/path.h"

#include "test.h"

#define SECOND 1000000 // microseconds

static struct tunnel_link links[2];
static struct path paths[2];
static struct phone_conn phones[3]; // in the order in which they came
static const struct siphash_key queue_key = {1, 2};
static int64_t now_us;

// Two laptops' paths without connections, and three phones that nobody knows.
static void begin(void) {
    static struct session_keys keys;
    now_us = 100 * SECOND;
    for (uint16_t i = 0; i < COUNT(paths); i++) {
        tunnel_link_init(&links[i], &keys, &queue_key, now_us);
        path_init(&paths[i], &links[i], i);
    }
    for (uint32_t i = 0; i < COUNT(phones); i++)
        phones[i] = (struct phone_conn){
            .ws = {.fd = -1, .state = WS_OPEN}, .serial = i + 1, .genuine_ms = now_us / 1000};
}

// A genuine message of a laptop comes through a phone.
static bool hear(int laptop, int phone, bool is_newest) {
    path_join(&paths[laptop], &phones[phone], now_us);
    return path_follow(&phones[phone], is_newest, now_us);
}

// Whether this laptop is sent to on that phone, as path and link both say.
static bool leads_to(int laptop, const struct phone_conn *phone) {
    return paths[laptop].current == phone &&
           links[laptop].conn == (phone != NULL ? &phone->ws : NULL);
}

static void lose(int phone) {
    phones[phone].ws.state = WS_CLOSING;
    path_leave(&phones[phone], now_us);
}

static void new_takes_over(void) {
    begin();
    CHECK(hear(0, 0, true) && leads_to(0, &phones[0]));
    path_join(&paths[0], &phones[1], now_us);
    CHECK(leads_to(0, &phones[0]) && path_is_on(&phones[0]) && !path_is_on(&phones[1]));
    CHECK(hear(0, 1, false) && leads_to(0, &phones[1])); // its messages come overtaken
    CHECK(!hear(0, 1, true) && leads_to(0, &phones[1])); // it is already
}

static void older_only_after_failure(void) {
    begin();
    CHECK(hear(0, 1, true));
    now_us += 2 * SECOND - 1000;
    CHECK(!hear(0, 0, true) && leads_to(0, &phones[1]));
    now_us += 1000;
    CHECK(!hear(0, 0, false) && leads_to(0, &phones[1])); // what was under way for long
    CHECK(hear(0, 0, true) && leads_to(0, &phones[0]));
    CHECK(hear(0, 1, true) && leads_to(0, &phones[1]));
}

static void silence_counts_from_last(void) {
    begin();
    CHECK(hear(0, 1, true));
    now_us += SECOND * 3 / 2;
    CHECK(!hear(0, 1, true));
    now_us += SECOND * 3 / 2;
    CHECK(!hear(0, 0, true) && leads_to(0, &phones[1]));
}

static void newest_replaces(void) {
    begin();
    CHECK(hear(0, 2, true) && !hear(0, 0, true) && !hear(0, 1, true));
    CHECK(path_newest(&paths[0]) == &phones[2]);
    lose(2);
    CHECK(leads_to(0, &phones[1]) && phones[2].path == NULL);
    phones[0].ws.state = WS_CLOSING; // and has not left yet
    lose(1);
    CHECK(leads_to(0, NULL));
    lose(0);
    CHECK(leads_to(0, NULL) && paths[0].conns == NULL);
    lose(0);
}

static void beside_the_path_goes_quietly(void) {
    begin();
    path_join(&paths[0], &phones[2], now_us);
    CHECK(hear(0, 0, true) && hear(0, 1, true));
    lose(0);
    CHECK(leads_to(0, &phones[1]));
    lose(1);
    CHECK(leads_to(0, &phones[2]));
}

static void not_of_another_laptop(void) {
    begin();
    CHECK(hear(0, 0, true) && hear(1, 1, true));
    lose(0);
    CHECK(leads_to(0, NULL) && leads_to(1, &phones[1]));
    CHECK(hear(0, 2, true) && leads_to(0, &phones[2]));
    lose(1);
    CHECK(leads_to(1, NULL) && leads_to(0, &phones[2]));
}

static void other_laptop_speaks(void) {
    begin();
    CHECK(hear(0, 1, true) && !hear(0, 0, true));
    CHECK(hear(1, 1, true) && leads_to(1, &phones[1]) && leads_to(0, NULL));
    CHECK(phones[1].path == &paths[1] && paths[0].conns == &phones[0]);
    CHECK(hear(0, 0, true) && leads_to(0, &phones[0]));
}

static void place_given_away(void) {
    begin();
    CHECK(hear(0, 0, true) && hear(0, 1, true));
    tunnel_link_init(&links[0], NULL, &queue_key, now_us);
    path_init(&paths[0], &links[0], 0);
    CHECK(leads_to(0, NULL) && phones[0].path == NULL && phones[1].path == NULL);
    lose(0);
    CHECK(hear(0, 1, true) && leads_to(0, &phones[1]));
    lose(1);
    CHECK(leads_to(0, NULL));
}

static void form_follows(void) {
    begin();
    phones[1].text = true;
    CHECK(hear(0, 0, true) && !links[0].text);
    CHECK(hear(0, 1, true) && links[0].text);
    phones[1].text = false;
    CHECK(!hear(0, 1, true) && !links[0].text);
    phones[0].text = true;
    CHECK(!hear(0, 0, true) && !links[0].text); // not the path
    lose(1);
    CHECK(links[0].text);
}

int main(void) {
    TEST("a new phone takes over once it has delivered", new_takes_over);
    TEST("an older phone takes over only when the newer has failed", older_only_after_failure);
    TEST("a phone has failed when nothing came on it since", silence_counts_from_last);
    TEST("the newest open connection replaces the one that is gone", newest_replaces);
    TEST("a connection beside the path goes without a change", beside_the_path_goes_quietly);
    TEST("another laptop's connection is never taken", not_of_another_laptop);
    TEST("a connection on which another laptop speaks is that laptop's", other_laptop_speaks);
    TEST("a laptop that loses its place leaves its phones strangers", place_given_away);
    TEST("what is sent has the form of what came on the path", form_follows);
    return test_end();
}
