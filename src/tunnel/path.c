// The path follows the phone. The connection that opened last and has brought something genuine is
// the path, be it slower than the one before, so that its messages come overtaken. An older one
// becomes it again only when the newer has failed. So a new phone takes over without a gap, and one
// whose own way does not work takes nothing over. Where the path has closed, the connection on
// which the other end was heard last is the next.
#include "path.h"

#define FAILED_MS 2000 // a path that was silent for so long may be overtaken by an older one

void phone_opened(struct phone_conn *phone, uint32_t serial, bool text, int64_t now_ms)
{
    phone->serial = serial;
    phone->text = text;
    phone->has_delivered = false;
    liveness_init(&phone->liveness, now_ms);
}

void path_set(struct path *path, struct phone_conn *phone, int64_t now_us)
{
    path->phone = phone;
    if (phone != NULL) {
        path->changes++;
        path->link.text = phone->text;
    }
    tunnel_link_set_conn(&path->link, phone != NULL ? &phone->ws : NULL, now_us);
}

bool path_should_move(const struct path *path, const struct phone_conn *phone, bool is_newest,
                      int64_t now_ms)
{
    const struct phone_conn *now = path->phone;
    if (now == phone)
        return false;
    if (now == NULL || phone->serial > now->serial)
        return true;
    return is_newest && now_ms - now->liveness.heard_ms >= FAILED_MS;
}

bool phone_is_better(const struct phone_conn *phone, const struct phone_conn *other)
{
    if (phone->ws.state != WS_OPEN || !phone->has_delivered)
        return false;
    return other == NULL || phone->liveness.heard_ms > other->liveness.heard_ms ||
           (phone->liveness.heard_ms == other->liveness.heard_ms && phone->serial > other->serial);
}
