/* CivetWeb, and the one thing about a refused request that its interface does not tell. */
#include "civetweb.c"

/* 1 when the request did not fit into max_request_size, 2 when its header section had not ended
 * when it was given up, else 0. Only for use inside the http_error callback. */
int aliyun_ecs_request_fill(const struct mg_connection *connection);

int aliyun_ecs_request_fill(const struct mg_connection *connection) {
  if (connection->request_len > 0) return 0;
  if (connection->data_len >= connection->buf_size) return 1;
  return get_http_header_len(connection->buf, connection->data_len) == 0 ? 2 : 0;
}
