"""DNS with the settings that both have when nothing is said."""

from story import case


def register(both, node, address, service=None, checks=None, **more):
    body = {"Node": node, "Address": address, **more}
    if service:
        body["Service"] = service
    if checks:
        body["Checks"] = [{"Node": node, "Name": check["CheckID"], **check} for check in checks]
    both.put("/v1/catalog/register", body)


def three_webs(both):
    """`web` on three nodes: one passes, one warns at an address of its own, one's node is critical."""
    meta = {"env": "prod", "rfc1035-txt": "plain text"}
    tags = ["Primary", "v1"]
    register(both, "n1", "10.0.0.1", {"ID": "web1", "Service": "web", "Port": 80, "Tags": tags}, NodeMeta=meta)
    warned = {"ID": "web2", "Service": "web", "Port": 81, "Address": "192.168.0.2", "Tags": ["v1"]}
    warned["Weights"] = {"Passing": 5, "Warning": 2}
    register(both, "n2", "10.0.0.2", warned, [{"CheckID": "w", "Status": "warning", "ServiceID": "web2"}])
    register(both, "n3", "10.0.0.3", {"ID": "web3", "Service": "web", "Port": 82}, [{"CheckID": "c", "Status": "critical"}])


def six(both):
    register(both, "n6", "fd00::6", {"ID": "six", "Service": "six", "Port": 66})
    register(both, "n6b", "10.0.0.7", {"ID": "mixed", "Service": "mixed", "Port": 67, "Address": "fd00::99"})
    tagged = {"lan": "10.0.0.8", "lan_ipv4": "10.0.0.8", "lan_ipv6": "fd00::8"}
    register(both, "dual", "10.0.0.8", {"ID": "dual", "Service": "dual", "Port": 68}, TaggedAddresses=tagged)
    addresses = {"lan_ipv6": {"Address": "fd00::9", "Port": 1}, "lan_ipv4": {"Address": "10.0.0.9", "Port": 1}}
    service = {"ID": "both", "Service": "both", "Port": 69, "Address": "10.0.0.9", "TaggedAddresses": addresses}
    register(both, "dual2", "10.0.0.10", service)
    service = {"ID": "other", "Service": "other", "Port": 70}
    register(both, "other", "10.0.0.20", service, TaggedAddresses={"lan_ipv4": "10.9.9.9", "wan": "10.9.9.8"})
    service = {"ID": "tagged", "Service": "tagged", "Port": 71}
    register(both, "tagged", "tagged.example.org", service, TaggedAddresses={"lan_ipv4": "10.9.9.7"})
    service = {"ID": "empty", "Service": "empty", "Port": 72, "TaggedAddresses": {"lan_ipv4": {"Address": "10.9.9.6"}}}
    register(both, "empty", "10.0.0.21", service)
    register(both, "mapped", "::ffff:10.0.0.19", {"ID": "mapped", "Service": "mapped", "Port": 73})


def named(both):
    """Names in the place of addresses."""
    register(both, "host", "example.org", {"ID": "named", "Service": "named", "Port": 90})
    register(both, "host2", "10.0.0.8", {"ID": "named2", "Service": "named2", "Port": 90, "Address": "www.example.org"})
    register(both, "host3", "10.0.0.9", {"ID": "inside", "Service": "inside", "Port": 90, "Address": "web.service.consul"})


KINDS = ("A", "AAAA", "SRV", "TXT", "ANY", "MX", "SOA", "NS", "CNAME", "PTR", "NAPTR")


@case
def nodes(both):
    three_webs(both)
    for name in ("n1.node.consul", "N1.NoDe.CoNsUl", "n1.node.dc1.consul", "n1.node.DC1.consul", "n3.node.consul"):
        both.dns(name)
        both.dns(name, "TXT")
    for kind in KINDS:
        both.dns("n2.node.consul", kind)
    for name in ("n1.node.dc9.consul", "nope.node.consul", "n1.node.dc1.dc1.consul", "n1.node.node.consul"):
        both.dns(name)
    both.dns("n1.node.consul", "ANY")
    both.dns("n1.node.consul", edns=1232)
    both.dns("n1.node.consul", tcp=True)


