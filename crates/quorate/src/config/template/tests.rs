//! Templates on a machine with the interfaces below, and on this one.

use nix::net::if_::InterfaceFlags;

use super::expand;
use super::interfaces::{InterfaceAddress, of_this_machine};

fn machine() -> Vec<InterfaceAddress> {
    let up = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_BROADCAST;
    let one = |name: &str, flags, address: &str, prefix, is_default| InterfaceAddress {
        name: name.to_owned(),
        flags,
        address: address.parse().unwrap(),
        prefix,
        is_default,
    };
    vec![
        one("lo", InterfaceFlags::IFF_UP | InterfaceFlags::IFF_LOOPBACK, "127.0.0.1", 8, false),
        one("lo", InterfaceFlags::IFF_UP | InterfaceFlags::IFF_LOOPBACK, "::1", 128, false),
        one("docker0", up, "172.17.0.1", 16, false),
        one("eth0", up, "192.168.7.20", 24, true),
        one("eth0", up, "fe80::7", 64, true),
        one("eth1", up, "198.51.99.9", 29, false),
        one("eth2", InterfaceFlags::IFF_BROADCAST, "10.9.9.9", 8, false),
    ]
}

#[test]
fn templates_give_addresses() {
    for (template, expanded) in [
        ("10.0.0.1", "10.0.0.1"),
        ("{{ GetPrivateIP }}", "192.168.7.20"),
        ("{{GetPrivateIP}}:80 127.0.0.1", "192.168.7.20:80 127.0.0.1"),
        ("{{ GetPublicIP }}", "198.51.99.9"),
        ("{{ GetPrivateIPs }}", "10.9.9.9 172.17.0.1 192.168.7.20"),
        ("{{ GetPublicIPs }}", "198.51.99.9"),
        ("{{ GetInterfaceIP \"eth0\" }}", "192.168.7.20"),
        ("{{ GetInterfaceIP `^eth[12]$` }}", "10.9.9.9"),
        ("{{ GetInterfaceIPs \"eth\" }}", "10.9.9.9 192.168.7.20 198.51.99.9"),
        ("{{ GetInterfaceIP \"nope\" }}", ""),
        (
            "{{ GetAllInterfaces | include \"network\" \"192.168.0.0/16|10.0.0.0/8\" | join \"address\" \" \" }}",
            "192.168.7.20 10.9.9.9",
        ),
        (
            "{{ GetAllInterfaces | include \"rfc\" \"1918\" | exclude \"name\" \"docker\" | sort \"-size\" | attr \"address\" }}",
            "192.168.7.20",
        ),
        ("{{ GetAllInterfaces | include \"type\" \"IPv6\" | limit 1 | attr \"name\" }}", "lo"),
        ("{{ GetDefaultInterfaces | attr \"network\" }}", "192.168.7.0/24"),
        ("{{ GetPrivateInterfaces | offset 1 | attr \"address\" }}", "172.17.0.1"),
        ("{{ GetPrivateInterfaces | math \"network\" \"+1\" | limit 1 | attr \"address\" }}", "192.168.7.1"),
        ("{{ GetPrivateInterfaces | math \"network\" \"-1\" | attr \"address\" }}", "192.168.7.255"),
        ("{{ attr \"address\" (GetDefaultInterfaces) }}", "192.168.7.20"),
        ("{{ . | include \"flags\" \"loopback\" | unique \"name\" | join \"name\" \",\" }}", "lo"),
        ("{{ GetAllInterfaces | include \"size\" \"29\" | attr \"broadcast\" }}", "198.51.99.15"),
        ("a {{- GetPublicIP -}} b", "a198.51.99.9b"),
    ] {
        assert_eq!(expand(template, &machine()).as_deref(), Ok(expanded), "{template}");
    }
}

#[test]
fn mistakes_are_sentences() {
    for (template, problem) in [
        ("{{ GetPrivateIP", "the template's \"{{\" has no \"}}\""),
        ("{{ GetPrivateIPP }}", "there is no function \"GetPrivateIPP\" for addresses"),
        ("{{ GetInterfaceIP }}", "GetInterfaceIP takes a text here"),
        ("{{ GetPrivateIP \"x\" }}", "GetPrivateIP takes fewer arguments"),
        ("{{ GetAllInterfaces }}", "the template gives interfaces; end it with attr or join to have text"),
        (
            "{{ GetAllInterfaces | include \"colour\" \"red\" | attr \"address\" }}",
            "there is no filter \"colour\"; those there are: address, flag, name, network, rfc, size, type",
        ),
        ("{{ 'x' }}", "{{ 'x' }} can't be read as a template of addresses"),
        ("{{ GetAllInterfaces | include \"name\" \"(\" | attr \"address\" }}", "\"(\" is no regular expression"),
    ] {
        assert_eq!(expand(template, &machine()), Err(problem.to_owned()), "{template}");
    }
}

#[test]
fn this_machine_has_its_loopback_address() {
    let loopback = "{{ GetAllInterfaces | include \"flags\" \"loopback\" | include \"type\" \"IPv4\" | limit 1 | attr \"address\" }}";
    assert_eq!(expand(loopback, &of_this_machine()).as_deref(), Ok("127.0.0.1"));
}
