"""DNS messages, made and read by hand: what is compared is what stands in the bytes, not what a library makes of it.

`question` makes a query, `ask_udp` and `ask_tcp` send one, and `read` takes an answer apart.
"""

import socket
import struct
from dataclasses import dataclass, field

TYPES = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "NAPTR": 35,
    "OPT": 41, "AXFR": 252, "ANY": 255,
}  # fmt: skip
TYPE_NAMES = {number: name for name, number in TYPES.items()}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 16: "BADVERS"}
# A pointer leads to an earlier place, so that a name can have no more of them than labels.
POINTERS_MAX = 127


class DnsError(Exception):
    """No answer came, or one that is no DNS message."""


@dataclass(frozen=True, order=True)
class Record:
    """A resource record, its data as text."""

    name: str
    kind: str
    klass: int
    ttl: int
    data: str

    def __str__(self) -> str:
        klass = "IN" if self.klass == 1 else f"CLASS{self.klass}"
        return f"{self.name} {self.ttl} {klass} {self.kind} {self.data}"


@dataclass
class Message:
    """An answer, taken apart."""

    id: int
    flags: list[str]
    opcode: int
    rcode: str
    questions: list[tuple[str, str, int]]
    answer: list[Record]
    authority: list[Record]
    additional: list[Record]
    # What the OPT record says: payload size, flags and options; None if there is none.
    edns: str | None
    size: int
    raw: bytes = field(repr=False)

    def __str__(self) -> str:
        lines = [f"{self.rcode} {' '.join(self.flags)}", f"edns {self.edns}"]
        lines += [f"? {name} {kind} {klass}" for name, kind, klass in self.questions]
        for title in ("answer", "authority", "additional"):
            lines += [f"{title}: {record}" for record in getattr(self, title)]
        return "\n".join(lines)


def name_bytes(name: str) -> bytes:
    """A name on the wire; `\\NNN` and `\\C` stand for bytes as in zone files."""
    wire, label, position = b"", b"", 0
    while position < len(name):
        letter = name[position]
        if letter == "\\" and name[position + 1 : position + 4].isdigit():
            label += bytes([int(name[position + 1 : position + 4])])
            position += 4
            continue
        if letter == "\\":
            label += name[position + 1].encode()
            position += 2
            continue
        position += 1
        if letter != ".":
            label += letter.encode()
        elif label:
            wire, label = wire + bytes([len(label)]) + label, b""
    if label:
        wire += bytes([len(label)]) + label
    return wire + b"\0"


def question(
    name: str, kind: str | int = "A", *, id: int = 4711, klass: int = 1, rd: bool = True, opcode: int = 0,
    edns: int | None = None, subnet: tuple[int, int, bytes] | None = None, version: int = 0, options: bytes = b"",
) -> bytes:  # fmt: skip
    """A query. `edns` is the size of answers that are taken; `subnet` is family, prefix length and address bytes."""
    number = TYPES[kind] if isinstance(kind, str) else kind
    flags = (opcode << 11) | (0x0100 if rd else 0)
    has_opt = edns is not None or subnet is not None
    head = struct.pack(">HHHHHH", id, flags, 1, 0, 0, int(has_opt))
    wire = head + name_bytes(name) + struct.pack(">HH", number, klass)
    if has_opt:
        if subnet:
            body = struct.pack(">HBB", subnet[0], subnet[1], 0) + subnet[2]
            options += struct.pack(">HH", 8, len(body)) + body
        wire += b"\0" + struct.pack(">HHIH", 41, edns or 512, version << 16, len(options)) + options
    return wire


def ask_udp(port: int, query: bytes, seconds: float = 3.0, host: str = "127.0.0.1") -> bytes:
    """Sends a query in a datagram and gives the answer's bytes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.settimeout(seconds)
        channel.connect((host, port))
        try:
            channel.send(query)
            return channel.recv(65535)
        except OSError as error:
            raise DnsError(f"no answer over UDP: {error}") from error


def ask_tcp(port: int, query: bytes, seconds: float = 3.0, host: str = "127.0.0.1") -> bytes:
    """Sends a query over a connection of its own and gives the answer's bytes."""
    try:
        with socket.create_connection((host, port), seconds) as channel:
            channel.sendall(struct.pack(">H", len(query)) + query)
            return framed(channel)
    except OSError as error:
        raise DnsError(f"no answer over TCP: {error}") from error