@case
def names_with_dots_and_other_letters(both):
    register(both, "dotted.node", "10.0.0.10", {"ID": "d", "Service": "dot.ted", "Port": 9, "Tags": ["a.b", "un_der"]})
    register(both, "Upper", "10.0.0.11", {"ID": "u", "Service": "UpperCase", "Port": 9, "Tags": ["TaG"]})
    register(both, "under_score", "10.0.0.12", {"ID": "s", "Service": "with_under", "Port": 9, "Tags": ["a.b"]})
    names = ["dotted.node.node.consul", "dot.ted.service.consul", "upper.node.consul", "UPPER.node.consul"]
    names += ["uppercase.service.consul", "tag.uppercase.service.consul", "TAG.UPPERCASE.SERVICE.CONSUL"]
    names += ["under_score.node.consul", "with_under.service.consul", "a.b.with_under.service.consul"]
    names += ["b.with_under.service.consul", "w\\000eb.service.consul", "w\\255eb.service.consul", "a\\046b.node.consul"]
    for name in names:
        both.dns(name)
        both.dns(name, "SRV")
    both.dns("_uppercase._tag.service.consul", "SRV")
    both.dns("_with_under._a.b.service.consul", "SRV")


@case
def services(both):
    three_webs(both)
    names = ["web.service.consul", "WEB.Service.Consul", "web.service.dc1.consul", "primary.web.service.consul"]
    names += ["PRIMARY.web.service.consul", "v1.web.service.dc1.consul", "nope.web.service.consul"]
    names += ["_web._tcp.service.consul", "_web._TCP.service.consul", "_web._v1.service.consul", "_web._udp.service.consul"]
    names += ["_web._primary.service.dc1.consul", "_WEB._PRIMARY.service.consul", "_web._nope.service.consul"]
    names += ["_web._tcp.consul", "_web._tcp.dc1.consul", "_web._primary.consul", "_web._tcp.dc9.consul", "_nope._tcp.consul"]
    names += ["_web.service.consul", "web._tcp.service.consul", "_web._v1._x.service.consul", "_a.b.service.consul"]
    names += ["nope.service.consul", "web.service.dc9.consul", "web.service.dc1.x.consul", "web.service.service.consul"]
    names += ["web.service.consul.consul", "a.b.web.service.consul", "service.service.consul"]
    for name in names:
        both.dns(name)
        both.dns(name, "SRV")
        both.dns(name, "SRV", tcp=True)
    for kind in KINDS:
        both.dns("primary.web.service.consul", kind)


@case
def checks_hide(both):
    three_webs(both)
    both.put("/v1/catalog/register", {"Node": "n1", "SkipNodeUpdate": True, "Check": {"Name": "x", "Status": "critical"}})
    both.dns("web.service.consul")
    both.dns("web.service.consul", "SRV")
    both.put("/v1/catalog/register", {"Node": "n1", "SkipNodeUpdate": True, "Check": {"Name": "x", "Status": "warning"}})
    both.dns("web.service.consul", "SRV")
    both.put("/v1/catalog/deregister", {"Node": "n3", "CheckID": "c"})
    both.dns("web.service.consul", "SRV")
    check = {"Name": "serfHealth", "CheckID": "serfHealth", "Status": "critical"}
    for node in ("n1", "n2", "n3"):
        both.put("/v1/catalog/register", {"Node": node, "SkipNodeUpdate": True, "Check": check})
    both.dns("web.service.consul")
    both.dns("web.service.consul", "SRV")
    both.dns("n1.node.consul")


