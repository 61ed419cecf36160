//! What is read, and the words for what is not. The messages are those of Consul 1.13.9 for the same bodies.

use proptest::prelude::*;

use super::{Error, from_slice};
use crate::catalog::{Deregistration, Registration, TextMap};
use crate::definition::AgentCheckDefinition;
use crate::session::{LockDelay, SessionCreate};
use crate::txn::TxnOperations;

fn refusal<T: serde::de::DeserializeOwned + std::fmt::Debug>(body: &str) -> String {
    from_slice::<T>(body.as_bytes()).expect_err(body).to_string()
}

#[test]
fn keys_match_without_regard_to_case_and_the_last_counts() {
    let body: Registration =
        from_slice(br#" {"node":"a","ADDRESS":"b","NODE":"c","nodemeta":{"K":"v","k":"w"},"service":null} rest"#)
            .unwrap();
    assert_eq!((body.node.as_str(), body.address.as_str()), ("c", "b"));
    assert_eq!(body.node_meta, TextMap::from([("K".into(), "v".into()), ("k".into(), "w".into())]));
    assert_eq!(body.service, None);
}

#[test]
fn of_two_spellings_the_newer_counts_that_says_something() {
    let read = |body: &str| from_slice::<AgentCheckDefinition>(body.as_bytes()).unwrap();
    for body in [
        r#"{"ScriptArgs":["new"],"Args":["a"],"script_args":["b"]}"#,
        r#"{"script_args":["b"],"args":["new"]}"#,
        r#"{"ScriptArgs":[ ],"Args":null,"script_args":["new"]}"#,
        r#"{"Args":["old"],"ScriptArgs":["new"]}"#,
    ] {
        assert_eq!(read(body).script_args, ["new"], "{body}");
    }
    assert!(read(r#"{"TLSSkipVerify":false,"tls_skip_verify":true}"#).tls_skip_verify);
    assert!(read(r#"{"tls_skip_verify":false,"TLSSkipVerify":true}"#).tls_skip_verify);
    assert_eq!(read(r#"{"service_id":"old","ServiceID":" "}"#).service_id, " ");
    assert_eq!(read(r#"{"service_id":"old","ServiceID":""}"#).service_id, "old");
}

#[test]
fn null_is_the_zero_of_everything() {
    let body: Registration = from_slice(
        br#"{"Node":null,"NodeMeta":null,"SkipNodeUpdate":null,"Checks":[null],
            "Service":{"Port":null,"Tags":null,"Weights":null,"Meta":{"a":null},"Proxy":null}}"#,
    )
    .unwrap();
    let service = body.service.unwrap();
    assert_eq!((service.port, service.tags, service.weights), (0, None, None));
    assert_eq!(service.meta.unwrap()["a"], "");
    assert_eq!(body.checks, [crate::HealthCheck::default()]);
    assert_eq!(from_slice::<Registration>(b"null").unwrap(), Registration::default());
}

#[test]
fn durations_are_texts_or_numbers() {
    let body: Registration = from_slice(
        br#"{"Check":{"Definition":{"interval":"10s","Timeout":5000000000,"TTL":"1m","Nonsense":1,
            "DeregisterCriticalServiceAfter":"1.5h"}}}"#,
    )
    .unwrap();
    assert_eq!(
        body.check.unwrap().definition.text(),
        r#"{"Interval":"10s","Timeout":"5s","DeregisterCriticalServiceAfter":"1h30m0s","TTL":60000000000}"#
    );
    for (delay, seconds) in [("\"15.0s\"", 15.0), ("\"0.001s\"", 0.001), ("20", 20.0), ("5e9", 5.0), ("true", 0.0)] {
        let body: SessionCreate = from_slice(format!(r#"{{"lockdelay":{delay},"unknown":1}}"#).as_bytes()).unwrap();
        let LockDelay(delay_read) = body.lock_delay.unwrap();
        assert_eq!(delay_read.0 as f64 / 1e9, seconds, "{delay}");
    }
}

#[test]
fn parts_that_are_kept_come_back_in_consuls_form() {
    let body: Registration = from_slice(
        br#"{"Service":{"Connect":{"native":true},"Proxy":{"destination_service_name":"x","Config":{"b":[1,null],"a":2.5},
            "Upstreams":[{"destination_name":"db"}]}}}"#,
    )
    .unwrap();
    let service = body.service.unwrap();
    assert_eq!(service.connect.text(), r#"{"Native":true}"#);
    let upstream = r#"{"DestinationType":"","DestinationName":"db","Datacenter":"","MeshGateway":{}}"#;
    assert_eq!(
        service.proxy.text(),
        format!(
            r#"{{"DestinationServiceName":"x","Mode":"","Config":{{"a":2.5,"b":[1,null]}},"Upstreams":[{upstream}],"MeshGateway":{{}},"Expose":{{}}}}"#
        )
    );
}

#[test]
fn texts_are_unescaped_and_mended() {
    let node = |text: &[u8]| {
        let body = [br#"{"Node":""#, text, br#""}"#].concat();
        from_slice::<Registration>(&body).unwrap().node
    };
    assert_eq!(node(br#"a\"\\\/\b\f\n\r\t\u00e9"#), "a\"\\/\u{8}\u{c}\n\r\t\u{e9}");
    assert_eq!(node(br#"\ud83d\ude00 \ud83d \ude00 \ud83d\u0041"#), "\u{1F600} \u{FFFD} \u{FFFD} \u{FFFD}A");
    assert_eq!(node(b"\xff\xe2\x82 \xc3\xa9"), "\u{FFFD}\u{FFFD}\u{FFFD} \u{e9}");
}

#[test]
fn syntax_is_refused_in_gos_words() {
    for (body, message) in [
        ("", "EOF"),
        (" \n", "EOF"),
        ("{", "unexpected EOF"),
        ("{\"a", "unexpected EOF"),
        ("{\"Node\":\"a\"", "unexpected EOF"),
        ("x", "invalid character 'x' looking for beginning of value"),
        ("\u{e9}", "invalid character 'Ã' looking for beginning of value"),
        ("{\"Node\" \"a\"", "invalid character '\"' after object key"),
        ("{\"Node\":\"a\",}", "invalid character '}' looking for beginning of object key string"),
        ("{Node:\"a\"}", "invalid character 'N' looking for beginning of object key string"),
        ("{\"Node\":tru}", "invalid character '}' in literal true (expecting 'e')"),
        ("{\"Node\":\"a\\q\"}", "invalid character 'q' in string escape code"),
        ("{\"Node\":\"\\u12x4\"}", "invalid character 'x' in \\u hexadecimal character escape"),
        ("{\"Node\":\"a\tb\"}", "invalid character '\\t' in string literal"),
        ("{\"Node\":-}", "invalid character '}' in numeric literal"),
        ("{\"Node\":1.}", "invalid character '}' after decimal point in numeric literal"),
        ("{\"Node\":1e}", "invalid character '}' in exponent of numeric literal"),
        ("{\"Node\":01}", "invalid character '1' after object key:value pair"),
        ("[1 2]", "invalid character '2' after array element"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("{'", "invalid character '\\'' looking for beginning of object key string"),
    ] {
        assert_eq!(refusal::<Registration>(body), message, "{body}");
    }
    assert_eq!(refusal::<Registration>(&"[".repeat(1_000_000)), "exceeded max depth");
}

#[test]
fn types_are_refused_in_gos_words() {
    for (body, message) in [
        (r#"{"Node":5}"#, "number into Go struct field RegisterRequest.Node of type string"),
        (r#"{"ID":5}"#, "number into Go struct field RegisterRequest.ID of type types.NodeID"),
        (r#"{"Service":{"Port":"80"}}"#, "string into Go struct field NodeService.Service.Port of type int"),
        (r#"{"Service":"x"}"#, "string into Go struct field RegisterRequest.Service of type structs.NodeService"),
        (r#"{"Service":{"Tags":"x"}}"#, "string into Go struct field NodeService.Service.Tags of type []string"),
        (r#"{"Service":{"Tags":["x",5]}}"#, "number into Go struct field NodeService.Service.Tags of type string"),
        (r#"{"Service":{"Port":1.5}}"#, "number 1.5 into Go struct field NodeService.Service.Port of type int"),
        (
            r#"{"Service":{"Weights":{"Passing":"x"}}}"#,
            "string into Go struct field Weights.Service.Weights.Passing of type int",
        ),
        (r#"{"Service":{"Meta":{"a":5}}}"#, "number into Go struct field NodeService.Service.Meta of type string"),
        (r#"{"NodeMeta":["a"]}"#, "array into Go struct field RegisterRequest.NodeMeta of type map[string]string"),
        (r#"{"Checks":{"a":5}}"#, "object into Go struct field RegisterRequest.Checks of type structs.HealthChecks"),
        (r#"{"Checks":[{"Name":5}]}"#, "number into Go struct field HealthCheck.Checks.Name of type string"),
        (
            r#"{"Check":{"Definition":{"HTTP":5}}}"#,
            "number into Go struct field HealthCheck.Check.Definition.Alias.HTTP of type string",
        ),
        (
            r#"{"Check":{"Definition":7}}"#,
            "number into Go struct field HealthCheck.Check.Definition of type struct { Interval interface {}; Timeout \
             interface {}; DeregisterCriticalServiceAfter interface {}; TTL interface {}; *structs.Alias }",
        ),
        (
            r#"{"Service":{"Proxy":{"Mode":1}}}"#,
            "number into Go struct field NodeService.Service.Proxy.Alias.Mode of type structs.ProxyMode",
        ),
        (
            r#"{"Service":{"Connect":{"Native":1}}}"#,
            "number into Go struct field NodeService.Service.Connect.Alias.Native of type bool",
        ),
        (
            r#"{"Service":{"TaggedAddresses":{"a":"b"}}}"#,
            "string into Go struct field NodeService.Service.TaggedAddresses of type structs.ServiceAddress",
        ),
        (
            r#"{"Service":{"TaggedAddresses":{"a":{"Port":"b"}}}}"#,
            "string into Go struct field ServiceAddress.Service.TaggedAddresses.Port of type int",
        ),
        (r#"{"SkipNodeUpdate":"b"}"#, "string into Go struct field RegisterRequest.SkipNodeUpdate of type bool"),
        ("5", "number into Go value of type structs.RegisterRequest"),
        ("[]", "array into Go value of type structs.RegisterRequest"),
    ] {
        assert_eq!(refusal::<Registration>(body), format!("json: cannot unmarshal {message}"), "{body}");
    }
}

#[test]
fn other_bodies_are_refused_in_gos_words() {
    let in_alias = "json: cannot unmarshal number into Go struct field .Alias.Node of type string";
    assert_eq!(refusal::<Deregistration>(r#"{"Node":5}"#), in_alias);
    let beside_alias = "json: cannot unmarshal number into Go struct field .Address of type string";
    assert_eq!(refusal::<Deregistration>(r#"{"Address":5}"#), beside_alias);
    assert_eq!(refusal::<SessionCreate>(r#"{"Node":5,"LockDelay":"abc"}"#), in_alias);
    assert_eq!(refusal::<SessionCreate>(r#"{"LockDelay":"abc"}"#), "time: invalid duration \"abc\"");
    for (body, message) in [
        (r#"{"NodeChecks":"5"}"#, "string into Go struct field .Alias.NodeChecks of type []string"),
        (r#"{"ServiceChecks":["a"]}"#, "string into Go struct field .Alias.ServiceChecks of type structs.ServiceCheck"),
        ("[]", "array into Go value of type struct { LockDelay interface {}; *structs.Alias }"),
    ] {
        assert_eq!(refusal::<SessionCreate>(body), format!("json: cannot unmarshal {message}"), "{body}");
    }
    for (body, message) in [
        (r#"{"KV":1}"#, "object into Go value of type api.TxnOps"),
        (r#"[{"KV":1}]"#, "number into Go struct field TxnOp.KV of type api.KVTxnOp"),
        (r#"[{"KV":{"Verb":1}}]"#, "number into Go struct field KVTxnOp.KV.Verb of type api.KVOp"),
        (r#"[{"KV":{"Value":5}}]"#, "number into Go struct field KVTxnOp.KV.Value of type []uint8"),
        (r#"[{"KV":{"Value":[1,300]}}]"#, "number 300 into Go struct field KVTxnOp.KV.Value of type uint8"),
        (r#"[{"KV":{"Flags":-1}}]"#, "number -1 into Go struct field KVTxnOp.KV.Flags of type uint64"),
        (r#"[{"KV":{"Flags":1e2}}]"#, "number 1e2 into Go struct field KVTxnOp.KV.Flags of type uint64"),
        (
            r#"[{"Service":{"Service":{"Weights":{"Passing":"x"}}}}]"#,
            "string into Go struct field AgentWeights.Service.Service.Weights.Passing of type int",
        ),
    ] {
        assert_eq!(refusal::<TxnOperations>(body), format!("json: cannot unmarshal {message}"), "{body}");
    }
    assert_eq!(refusal::<TxnOperations>(r#"[{"KV":{"Value":"!!"}}]"#), "illegal base64 data at input byte 0");
}

#[test]
fn an_unknown_key_is_named() {
    let error: Error = from_slice::<Registration>(br#"{"Node":"a","Namespace":"x","Address":5}"#).unwrap_err();
    assert_eq!(error.to_string(), "json: unknown field \"Namespace\"");
    assert_eq!(error.unknown_field(), Some("Namespace"));
    assert!(from_slice::<Registration>(br#"{"Service":{"Connect":{"Foo":1}}}"#).is_ok());
    for body in [r#"{"Service":{"Foo":1}}"#, r#"{"Service":{"Proxy":{"Upstreams":[{"Foo":1}]}}}"#] {
        assert_eq!(refusal::<Registration>(body), "json: unknown field \"Foo\"", "{body}");
    }
    assert_eq!(refusal::<TxnOperations>(r#"[{"Session":{}}]"#), "json: unknown field \"Session\"");
    let first_counts = refusal::<Registration>(r#"{"Node":5,"Foo":1}"#);
    assert!(first_counts.starts_with("json: cannot unmarshal number"), "{first_counts}");
}

#[test]
fn operations_of_transactions_are_read() {
    let TxnOperations(operations) = from_slice(
        br#"[{"KV":{"Verb":"set","Key":"a","Value":"YWJj"}},{},null,{"KV":{"Verb":"set","Value":[1,2]}},
            {"check":{"verb":"set","check":{"definition":{"Interval":5,"IntervalDuration":"3s","Timeout":"2s","x":1}}}}]"#,
    )
    .unwrap();
    assert_eq!(operations[0].kv.as_ref().unwrap().value.as_ref().unwrap().0.as_ref(), b"abc");
    assert_eq!((&operations[1], &operations[2]), (&Default::default(), &Default::default()));
    assert_eq!(operations[3].kv.as_ref().unwrap().value.as_ref().unwrap().0.as_ref(), [1, 2]);
    let check = operations[4].check.clone().unwrap().check.into_check().unwrap();
    assert_eq!(check.definition.text(), r#"{"Interval":"3s","Timeout":"2s"}"#);
    assert_eq!(from_slice::<TxnOperations>(b"null").unwrap(), TxnOperations::default());
}

#[test]
fn very_many_keys_take_no_longer_than_others() {
    // Quadratic in the keys, this would take minutes.
    let unknown = "\"x\":1,".repeat(200_000);
    let known = "\"Node\":\"n\",".repeat(200_000);
    let body = format!("{{{unknown}{known}\"Address\":\"a\"}}");
    assert_eq!(refusal::<Registration>(&body), "json: unknown field \"x\"");
    let body = format!("{{{known}\"Address\":\"a\"}}");
    assert_eq!(from_slice::<Registration>(body.as_bytes()).unwrap().address, "a");
}

#[test]
fn the_negative_zero_is_one() {
    let read = from_slice::<serde_json::Value>(b"[-0, 0, -1]").unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), "[-0.0,0,-1]");
}

/// Any JSON value, some levels deep.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Into::into),
        ".*".prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::btree_map(".*", inner, 0..8).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_read_as_others_read_it(value in any_json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        prop_assert_eq!(from_slice::<serde_json::Value>(text.as_bytes()).unwrap(), value);
    }

    #[test]
    fn others_read_the_same_first_value(text in r#"[\[\]{}:,"0-9a-e.+\- tfn\n]{0,24}"#) {
        let ours = from_slice::<serde_json::Value>(text.as_bytes());
        match serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>().next() {
            Some(Ok(value)) => prop_assert_eq!(ours.unwrap(), value),
            // Others look one byte further: Go takes the value in front of what is no JSON.
            Some(Err(_)) if ours.is_ok() => prop_assert!(text.trim_start().len() > 1),
            Some(Err(_)) | None => prop_assert!(ours.is_err()),
        }
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..64), cut: usize) {
        let whole = br#"[{"KV":{"Verb":"set","Key":"\u00e9\ud83d","Value":"AA==","Flags":1e3}},{"Check":{"Check":{"Definition":{"Interval":"5s"}}}}]"#;
        let _ = from_slice::<TxnOperations>(&bytes);
        let cut = cut % whole.len();
        let _ = from_slice::<TxnOperations>(&[&whole[..cut], &bytes].concat());
        let _ = from_slice::<TxnOperations>(&[&whole[..cut], &bytes, &whole[cut..]].concat());
    }
}