def framed(channel: socket.socket) -> bytes:
    """The next message of a connection."""
    (length,) = struct.unpack(">H", exactly(channel, 2))
    return exactly(channel, length)


def exactly(channel: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = channel.recv(length - len(data))
        if not more:
            raise DnsError("the connection was closed")
        data += more
    return data


def read(raw: bytes) -> Message:
    """Takes a message apart; one that is broken anywhere is an error."""
    try:
        return _read(raw)
    except (struct.error, IndexError) as error:
        raise DnsError(f"no DNS message: {error}: {raw.hex()}") from error


def _read(raw: bytes) -> Message:
    id, bits, *counts = struct.unpack(">HHHHHH", raw[:12])
    names = [("qr", 15), ("aa", 10), ("tc", 9), ("rd", 8), ("ra", 7), ("z", 6), ("ad", 5), ("cd", 4)]
    flags = [name for name, bit in names if bits >> bit & 1]
    position, questions = 12, []
    for _ in range(counts[0]):
        name, position = read_name(raw, position)
        number, klass = struct.unpack(">HH", raw[position : position + 4])
        questions.append((name, kind_name(number), klass))
        position += 4
    sections: list[list[Record]] = []
    edns, high = None, 0
    for count in counts[1:]:
        records = []
        for _ in range(count):
            record, position, option = read_record(raw, position)
            if option is None:
                records.append(record)
            else:
                edns, high = option
        sections.append(records)
    if position != len(raw):
        raise DnsError(f"{len(raw) - position} bytes behind the message")
    rcode = bits & 15 | high << 4
    return Message(
        id, flags, bits >> 11 & 15, RCODES.get(rcode, str(rcode)), questions, *sections, edns, len(raw), raw
    )


def kind_name(number: int) -> str:
    return TYPE_NAMES.get(number, f"TYPE{number}")


def read_record(raw: bytes, position: int):
    name, position = read_name(raw, position)
    number, klass, ttl, length = struct.unpack(">HHIH", raw[position : position + 10])
    position += 10
    end = position + length
    if end > len(raw):
        raise DnsError("a record is longer than the message")
    if number == TYPES["OPT"]:
        text = f"size {klass} version {ttl >> 16 & 255} flags {ttl & 65535:04x} options {raw[position:end].hex()}"
        return None, end, (text, ttl >> 24)
    return Record(name, kind_name(number), klass, ttl, read_data(raw, position, end, number)), end, None


def read_data(raw: bytes, position: int, end: int, number: int) -> str:
    kind = kind_name(number)
    if kind == "A":
        return socket.inet_ntop(socket.AF_INET, raw[position:end])
    if kind == "AAAA":
        return socket.inet_ntop(socket.AF_INET6, raw[position:end])
    if kind in ("NS", "CNAME", "PTR"):
        return read_name(raw, position)[0]
    if kind == "SRV":
        priority, weight, port = struct.unpack(">HHH", raw[position : position + 6])
        return f"{priority} {weight} {port} {read_name(raw, position + 6)[0]}"
    if kind == "SOA":
        primary, position = read_name(raw, position)
        mailbox, position = read_name(raw, position)
        _serial, *times = struct.unpack(">IIIII", raw[position : position + 20])
        # The serial is the server's own.
        return f"{primary} {mailbox} <serial> {' '.join(map(str, times))}"
    if kind == "TXT":
        texts = []
        while position < end:
            length = raw[position]
            texts.append(raw[position + 1 : position + 1 + length].decode("utf-8", "backslashreplace"))
            position += 1 + length
        return " ".join(f'"{text}"' for text in texts)
    return raw[position:end].hex()


def read_name(raw: bytes, position: int) -> tuple[str, int]:
    """A name with its pointers followed, and the place behind it."""
    labels, end, pointers = [], None, 0
    while True:
        length = raw[position]
        if length & 0xC0 == 0xC0:
            end = end or position + 2
            position = (length & 0x3F) << 8 | raw[position + 1]
            pointers += 1
            if pointers > POINTERS_MAX:
                raise DnsError("pointers in a circle")
            continue
        position += 1
        if length == 0:
            return ".".join(labels) + ".", end or position
        label = raw[position : position + length]
        labels.append("".join(printable(byte) for byte in label))
        position += length


def printable(byte: int) -> str:
    letter = chr(byte)
    return letter if 33 <= byte < 127 and letter not in ".\\" else f"\\{byte:03d}"
