"""DNS questions to both servers, and the comparison of their answers, message by message.

Records are compared as sets: both shuffle. Owner names are compared in lower case (a name may be written as a pointer
into the question, which keeps its case), the question exactly. The serial number of a SOA record is the server's own.
Where an answer is a random choice out of more, `counted` compares how many records of which type there are.
"""

from collections import Counter

from compare import Disagreement
from lib.dns import DnsError, Message, Record, ask_tcp, ask_udp, question, read
from story import Outcome

SECTIONS = ("answer", "authority", "additional")


def asked(sides, name: str, kind="A", *, tcp: bool = False, counted: bool = False, raw: bytes | None = None, **options):
    """Asks both servers and compares; `raw` is sent in place of a question, the rest are options of `lib.dns.question`."""
    query = raw if raw is not None else question(name, kind, **options)
    answers = [answer_of(side, query, tcp) for side in sides]
    what = f"DNS {'tcp ' if tcp else ''}{name} {kind}" + "".join(f" {key}={value}" for key, value in options.items())
    return Outcome(what, differing(*answers, counted), *(str(answer) for answer in answers))


def answer_of(side, query: bytes, tcp: bool) -> Message | DnsError:
    try:
        return read((ask_tcp if tcp else ask_udp)(side.dns_port, query, seconds=2.0))
    except DnsError as error:
        return error


def differing(reference, subject, counted: bool) -> list[Disagreement]:
    """All places where two answers differ."""
    if isinstance(reference, DnsError) or isinstance(subject, DnsError):
        texts = ["none" if isinstance(answer, DnsError) else "an answer" for answer in (reference, subject)]
        return [Disagreement("answer", *texts)] if texts[0] != texts[1] else []
    found = []
    for place in ("id", "opcode", "rcode", "flags", "questions", "edns"):
        found += unequal(place, getattr(reference, place), getattr(subject, place))
    for section in SECTIONS:
        found += unequal(section, *(plain(getattr(answer, section), counted) for answer in (reference, subject)))
    return found


def unequal(place: str, left, right) -> list[Disagreement]:
    return [Disagreement(place, shown(left), shown(right))] if left != right else []


def plain(records: list[Record], counted: bool):
    """Records without what may differ: their order, and their case, which compression may take from the question."""
    if counted:
        return sorted(Counter(record.kind for record in records).items())
    return sorted(
        str(Record(record.name.lower(), record.kind, record.klass, record.ttl, plain_data(record))) for record in records
    )


def plain_data(record: Record) -> str:
    return record.data if record.kind == "TXT" else record.data.lower()


def shown(value) -> str:
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "nothing"
    return str(value)
