#!/usr/bin/env python3
"""The server under test, for the acceptance programs: start it, kill it, start it again on the same data.

As a library it gives `Server`. As a command it runs a program against a fresh server:

    acceptance/server.py PROGRAM [ARGUMENT...]

The program finds the server by CONSUL_HTTP_ADDR, as every Consul client does, and its node name by SERVER_NODE.
The command exits as the program did, and shows the server's log when that was a failure.

What is started is told by the environment:
    QUORATE_BIN     the Quorate binary, by default target/release/quorate of this checkout
    SERVER=consul   start the real Consul instead, to show that a program asks nothing which Consul does not give
    CONSUL_BIN      its binary; built from its Go module when not given (see lib/reference.py)
"""

import http.client
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time

from lib import reference

ACCEPTANCE = pathlib.Path(__file__).resolve().parent
IS_CONSUL = os.environ.get("SERVER") == "consul"
QUORATE_BIN = os.environ.get("QUORATE_BIN", str(ACCEPTANCE.parent / "target/release/quorate"))

# Ports are taken from below Linux's range for outgoing connections (32768 and up), so that none of a test's own
# connections can sit on a server's port while that server is down.
PORTS = range(20_000, 32_000)
# Consul leads and has registered itself after 3 s; ten times that is a failure, not a slow machine.
READY_SECONDS_MAX = 30
STOP_SECONDS_MAX = 15
# The end of a log that is shown with a failure.
LOG_LINES_SHOWN = 120
# Put before a command: the kernel kills the process when the program that started it is gone, however that went.
DIE_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL", "--"]


class ServerError(Exception):
    """The server did not do what a server must before any test can speak to it."""


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


class Server:
    """One server with its data below `directory`; ports and data stay the same over kills and starts."""

    def __init__(self, directory: str, node: str = "acceptance", is_consul: bool = IS_CONSUL, arguments: tuple = ()):
        self.node = node
        self.http_port, self.dns_port = free_port(), free_port()
        self.address = f"127.0.0.1:{self.http_port}"
        self.log_path = pathlib.Path(directory) / "server.log"
        self.process: subprocess.Popen | None = None
        self._command = self._consul_command() if is_consul else self._quorate_command()
        self._command += [f"-data-dir={directory}/data", f"-node={node}", f"-http-port={self.http_port}"]
        self._command += [f"-dns-port={self.dns_port}", *arguments]
        if not os.access(self._command[0], os.X_OK):
            raise ServerError(f"{self._command[0]} is not there to be run; build it or name it (see {__file__})")

    @staticmethod
    def _quorate_command() -> list[str]:
        return [QUORATE_BIN, "agent", "-server", "-bootstrap-expect=1", "-bind=127.0.0.1", "-client=127.0.0.1"]

    @staticmethod
    def _consul_command() -> list[str]:
        command = [str(reference.binary()), "agent", "-server", "-bootstrap-expect=1", "-bind=127.0.0.1", "-client=127.0.0.1"]
        command += ["-log-level=warn", "-grpc-port=-1", "-serf-wan-port=-1"]
        # The multiplier of 1 is the one Consul advises for production; its default of 5 elects in 9 s instead of 3.
        command += ["-hcl=performance { raft_multiplier = 1 }", "-hcl=disable_update_check = true"]
        return command + [f"-serf-lan-port={free_port()}", f"-server-port={free_port()}"]

    def launch(self) -> None:
        """Starts the process and returns at once."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*DIE_WITH_PARENT, *self._command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def start(self) -> None:
        """Starts the process and waits until it is ready."""
        self.launch()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Waits until it leads and has registered itself with its health."""
        self.wait_for("/v1/status/leader", lambda leader: leader != "")
        self.wait_for(f"/v1/health/node/{self.node}", lambda checks: any(c["CheckID"] == "serfHealth" for c in checks))

    def wait_for(self, path: str, accepts) -> None:
        """Asks `path` over and over until it is answered with 200 and JSON that `accepts` is true of."""
        give_up = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < give_up:
            if self.process.poll() is not None:
                raise ServerError(f"the server exited with {self.process.returncode}\n{self.log_tail()}")
            try:
                status, body = self.get(path)
                if status == 200 and accepts(json.loads(body)):
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.002)  # the pace of a poll whose end is a condition
        raise ServerError(f"{path} had no good answer in {READY_SECONDS_MAX} s\n{self.log_tail()}")

    def get(self, path: str) -> tuple[int, bytes]:
        """One GET on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def kill(self) -> None:
        """SIGKILL: the process gets no chance to write anything more."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not go."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()

    def log_tail(self) -> str:
        """The end of what the server printed."""
        lines = self.log_path.read_text(errors="replace").splitlines() if self.log_path.exists() else []
        return "\n".join(["--- server log ---", *lines[-LOG_LINES_SHOWN:], "--- end of server log ---"])


def exit_on_sigterm() -> None:
    """Lets SIGTERM unwind the program as an exception does, so that what it started is stopped."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def run_against_fresh_server(program: list[str]) -> int:
    """Starts a server, runs `program` to its end and gives its exit code."""
    with tempfile.TemporaryDirectory(prefix="acceptance-") as directory:
        server = Server(directory)
        try:
            server.start()
            environment = os.environ | {"CONSUL_HTTP_ADDR": server.address, "SERVER_NODE": server.node}
            code = subprocess.Popen([*DIE_WITH_PARENT, *program], env=environment).wait()
            if code != 0:
                print(server.log_tail(), file=sys.stderr)
            return code
        finally:
            server.stop()


if __name__ == "__main__":
    exit_on_sigterm()
    try:
        sys.exit(run_against_fresh_server(sys.argv[1:]))
    except ServerError as error:
        sys.exit(f"acceptance/server.py: {error}")
