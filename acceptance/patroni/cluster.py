"""Three PostgreSQL nodes under Patroni on loopback ports: their configuration, start, death, and what they say."""

import contextlib
import json
import os
import pathlib
import pwd
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
import server

SCOPE = "acceptance"
DATABASE_USER = "postgres"
CONNECTION_OPTIONS = f"user={DATABASE_USER} dbname=postgres connect_timeout=2"
# Patroni's minimum; the session in the server gets half of it, which is the shortest that Consul takes.
TTL_SECONDS = 20
LOOP_WAIT_SECONDS = 1
# As long as the ttl allows (loop_wait + 2 * retry_timeout <= ttl): a primary that cannot reach the server for longer
# steps down. Consul needs 3 s to come back, so its restart must not be that.
RETRY_TIMEOUT_SECONDS = 9
POLL_SECONDS = 0.2
LOG_LINES_SHOWN = 60


class Node:
    """One PostgreSQL server and the Patroni that runs it."""

    def __init__(self, name: str, directory: pathlib.Path, consul_port: int):
        self.name = name
        self.directory = directory / name
        self.rest_port, self.database_port = server.free_port(), server.free_port()
        self.patroni: subprocess.Popen | None = None
        self.directory.mkdir()
        (self.directory / "patroni.yml").write_text(json.dumps(self._configuration(consul_port)))
        for path in [self.directory, self.directory / "patroni.yml"]:
            os.chown(path, *_postgres_ids())

    def _configuration(self, consul_port: int) -> dict:
        """What patroni.yml says; JSON is YAML."""
        rest, database = f"127.0.0.1:{self.rest_port}", f"127.0.0.1:{self.database_port}"
        return {
            "scope": SCOPE,
            "name": self.name,
            "restapi": {"listen": rest, "connect_address": rest},
            "consul": {
                "host": "127.0.0.1",
                "port": consul_port,
                "register_service": True,
                "service_check_interval": "1s",
            },
            "bootstrap": {
                "dcs": {
                    "ttl": TTL_SECONDS,
                    "loop_wait": LOOP_WAIT_SECONDS,
                    "retry_timeout": RETRY_TIMEOUT_SECONDS,
                    # Without it PostgreSQL itself may lose the last commits in a failover, whatever holds the lock.
                    "synchronous_mode": True,
                    "postgresql": {"use_pg_rewind": True},
                },
                "initdb": [{"encoding": "UTF8"}, {"auth": "trust"}, "no-sync"],
            },
            "postgresql": {
                "listen": database,
                "connect_address": database,
                "bin_dir": os.environ["POSTGRES_BIN_DIR"],
                "data_dir": str(self.directory / "data"),
                "pgpass": str(self.directory / "pgpass"),
                "authentication": {
                    "superuser": {"username": DATABASE_USER},
                    "replication": {"username": "replicator"},
                    "rewind": {"username": "rewinder"},
                },
                "pg_hba": ["local all all trust", "host all,replication all 127.0.0.1/32 trust"],
                "parameters": {
                    "unix_socket_directories": str(self.directory),
                    "max_connections": 30,
                    "shared_buffers": "16MB",
                },
                "remove_data_directory_on_rewind_failure": True,
                "remove_data_directory_on_diverged_timelines": True,
            },
        }

    def connection_string(self) -> str:
        """This node alone, primary or not."""
        return f"host=127.0.0.1 port={self.database_port} {CONNECTION_OPTIONS}"

    def start(self) -> None:
        """Starts Patroni, which makes or continues this node's PostgreSQL."""
        patroni = pathlib.Path(sys.executable).parent / "patroni"
        as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig=KILL", "--"]
        with (self.directory / "patroni.log").open("ab") as log:
            self.patroni = subprocess.Popen(
                [*as_postgres, str(patroni), str(self.directory / "patroni.yml")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={"PATH": os.environ["PATH"], "HOME": str(self.directory), "LANG": "C.UTF-8"},
            )

    def kill(self) -> None:
        """SIGKILL to Patroni first, so that it cannot react, and to every process of its PostgreSQL."""
        if self.patroni is None:
            return
        self.patroni.kill()
        self.patroni.wait()
        victims = []
        with contextlib.suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
            pid_file = self.directory / "data/postmaster.pid"
            postmaster = psutil.Process(int(pid_file.read_text().splitlines()[0]))
            victims = [postmaster, *postmaster.children(recursive=True)]
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
        psutil.wait_procs(victims, timeout=10)
        self.patroni = None

    def rest(self, path: str, body: dict | None = None) -> tuple[int, str]:
        """One request to Patroni's REST API: GET, or POST when there is a body."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.rest_port}{path}", data=json.dumps(body).encode() if body else None
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def log_tail(self) -> str:
        """The end of what Patroni and its PostgreSQL printed."""
        path = self.directory / "patroni.log"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        return "\n".join([f"--- {self.name} ---", *lines[-LOG_LINES_SHOWN:]])


def _postgres_ids() -> tuple[int, int]:
    """The user and group that PostgreSQL runs as."""
    entry = pwd.getpwnam("postgres")
    return entry.pw_uid, entry.pw_gid


class Cluster:
    """The three nodes together."""

    def __init__(self, directory: pathlib.Path, consul_port: int):
        self.nodes = {name: Node(name, directory, consul_port) for name in ["pg1", "pg2", "pg3"]}

    def start(self) -> None:
        """Starts every node."""
        for node in self.nodes.values():
            node.start()

    def kill(self) -> None:
        """Ends every node."""
        for node in self.nodes.values():
            node.kill()

    def connection_string(self) -> str:
        """Finds the current primary, as libpq does for any application."""
        nodes = self.nodes.values()
        hosts = ",".join("127.0.0.1" for _ in nodes)
        ports = ",".join(str(node.database_port) for node in nodes)
        return f"host={hosts} port={ports} {CONNECTION_OPTIONS} target_session_attrs=read-write"

    def members(self) -> dict[str, dict]:
        """Each member by name, as the first node that answers sees it."""
        for node in self.nodes.values():
            with contextlib.suppress(OSError, ValueError):
                status, body = node.rest("/cluster")
                if status == 200:
                    return {member["name"]: member for member in json.loads(body)["members"]}
        return {}

    def leader(self) -> str | None:
        """The name of the member that leads and runs."""
        leaders = [m["name"] for m in self.members().values() if m["role"] == "leader" and m["state"] == "running"]
        return leaders[0] if len(leaders) == 1 else None

    def streaming(self) -> set[str]:
        """The replicas that stream from the leader, on its timeline."""
        members = self.members()
        leader = next((m for m in members.values() if m["role"] == "leader"), None)
        if leader is None:
            return set()
        return {
            m["name"] for m in members.values() if m["state"] == "streaming" and m["timeline"] == leader["timeline"]
        }

    def timeline(self) -> int:
        """The leader's timeline, which each promotion raises."""
        members = self.members()
        return max(member.get("timeline") or 0 for member in members.values()) if members else 0

    def log_tails(self) -> str:
        """The ends of all nodes' logs."""
        return "\n".join(node.log_tail() for node in self.nodes.values())


def wait_until(condition, seconds: float, what: str):
    """Polls until `condition()` is true and gives its value."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        value = condition()
        if value:
            return value
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"waited {seconds} s in vain until {what}")
