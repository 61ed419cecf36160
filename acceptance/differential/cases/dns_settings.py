"""DNS with each of its settings: servers of their own, started with the same file of configuration."""

import json
import pathlib
import tempfile
from contextlib import contextmanager

from cases.dns import named, register, six, three_webs
from lib.recursor import Recursor
from story import case

NODE = "settings"


@contextmanager
def servers_with(both, **configuration):
    """Both servers anew with these keys in a file, as another `both` whose outcomes count for this case."""
    from server import Server
    from sides import side_of
    from story import Both

    is_consul = (True, both.subject.laws is None)
    with tempfile.TemporaryDirectory(prefix="differential-dns-") as directory:
        servers = []
        try:
            for name, consul in zip(("reference", "subject"), is_consul):
                below = pathlib.Path(directory) / name
                below.mkdir()
                file = below / "dns.json"
                file.write_text(json.dumps(configuration))
                servers.append(Server(str(below), NODE, consul, (f"-config-file={file}",)))
                servers[-1].launch()
            for server in servers:
                server.wait_for("/v1/status/leader", lambda leader: leader != "")
                server.wait_for(f"/v1/health/node/{NODE}", lambda checks: any(c["CheckID"] == "serfHealth" for c in checks))
            inner = Both(*(side_of(side.name, server, None) for side, server in zip(both.sides, servers)))
            yield inner
            both.outcomes += inner.outcomes
        finally:
            for server in servers:
                server.stop()


@case
def times_to_keep_and_limits(both):
    settings = {
        "node_ttl": "10s", "service_ttl": {"*": "5s", "web": "30s", "we*": "20s", "na*": "7s", "n*": "8s"},
        "only_passing": True, "enable_truncate": True, "udp_answer_limit": 2, "a_record_limit": 4,
        "soa": {"refresh": 1, "retry": 2, "expire": 3, "min_ttl": 4}, "enable_additional_node_meta_txt": False,
    }  # fmt: skip
    with servers_with(both, dns_config=settings, domain="Example.Test.", alt_domain="alt.test") as pair:
        three_webs(pair)
        six(pair)
        named(pair)
        register(pair, "x1", "10.2.0.1", {"ID": "w", "Service": "weather", "Port": 1})
        register(pair, "x2", "10.2.0.2", {"ID": "o", "Service": "other", "Port": 1})
        for number in range(10):
            register(pair, f"m{number}", f"10.1.0.{number + 1}", {"ID": "m", "Service": "many", "Port": 1000 + number})
        names = ["web.service", "weather.service", "other.service", "named.service", "n1.node", "0a000001.addr", "nope.node"]
        for zone in ("example.test", "ALT.test", "consul"):
            for name in names:
                pair.dns(f"{name}.{zone}")
                pair.dns(f"{name}.{zone}", "SRV")
            pair.dns(zone, "SOA")
        pair.dns("n1.node.example.test", "TXT")
        pair.dns("n1.node.example.test", "ANY", edns=4096)
        pair.dns("1.0.0.10.in-addr.arpa", "PTR")
        pair.dns("9.9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", "PTR")
        for kind in ("A", "SRV", "ANY"):
            pair.dns("many.service.example.test", kind, counted=True)
            pair.dns("many.service.example.test", kind, counted=True, edns=520)
            pair.dns("many.service.example.test", kind, counted=True, edns=4096)
            pair.dns("many.service.example.test", kind, counted=True, tcp=True)


@case
def without_compression(both):
    with servers_with(both, dns_config={"disable_compression": True}) as pair:
        three_webs(pair)
        named(pair)
        for kind in ("A", "SRV"):
            pair.dns("web.service.consul", kind)
            pair.dns("inside.service.consul", kind)
        pair.dns("nope.service.consul")
        pair.dns("consul", "SOA")


@case
def recursors(both):
    with Recursor() as good, Recursor(code=2) as failing, Recursor(answers=False) as silent:
        addresses = [f"127.0.0.1:{recursor.port}" for recursor in (silent, failing, good)]
        settings = {"recursor_timeout": "300ms"}
        with servers_with(both, recursors=addresses, dns_config=settings) as pair:
            three_webs(pair)
            named(pair)
            for name in ("example.org", "www.example.org", "nowhere.example.org", "alias.example.org", "big.example.org"):
                for kind in ("A", "AAAA", "TXT"):
                    pair.dns(name, kind)
                    pair.dns(name, kind, edns=4096)
                    pair.dns(name, kind, tcp=True)
            for name in ("named.service", "named2.service", "host.node", "web.service", "nope.node", "primary.web.service"):
                for kind in ("A", "AAAA", "SRV", "ANY"):
                    pair.dns(f"{name}.consul", kind)
            pair.dns("1.0.0.10.in-addr.arpa", "PTR")
            pair.dns("9.9.9.9.in-addr.arpa", "PTR")
        with servers_with(both, recursors=[f"127.0.0.1:{good.port}"], dns_config={"recursor_strategy": "random"}) as pair:
            named(pair)
            register(pair, "far", "alias.example.org", {"ID": "far", "Service": "far", "Port": 1})
            register(pair, "lost", "nowhere.example.org", {"ID": "lost", "Service": "lost", "Port": 1})
            for name in ("named.service", "named2.service", "far.service", "lost.service", "host.node"):
                for kind in ("A", "AAAA", "SRV", "ANY"):
                    pair.dns(f"{name}.consul", kind)
        with servers_with(both, recursors=[f"127.0.0.1:{failing.port}"]) as pair:
            named(pair)
            pair.dns("example.org")
            pair.dns("named.service.consul")
            pair.dns("9.9.9.9.in-addr.arpa", "PTR")
