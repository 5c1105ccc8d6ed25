// SPDX-License-Identifier: ISC
// A request that asks for a WebSocket is answered (RFC 6455 section 4.2.2), and its socket becomes
// one of the program's connections. What came behind the request goes along.
#include "door.h"
#include "draft76.h"

static int take(void *arg, const struct http_upgrade *upgrade) {
    const struct ws_door *door = arg;
    char response[HTTP_RESPONSE_MAX];
    size_t used = draft76_rest(upgrade->request);
    int length = used > 0 ? draft76_answer_request(response, upgrade->request, upgrade->more)
                          : ws_answer_request(response, sizeof response, upgrade->request);
    if (length < 0)
        return -length;
    struct ws_conn *conn = door->accept(door->arg, upgrade->peer, &upgrade->request->query);
    if (conn == NULL)
        return 503;
    conn->is_draft76 = used > 0;
    if (ws_conn_adopt(conn, upgrade->fd, upgrade->peer, response, (size_t)length,
                      upgrade->more + used, upgrade->more_length - used) < 0)
        return 503;
    return 0;
}

const struct http_protocol ws_protocol = {
    .required = "Sec-WebSocket-Version: 13\r\n", // section 4.4
    .is_wanted = ws_request_is_upgrade,
    .rest = draft76_rest,
    .take = take,
};
