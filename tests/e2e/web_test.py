"""The web server of the real exporter."""

import socket

import harness


class WebTest(harness.Case):
    def setUp(self):
        self.start_simulator()
        self.start_exporter("--web.telemetry-path=/numbers")

    def test_knows_its_pages_exactly(self):
        for path, status in {"/numbers": 200, "/numbers?collect[]=x": 200, "/": 200,
                             "/snapshot": 200, "/-/healthy": 200, "/healthz": 200,
                             "/metrics": 404, "/numbersfoo": 404, "/numbers/foo": 404,
                             "/Numbers": 404, "/../etc/passwd": 404}.items():
            self.assertEqual(harness.request(self.web, "GET", path).status, status, path)

    def test_answers_head_like_get_without_a_body(self):
        get = harness.request(self.web, "GET", "/-/healthy")
        head = harness.request(self.web, "HEAD", "/-/healthy")
        self.assertEqual((head.status, head.body), (200, ""))
        self.assertEqual(head.headers["Content-Length"], get.headers["Content-Length"])
        self.assertEqual(harness.request(self.web, "HEAD", "/nowhere").status, 404)

    def test_refuses_other_methods_and_says_which_it_takes(self):
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            response = harness.request(self.web, method, "/numbers", body="x")
            self.assertEqual((response.status, response.headers["Allow"]), (405, "GET, HEAD"))

    def test_says_which_header_fields_are_too_large(self):
        for size in (17_000, 1_000_000):
            with socket.create_connection(("127.0.0.1", int(self.web.rsplit(":", 1)[1]))) as connection:
                try:
                    connection.sendall(b"GET /numbers HTTP/1.1\r\nX: " + b"x" * size + b"\r\n\r\n")
                except ConnectionError:
                    pass  # it need not read everything before it answers
                status = connection.recv(64).split(b"\r\n")[0]
            self.assertEqual(status, b"HTTP/1.1 431 Request Header Fields Too Large", size)
        self.page("/numbers")

    def test_takes_nothing_behind_a_request_for_another_where_that_is_unsure(self):
        inner = b"GET /snapshot HTTP/1.1\r\nHost: x\r\n\r\n"
        for headers, behind in ((b"Content-Length: 0\r\nContent-Length: %d" % len(inner), inner),
                                (b"Transfer-Encoding: chunked", b"0\r\n\r\n" + inner),
                                (b"Upgrade: h2c", inner),
                                (b"Connection: keep-alive, close", inner),
                                (b"Connection: keep-alive\r\nConnection: Close", inner)):
            with socket.create_connection(("127.0.0.1", int(self.web.rsplit(":", 1)[1]))) as connection:
                connection.settimeout(harness.DEADLINE)
                connection.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n\r\n" + behind)
                answers = b""
                try:
                    while more := connection.recv(65536):
                        answers += more
                except ConnectionResetError:
                    pass  # what came behind was not read
            self.assertEqual(answers.count(b"HTTP/1.1 200 "), 1, headers)

    def test_names_the_text_format(self):
        response = harness.request(self.web, "GET", "/numbers")
        self.assertEqual(response.headers["Content-Type"],
                         "text/plain; version=0.0.4; charset=utf-8")

    def test_listens_on_several_addresses_of_both_families(self):
        if not socket.has_ipv6:
            self.skip_or_fail("no IPv6 here")
        program = self.start(
            harness.EXPORTER, "--web.listen-address=127.0.0.1:0", "--web.listen-address=[::1]:0",
            "--web.listen-address=:0", f"--metadata.url=http://{self.metadata}")
        for host in ("127.0.0.1", "::1", None):
            address = program.wait_for(r"msg=listening address=(\S+)")[1]
            for target in ([host] if host else ["127.0.0.1", "::1"]):
                port = address.rsplit(":", 1)[1]
                answer = harness.request(f"{target}:{port}", "GET", "/-/healthy")
                self.assertEqual(answer.status, 200, (address, target))


if __name__ == "__main__":
    harness.main()
