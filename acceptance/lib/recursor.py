"""A DNS server for the rest of the world, as recursors are: it knows a few names of example.org.

    www.example.org    192.0.2.1, 2001:db8::1
    example.org        192.0.2.2
    alias.example.org  leads to www.example.org
    big.example.org    more text than fits into 512 bytes
"""

import socket
import struct
import threading

from lib.dns import TYPES, name_bytes, read_name

RECORDS = {
    "www.example.org.": [("A", socket.inet_aton("192.0.2.1")), ("AAAA", socket.inet_pton(socket.AF_INET6, "2001:db8::1"))],
    "example.org.": [("A", socket.inet_aton("192.0.2.2"))],
    "alias.example.org.": [("CNAME", name_bytes("www.example.org"))],
    "big.example.org.": [("TXT", b"\xc8" + bytes([65 + number]) * 200) for number in range(5)],
    "9.9.9.9.in-addr.arpa.": [("PTR", name_bytes("dns.example.org"))],
}  # fmt: skip


class Recursor:
    """Serves UDP and TCP on a free port of 127.0.0.1 while it is entered; `code` is answered to everything if given."""

    def __init__(self, code: int | None = None, answers: bool = True):
        self.code, self.answers = code, answers
        self.asked: list[str] = []
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))

    def __enter__(self) -> "Recursor":
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        # A thread that waits in a socket does not see that it was closed; it goes with the process.
        self.answers = False

    def _serve_udp(self) -> None:
        while True:
            query, peer = self._udp.recvfrom(4096)
            if self.answers:
                self._udp.sendto(self._answer(query, 512 if b"\0\0\x29" not in query else 4096), peer)

    def _serve_tcp(self) -> None:
        while True:
            channel, _ = self._tcp.accept()
            with channel:
                head = channel.recv(2)
                if self.answers and len(head) == 2:
                    answer = self._answer(channel.recv(struct.unpack(">H", head)[0]), 65535)
                    channel.sendall(struct.pack(">H", len(answer)) + answer)

    def _answer(self, query: bytes, size: int) -> bytes:
        name, end = read_name(query, 12)
        (kind,) = struct.unpack(">H", query[end : end + 2])
        self.asked.append(name)
        name = name.lower()
        records = list(RECORDS.get(name, ()))
        found = [(name, *record) for record in records if TYPES[record[0]] == kind or record[0] == "CNAME"]
        if found and found[0][1] == "CNAME":
            target = "www.example.org."
            found += [(target, *record) for record in RECORDS[target] if TYPES[record[0]] == kind]
        code = self.code if self.code is not None else (0 if records else 3)
        body = b""
        for owner, record, data in [] if code else found:
            body += name_bytes(owner) + struct.pack(">HHIH", TYPES[record], 1, 300, len(data)) + data
        question = query[12 : end + 4]
        cut = 12 + len(question) + len(body) > size
        flags = 0x8180 | code | (0x0200 if cut else 0)
        count = 0 if cut or code else len(found)
        return query[:2] + struct.pack(">HHHHH", flags, 1, count, 0, 0) + question + (b"" if cut else body)
