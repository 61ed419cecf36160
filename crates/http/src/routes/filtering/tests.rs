//! Tags; and that filters find in the state's entries what the answers show of them.

use std::sync::Arc;

use proptest::prelude::*;
use quorate_api as api;
use quorate_filter::{CATALOG_NODE, CATALOG_NODES, CATALOG_SERVICE, HEALTH_CHECKS, HEALTH_SERVICE};
use quorate_node::selection::{Selected, checks_of};
use quorate_state::{Check, CheckStatus, Node, Record, Service, ServiceAddress, State, Weights};
use serde::Serialize;
use serde_json::Value;

use super::super::{agent_services, views};
use super::*;

const DATACENTER: &str = "x";

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn all_wanted_tags_are_found_without_regard_to_case() {
    for (wanted, tags, found) in [
        (&[][..], &[][..], true),
        (&["a"], &[], false),
        (&["a", "b"], &["B", "c", "A"], true),
        (&["a", "b"], &["a", "a", "A"], false),
        (&["é", "straße"], &["É", "STRAßE"], true),
        (&["a", "a"], &["a"], true),
    ] {
        let wanted = Tags::new(wanted.iter().map(|tag| tag.to_lowercase()).collect());
        assert_eq!(wanted.matches(&texts(tags)), found, "{wanted:?} in {tags:?}");
    }
}

/// Few texts, so that filters often hit.
fn any_text() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "x", "y", "xy"]).prop_map(str::to_owned)
}

fn any_map() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map(any_text(), any_text(), 0..3)
}

fn any_node() -> impl Strategy<Value = Node> {
    (any_text(), any_text(), any_map(), any_map()).prop_map(|(id, address, tagged_addresses, meta)| Node {
        id,
        name: "x".into(),
        address,
        tagged_addresses,
        meta,
        ..Node::default()
    })
}

