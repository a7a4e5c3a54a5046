"""A metadata service that is absent, silent, or answers nonsense; and signals."""

import signal
import socket

import harness


class TroubleTest(harness.Case):
    def expect_a_page_that_says_down(self):
        self.assertEqual(self.sample("aliyun_ecs_metadata_up"), 0)
        self.assertEqual(self.sample('aliyun_ecs_spot_termination_state{state="unknown"}'), 1)
        self.assertEqual(self.sample('aliyun_ecs_spot_termination_state{state="none"}'), 0)
        self.assertNotIn("aliyun_ecs_instance_info", self.page())
        self.assertEqual(harness.request(self.web, "GET", "/-/healthy").status, 200)
        self.assertEqual(harness.request(self.web, "GET", "/-/ready").status, 503)

    def test_starts_serves_and_says_down_while_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]  # free again when this block ends
        self.start_exporter(metadata=f"127.0.0.1:{port}")
        self.exporter.wait_for("does not answer as it should")
        self.expect_a_page_that_says_down()
        self.assertEqual(self.exporter.stop(), 0)

    def test_starts_serves_and_says_down_while_the_service_is_silent(self):
        service = harness.SilentService()
        self.addCleanup(service.close)
        self.start_exporter("--metadata.timeout=100ms", metadata=service.address)
        self.exporter.wait_for("does not answer as it should.*[Tt]imeout")
        self.expect_a_page_that_says_down()

    def test_starts_serves_and_says_down_while_pages_come_with_status_200(self):
        service = harness.LoginPage()
        self.addCleanup(service.close)
        self.start_exporter(metadata=service.address)
        self.exporter.wait_for("does not answer as it should")
        self.expect_a_page_that_says_down()
        self.assertNotIn("Log in", self.page())

    def test_signals_end_it_with_status_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.start_simulator()
            self.start_exporter()
            self.exporter.wait_for("first fill complete")
            self.assertEqual(self.exporter.stop(number, limit=10), 0)

    def test_a_signal_ends_it_at_once_while_the_service_hangs(self):
        service = harness.SilentService()
        self.addCleanup(service.close)
        # Far longer than the limit below.
        self.start_exporter("--metadata.timeout=60s", metadata=service.address)
        service.accept()
        self.assertEqual(self.exporter.stop(limit=10), 0)

    def test_a_proxy_in_the_environment_never_sees_the_token(self):
        proxy = harness.SilentService()
        self.addCleanup(proxy.close)
        self.start_simulator()
        url = "http://" + proxy.address
        self.start_exporter(http_proxy=url, HTTP_PROXY=url, ALL_PROXY=url, all_proxy=url)
        self.exporter.wait_for("first fill complete")
        self.assertEqual(self.sample("aliyun_ecs_metadata_up"), 1)


if __name__ == "__main__":
    harness.main()
