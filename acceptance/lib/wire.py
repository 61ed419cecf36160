"""An HTTP/1.1 client that sends exactly the bytes it is given.

The acceptance programs compare servers at their edges: odd paths, unknown verbs, bodies without a length. A
client library would tidy those up before they left, so this one writes the request line and headers itself and
reads the answer by the rules of RFC 9112 (Content-Length, chunked, or until the connection ends).
"""

import socket
import time
from dataclasses import dataclass, field

# The largest head of an answer that is read before giving up; a Consul answer's head is under 2 kB.
HEAD_BYTES_MAX = 64 * 1024


class WireError(Exception):
    """The server closed, stalled or spoke something other than HTTP/1.1."""


@dataclass
class Answer:
    """One answer as it came: headers keep their order and spelling, the body is raw."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes
    seconds: float = field(default=0.0, compare=False)

    def header(self, name: str) -> str | None:
        """The first value of a header, matched without regard to case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


class Connection:
    """One kept-alive connection; it reconnects when the server has closed it between two requests."""

    def __init__(self, host: str, port: int, timeout_seconds: float = 30.0):
        self.host, self.port, self.timeout_seconds = host, port, timeout_seconds
        self._socket: socket.socket | None = None
        self._buffer = b""

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._buffer = None, b""

    def request(
        self,
        method: str,
        target: str | bytes,
        body: bytes | None = None,
        headers: list[tuple[str, str]] | None = None,
        chunked: bool = False,
    ) -> Answer:
        """Sends one request and reads its answer. `target` goes out byte for byte."""
        head = encode_head(method, target, f"{self.host}:{self.port}", body, headers or [], chunked)
        payload = encode_chunks(body or b"") if chunked else (body or b"")
        started = time.monotonic()
        reused = self._socket is not None
        try:
            answer = self._exchange(method, head + payload)
        except WireError as error:
            self.close()
            if not reused or isinstance(error, TimedOut):
                raise
            # A kept connection may have been closed by the server in the meantime: once more on a new one.
            answer = self._exchange(method, head + payload)
        answer.seconds = time.monotonic() - started
        return answer

    def _exchange(self, method: str, message: bytes) -> Answer:
        if self._socket is None:
            try:
                self._socket = socket.create_connection((self.host, self.port), self.timeout_seconds)
            except OSError as error:
                raise WireError(f"no connection to {self.host}:{self.port}: {error}") from error
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._socket.sendall(message)
        except (BrokenPipeError, ConnectionResetError):
            # A server may answer and close before it has read a large body; that answer is still to be read.
            pass
        while True:
            status, reason, headers = self._read_head()
            if status >= 200:
                break
        body = b"" if method == "HEAD" or status in (204, 304) else self._read_body(headers)
        answer = Answer(status, reason, headers, body)
        if (answer.header("Connection") or "").lower() == "close":
            self.close()
        return answer

    def _fill(self) -> bool:
        assert self._socket is not None
        try:
            piece = self._socket.recv(65536)
        except TimeoutError as error:
            raise TimedOut(f"no answer within {self.timeout_seconds} s") from error
        except ConnectionError as error:
            raise WireError(f"the connection broke: {error}") from error
        self._buffer += piece
        return bool(piece)

    def _read_head(self) -> tuple[int, str, list[tuple[str, str]]]:
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > HEAD_BYTES_MAX:
                raise WireError(f"answer head above {HEAD_BYTES_MAX} bytes")
            if not self._fill():
                raise WireError("connection closed before the answer's head ended")
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        version, _, rest = lines[0].partition(" ")
        code, _, reason = rest.partition(" ")
        if not version.startswith("HTTP/1.") or not code.isdigit():
            raise WireError(f"not an HTTP/1 status line: {lines[0]!r}")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
        return int(code), reason, headers

    def _read_body(self, headers: list[tuple[str, str]]) -> bytes:
        fields = {name.lower(): value for name, value in headers}
        if fields.get("transfer-encoding", "").lower() == "chunked":
            return self._read_chunks()
        if "content-length" in fields:
            return self._take(int(fields["content-length"]))
        while self._fill():
            pass
        body = self._buffer
        self.close()
        return body

    def _read_chunks(self) -> bytes:
        body = b""
        while True:
            size = int(self._line().split(b";")[0], 16)
            body += self._take(size)
            if size == 0:
                # Trailers end with an empty line; a snapshot answer may carry some.
                while self._line():
                    pass
                return body
            self._line()

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            if not self._fill():
                raise WireError("connection closed inside a chunked body")
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        return line

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            if not self._fill():
                raise WireError(f"connection closed after {len(self._buffer)} of {count} body bytes")
        body, self._buffer = self._buffer[:count], self._buffer[count:]
        return body


class TimedOut(WireError):
    """Nothing came within the connection's timeout."""


def encode_head(
    method: str,
    target: str | bytes,
    host: str,
    body: bytes | None,
    headers: list[tuple[str, str]],
    chunked: bool,
) -> bytes:
    """The request line and headers. Host and the body's framing are added unless given."""
    given = {name.lower() for name, _ in headers}
    lines = list(headers)
    if "host" not in given:
        lines.insert(0, ("Host", host))
    if chunked:
        lines.append(("Transfer-Encoding", "chunked"))
    elif body is not None and "content-length" not in given:
        lines.append(("Content-Length", str(len(body))))
    raw_target = target.encode("utf-8") if isinstance(target, str) else target
    fields = "".join(f"{name}: {value}\r\n" for name, value in lines).encode("latin-1")
    return method.encode("ascii") + b" " + raw_target + b" HTTP/1.1\r\n" + fields + b"\r\n"


def encode_chunks(body: bytes) -> bytes:
    """The body as one chunk and the closing one, so that it travels without a Content-Length."""
    chunk = f"{len(body):x}\r\n".encode() + body + b"\r\n" if body else b""
    return chunk + b"0\r\n\r\n"