@case
def weights(both):
    for number, (passing, warning) in enumerate([(1, 1), (10, 3), (65535, 0), (100, 1)]):
        service = {"ID": "s", "Service": "heavy", "Port": number + 1, "Weights": {"Passing": passing, "Warning": warning}}
        checks = [{"CheckID": "s", "ServiceID": "s", "Status": "warning" if number == 1 else "passing"}]
        register(both, f"n{number}", f"10.0.0.{number + 1}", service, checks)
    both.dns("heavy.service.consul", "SRV", tcp=True)
    both.dns("heavy.service.consul", "SRV", edns=4096)


@case
def families(both):
    six(both)
    names = ["six.service", "mixed.service", "dual.service", "both.service", "other.service", "tagged.service"]
    for name in [*names, "empty.service", "n6.node", "n6b.node", "dual.node", "other.node", "tagged.node", "mapped.service", "mapped.node"]:
        for kind in ("A", "AAAA", "SRV", "ANY"):
            both.dns(f"{name}.consul", kind)


@case
def names_for_addresses(both):
    three_webs(both)
    named(both)
    service = {"ID": "loop", "Service": "loop", "Port": 1, "Address": "loop.service.consul"}
    register(both, "looping", "10.0.0.30", service)
    for kind in ("A", "ANY"):
        both.dns("loop.service.consul", kind)
    for name in ("named.service", "named2.service", "inside.service", "host.node", "host2.node"):
        for kind in ("A", "AAAA", "SRV", "ANY", "CNAME", "TXT", "MX"):
            both.dns(f"{name}.consul", kind)


@case
def addresses_in_names(both):
    for name in ("0a000001", "0A000001", "fd000000000000000000000000000099", "0a0001", "zz000001", "x.0a000001"):
        for where in ("addr.consul", "addr.dc1.consul", "addr.dc9.consul"):
            for kind in ("A", "AAAA", "ANY", "SRV"):
                both.dns(f"{name}.{where}", kind)


@case
def reverse(both):
    three_webs(both)
    six(both)
    names = ["1.0.0.10.in-addr.arpa", "2.0.168.192.in-addr.arpa", "1.0.0.127.in-addr.arpa", "9.9.9.9.in-addr.arpa"]
    names += ["6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa"]
    names += ["9.9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.D.F.IP6.arpa", "1.10.in-addr.arpa", "ip6.arpa"]
    for name in names:
        for kind in ("PTR", "ANY", "A"):
            both.dns(name, kind)
    both.dns("1.0.0.10.in-addr.arpa", "PTR", tcp=True, edns=4096)


@case
def the_zone_itself(both):
    three_webs(both)
    for name in ("consul", "CONSUL", "ns.consul", "node.consul", "service.consul", "addr.consul", "dc1.consul"):
        for kind in ("A", "AAAA", "ANY", "SOA", "NS", "TXT"):
            both.dns(name, kind)
    for name in ("foo.consul", "x.y.z.consul", "service.dc1.consul", "node.dc9.consul", "ns.dc1.consul"):
        both.dns(name)
        both.dns(name, "SOA")
    both.dns("consul.service.consul")
    # The port of a server is its own.
    both.dns("consul.service.consul", "SRV", counted=True)
    both.dns("consul", "SOA", tcp=True)


@case
def what_does_not_exist_yet(both):
    three_webs(both)
    for name in ("web.query", "web.connect", "web.virtual", "web.ingress", "web.query.dc1", "query"):
        both.dns(f"{name}.consul")
        both.dns(f"{name}.consul", "SRV")


@case
def many_instances(both):
    for number in range(20):
        register(both, f"many{number}", f"10.1.0.{number + 1}", {"ID": "m", "Service": "many", "Port": 1000 + number})
    for kind in ("A", "AAAA", "SRV", "ANY"):
        for size in (None, 512, 600, 1000, 1232, 4096):
            both.dns("many.service.consul", kind, edns=size, counted=True)
        both.dns("many.service.consul", kind, tcp=True)


