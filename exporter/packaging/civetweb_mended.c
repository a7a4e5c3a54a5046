/* CivetWeb, with a rest for its listener, and the one thing about a refused request that its
 * interface does not tell. */
#define _GNU_SOURCE /* as it would itself, before the first header */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* Where no descriptor is left, a connection waits on, and the listener would ask for it again and
 * again as fast as the processor can. */
static int accept_or_rest(int listener, struct sockaddr *address, socklen_t *length) {
  const int accepted = accept(listener, address, length);
  if (accepted < 0 && errno != EAGAIN) poll(0, 0, /*milliseconds=*/50);
  return accepted;
}
#define accept(listener, address, length) accept_or_rest(listener, address, length)

#include "civetweb.c"

/* 1 when the request did not fit into max_request_size, 2 when its header section had not ended
 * when it was given up, else 0. Only for use inside the http_error callback. */
int aliyun_ecs_request_fill(const struct mg_connection *connection);

int aliyun_ecs_request_fill(const struct mg_connection *connection) {
  if (connection->request_len > 0) return 0;
  if (connection->data_len >= connection->buf_size) return 1;
  return get_http_header_len(connection->buf, connection->data_len) == 0 ? 2 : 0;
}