fn any_service() -> impl Strategy<Value = Service> {
    let address = (any_text(), 0..3_i64).prop_map(|(address, port)| ServiceAddress { address, port });
    let proxy = r#"{"Mode":"x","LocalServicePort":1,"Upstreams":[{"DestinationName":"y"}],"Expose":{"Checks":true}}"#;
    let texts = (any_text(), any_text(), prop::sample::select(vec!["", "x", "connect-proxy"]));
    let parts = (
        prop::collection::vec(any_text(), 0..3),
        prop::collection::btree_map(any_text(), address, 0..3),
        any_map(),
        prop::sample::select(vec!["", proxy]),
        prop::sample::select(vec!["", r#"{"Native":true}"#]),
    );
    (texts, parts, 0..3_i64, 0..3_i64, any::<bool>()).prop_map(|(texts, parts, port, passing, override_tags)| Service {
        node: "x".into(),
        id: "x".into(),
        name: "x".into(),
        address: texts.0,
        socket_path: texts.1,
        kind: texts.2.into(),
        tags: parts.0,
        tagged_addresses: parts.1,
        meta: parts.2,
        proxy: parts.3.into(),
        connect: parts.4.into(),
        port,
        weights: Weights { passing, warning: 2 - passing },
        enable_tag_override: override_tags,
        ..Service::default()
    })
}

fn any_check() -> impl Strategy<Value = Check> {
    let texts = (any_text(), any_text(), any_text(), any_text(), any_text(), any_text());
    let status = prop::sample::select(CheckStatus::ALL.to_vec());
    (texts, status, prop::sample::select(vec!["", "x"]), 0..3_i64).prop_map(|(texts, status, service, exposed_port)| {
        Check {
            node: "x".into(),
            id: format!("x{}", texts.0),
            name: texts.0,
            status,
            notes: texts.1,
            output: texts.2,
            service_id: service.into(),
            service_name: service.into(),
            service_tags: vec![texts.3],
            kind: texts.4,
            interval: texts.5,
            exposed_port,
            ..Check::default()
        }
    })
}

/// Every selector that some schema has, once without and once with a word before it.
const SELECTORS: &str = "ID Node Address Datacenter Partition PeerName TaggedAddresses TaggedAddresses.x Meta Meta.x \
    NodeMeta NodeMeta.x Kind Service Tags TaggedAddresses.x.Address TaggedAddresses.x.Port Port SocketPath Weights.Passing \
    Weights.Warning EnableTagOverride Proxy.Mode Proxy.LocalServicePort Proxy.Upstreams Proxy.Upstreams.DestinationName \
    Proxy.Expose.Checks Proxy.Expose.Paths Proxy.MeshGateway.Mode Proxy.DestinationServiceName Connect.Native Name \
    CheckID Status Notes Output ServiceID ServiceName ServiceTags Type Interval Timeout ExposedPort Checks";

fn any_comparison() -> impl Strategy<Value = String> {
    let selectors: Vec<&str> = SELECTORS.split_whitespace().collect();
    let selector = (
        prop::sample::select(vec!["", "", "Service", "Service.", "Node.", "Checks."]),
        prop::sample::select(selectors),
    );
    let test = prop::sample::select(vec![
        "{} == x",
        "{} != x",
        "{} == 1",
        "{} == 0",
        "{} == true",
        "{} != false",
        "x in {}",
        "y not in {}",
        "{} is empty",
        "{} is not empty",
        "{} matches `^x?$`",
        "{} not matches y",
        "{} == passing",
    ]);
    (selector, test).prop_map(|((word, selector), test)| test.replace("{}", &format!("{word}{selector}")))
}

/// Whether the entry passes as it is, and as its answer shows it; nothing if the filter does not fit.
fn outcomes<'a, T: Serialize>(
    text: &str,
    schema: &'static Schema,
    entry: Selected<'a>,
    view: &T,
) -> Option<(bool, bool)> {
    let filter = Filter::parse(text, schema).ok()?;
    let view: Value = serde_json::to_value(view).unwrap();
    Some((filter.run(STEPS_MAX).passes(entry).unwrap(), filter.run(STEPS_MAX).passes(&view).unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn filters_find_in_an_entry_what_its_answer_shows(
        node in any_node(),
        service in any_service(),
        checks in prop::collection::vec(any_check(), 0..4),
        comparisons in prop::collection::vec(any_comparison(), 400),
    ) {
        let mut builder = State::from_records();
        builder.push(Record::Node(Arc::new(node)));
        builder.push(Record::Service(Arc::new(service)));
        checks.into_iter().for_each(|check| builder.push(Record::Check(Arc::new(check))));
        let state = builder.finish();
        let (node, service) = state.instances("x").next().expect("the instance");
        let instance = api::HealthEntry {
            node: views::node(node, DATACENTER),
            service: views::service(service),
            checks: checks_of(&state, node, service).map(|check| views::check(check)).collect(),
        };
        let datacenter = DATACENTER;
        let mut compared = 0;
        for text in &comparisons {
            let mut outcomes = vec![
                outcomes(text, &CATALOG_NODES, Selected::Node { node, datacenter }, &instance.node),
                outcomes(text, &CATALOG_NODE, Selected::Service(service), &instance.service),
                outcomes(text, &CATALOG_NODE, Selected::LocalService(service), &agent_services::view(service, datacenter)),
                outcomes(
                    text,
                    &CATALOG_SERVICE,
                    Selected::CatalogService { node, service, datacenter },
                    &views::catalog_service(node, service, datacenter),
                ),
                outcomes(text, &HEALTH_SERVICE, Selected::Instance { state: &state, node, service, datacenter }, &instance),
            ];
            for check in checks_of(&state, node, service) {
                outcomes.push(outcomes_of_check(text, check));
            }
            for (position, (typed, shown)) in outcomes.into_iter().flatten().enumerate() {
                prop_assert_eq!(typed, shown, "{} (outcome {})", text, position);
                compared += 1;
            }
        }
        prop_assert!(compared > 50, "only {} comparisons fit", compared);
    }
}

fn outcomes_of_check(text: &str, check: &Check) -> Option<(bool, bool)> {
    outcomes(text, &HEALTH_CHECKS, Selected::Check(check), &views::check(check))
}
