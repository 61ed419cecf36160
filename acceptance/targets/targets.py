"""What is checked: real servers on ports of 127.0.0.1 that can be started, stopped, frozen and made to fail.

None waits until it serves: that the checks pass is what the story waits for.
"""

import os
import pathlib
import pwd
import signal
import subprocess
import sys

import server

HERE = pathlib.Path(__file__).resolve().parent
STOP_SECONDS_MAX = 15


class Process:
    """A server that is a process of its own."""

    stop_signal = signal.SIGTERM

    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        self.directory.mkdir()
        self.process: subprocess.Popen | None = None

    def launch(self, command: list[str], **options) -> None:
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*server.DIE_WITH_PARENT, *command], stdout=log, stderr=log, cwd=self.directory, **options
            )

    def stop(self) -> None:
        self.process.send_signal(self.stop_signal)
        self.process.wait(STOP_SECONDS_MAX)

    def freeze(self) -> None:
        """It neither answers nor ends; its kernel still takes connections."""
        for pid in self.pids():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self.pids():
            os.kill(pid, signal.SIGCONT)

    def pids(self) -> list[int]:
        """The process and its children."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *map(int, children.split())]

    def log_tail(self) -> str:
        lines = (self.directory / "log").read_text(errors="replace").splitlines()
        return "\n".join([f"--- {self.directory.name} ---", *lines[-20:]])


class PostgreSql(Process):
    """A PostgreSQL, run by the user postgres."""

    # To a postmaster SIGINT means: end all sessions and shut down.
    stop_signal = signal.SIGINT
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig=KILL", "--"]

    def __init__(self, directory: pathlib.Path):
        super().__init__(directory)
        self.port = server.free_port()
        self.programs = pathlib.Path(os.environ["POSTGRES_BIN_DIR"])
        user = pwd.getpwnam("postgres")
        os.chown(directory, user.pw_uid, user.pw_gid)
        make = [*self.as_postgres, str(self.programs / "initdb"), "--auth=trust", "--no-sync", f"{directory}/data"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, cwd=directory)

    def start(self) -> None:
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.directory}
        settings |= {"shared_buffers": "16MB", "fsync": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self.launch([*self.as_postgres, str(self.programs / "postgres"), "-D", f"{self.directory}/data", *options])

    def is_ready(self) -> list[str]:
        """The command that asks it."""
        return [str(self.programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port), "-t", "1"]


NGINX = """
daemon off;
worker_processes 1;
error_log {directory}/log;
pid {directory}/pid;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{plain};
        listen 127.0.0.1:{signed} ssl http2;
        listen 127.0.0.1:{h2c} http2;
        ssl_certificate {directory}/server.pem;
        ssl_certificate_key {directory}/server.key;
        default_type text/plain;
        location / {{ {answer} }}
        location /guarded {{
            if ($request_method != POST) {{ return 405; }}
            if ($http_x_pass != "open sesame") {{ return 403; }}
            {answer}
        }}
    }}
    server {{
        listen 127.0.0.1:{unknown} ssl http2;
        ssl_certificate {directory}/unknown.pem;
        ssl_certificate_key {directory}/unknown.key;
        location / {{ {answer} }}
    }}
}}
"""


class Nginx(Process):
    """An nginx with one answer for all: HTTP, HTTPS and HTTP/2 with a signed certificate and with one that nobody
    signed, and HTTP/2 without TLS.
    """

    stop_signal = signal.SIGQUIT

    def __init__(self, directory: pathlib.Path):
        super().__init__(directory)
        self.ports = {name: server.free_port() for name in ("plain", "signed", "unknown", "h2c")}
        self.authority = make_certificates(directory)
        self._write("return 200 'well\\n';")

    def start(self) -> None:
        self.launch(["nginx", "-c", f"{self.directory}/nginx.conf", "-p", str(self.directory), "-e", "log"])

    def answer(self, what: str) -> None:
        """Answers so from now on, told as operators do: a new configuration and a reload."""
        self._write(what)
        self.process.send_signal(signal.SIGHUP)

    def _write(self, answer: str) -> None:
        text = NGINX.format(directory=self.directory, answer=answer, **self.ports)
        (self.directory / "nginx.conf").write_text(text)


def make_certificates(directory: pathlib.Path) -> pathlib.Path:
    """A certificate for 127.0.0.1 and `web.example`, the authority that signed it, whose file is given, and one for the
    same names that signed itself.
    """

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=directory)

    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = "subjectAltName=IP:127.0.0.1,DNS:web.example"
    openssl("req", "-x509", *new_key, "-subj", "/CN=Targets CA", "-keyout", "ca.key", "-out", "ca.pem")
    # Without the first, openssl makes it an authority, which no server may be.
    leaf = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", names]
    by = ["-CA", "ca.pem", "-CAkey", "ca.key"]
    for name, signed in (("server", by), ("unknown", [])):
        files = ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
        openssl("req", "-x509", *new_key, *signed, "-subj", "/CN=web.example", *leaf, *files)
    return directory / "ca.pem"


class Grpc(Process):
    """A gRPC server; what its health service says is told through its input."""

    def __init__(self, directory: pathlib.Path):
        super().__init__(directory)
        self.port = server.free_port()

    def start(self) -> None:
        self.launch([sys.executable, "-B", str(HERE / "grpc_server.py"), str(self.port)], stdin=subprocess.PIPE)
        self.say("SERVING")

    def say(self, status: str) -> None:
        self.process.stdin.write(f"{status}\n".encode())
        self.process.stdin.flush()


class Udp(Process):
    """A port that sends back what it gets, or, silent, takes it and says nothing."""

    def __init__(self, directory: pathlib.Path, is_silent: bool):
        super().__init__(directory)
        self.port, self.is_silent = server.free_port(), is_silent

    def start(self) -> None:
        silent = ["--silent"] if self.is_silent else []
        self.launch([sys.executable, "-B", str(HERE / "udp_server.py"), str(self.port), *silent])