@case
def many_instances_with_metadata(both):
    meta = {"a": "x" * 200, "b": "y" * 200}
    for number in range(200):
        name, address = f"meta{number:03}", f"10.2.0.{number + 1}"
        register(both, name, address, {"ID": "m", "Service": "many", "Port": 1000}, NodeMeta=meta)
    for size in (None, 1232, 4096):
        both.dns("many.service.consul", "SRV", edns=size, counted=True)
    both.dns("many.service.consul", "SRV", tcp=True)
    register(both, "meta000", "10.2.0.1", {"ID": "one", "Service": "several", "Port": 1}, NodeMeta=meta)
    register(both, "meta000", "10.2.0.1", {"ID": "two", "Service": "several", "Port": 2}, NodeMeta=meta)
    both.dns("several.service.consul", "SRV")
    both.dns("several.service.consul", "SRV", edns=4096)


@case
def instances_that_are_one_target(both):
    for number in (1, 2):
        both.put(
            "/v1/catalog/register",
            {"Node": "n1", "Address": "10.0.0.1", "Service": {"ID": f"t{number}", "Service": "twin", "Port": 5}},
        )
    register(both, "n2", "10.0.0.1", {"ID": "t", "Service": "twin", "Port": 5})
    register(both, "n3", "10.0.0.3", {"ID": "t", "Service": "twin", "Port": 5, "Address": "10.0.0.1"})
    both.dns("twin.service.consul", edns=4096)
    both.dns("twin.service.consul", "SRV", edns=4096)


@case
def metadata(both):
    meta = {"RFC1035-a": "1", "rfc1035-b": "two words", "k": "v", "empty": "", "equals": "a=b=c"}
    register(both, "meta", "10.0.0.12", NodeMeta=meta)
    both.dns("meta.node.consul", "TXT", edns=4096)
    both.dns("meta.node.consul", "ANY", edns=4096)
    both.dns("meta.node.consul", "A", edns=4096)
    both.dns("meta.node.consul", "TXT", counted=True)
    register(both, "long", "10.0.0.13", NodeMeta={"long": "x" * 300})
    both.dns("long.node.consul", "TXT", edns=4096)


@case
def flags_and_extensions(both):
    three_webs(both)
    for name in ("primary.web.service.consul", "n1.node.consul", "nope.service.consul", "consul"):
        both.dns(name, rd=False)
        both.dns(name, edns=4096)
        both.dns(name, edns=100)
        both.dns(name, edns=4096, version=1)
        both.dns(name, edns=4096, options=b"\0\x0a\0\x08abcdefgh")
        both.dns(name, edns=4096, subnet=(1, 24, b"\x0a\x00\x00"))
        both.dns(name, edns=4096, subnet=(2, 32, b"\xfd\x00\x00\x00"))
        both.dns(name, klass=3)
        both.dns(name, klass=255)
    both.dns("n1.node.consul", opcode=2)
    both.dns("n1.node.consul", opcode=5)
    both.dns("n1.node.consul", "AXFR")
    both.dns("n1.node.consul", "AXFR", tcp=True)
    both.dns("n1.node.consul", 65280)


@case
def the_rest_of_the_world(both):
    for name in ("example.org", ".", "consulx", "xconsul", "consul.example.org", "arpa"):
        both.dns(name)
        both.dns(name, "NS", tcp=True)
        both.dns(name, edns=4096, rd=False)


@case
def broken_messages(both):
    header = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    both.dns("no question", raw=header)
    both.dns("half a name", raw=header + b"\x05abc")
    both.dns("half a question", raw=header + b"\x03abc\0\0\x01")
    both.dns("no question counted", raw=header[:4] + b"\0\0" + header[6:])
    both.dns("two questions", raw=header[:5] + b"\x02" + header[6:] + b"\x01a\0\0\x01\0\x01" * 2)
    both.dns("an answer", raw=b"\x12\x34\x81\x00" + header[4:] + b"\x01a\0\0\x01\0\x01")
    both.dns("a pointer to itself", raw=header + b"\xc0\x0c\0\x01\0\x01")
