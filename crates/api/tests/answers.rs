//! Answers of Consul 1.13.9, recorded in `tests/answers`: each type reads them and writes them back byte for byte.

use quorate_api::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn written_back<T: Serialize + DeserializeOwned>(name: &str) {
    let path = format!("{}/tests/answers/{name}.json", env!("CARGO_MANIFEST_DIR"));
    // Go escapes these in every text, which says the same.
    let recorded =
        std::fs::read_to_string(path).unwrap().replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0026", "&");
    let value: T = serde_json::from_str(&recorded).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(serde_json::to_string(&value).unwrap(), recorded, "{name}");
}

#[test]
fn keys() {
    written_back::<Vec<KvPair<'static>>>("kv");
}

#[test]
fn transactions() {
    written_back::<TxnResponse<'static>>("txn");
    written_back::<TxnResponse<'static>>("txn-error");
    written_back::<TxnReadResponse<'static>>("txn-read");
}

#[test]
fn catalog() {
    written_back::<Vec<Node<'static>>>("catalog-nodes");
    written_back::<Vec<CatalogService<'static>>>("catalog-service");
    written_back::<Vec<CatalogService<'static>>>("catalog-service-plain");
    written_back::<Vec<CatalogService<'static>>>("catalog-service-proxy");
    written_back::<NodeServices<'static>>("catalog-node");
    written_back::<NodeServiceList<'static>>("catalog-node-services");
}

#[test]
fn health() {
    written_back::<Vec<HealthEntry<'static>>>("health-service");
    written_back::<Vec<HealthEntry<'static>>>("health-service-plain");
    written_back::<Vec<HealthCheck<'static>>>("health-node");
}

#[test]
fn the_rest() {
    written_back::<Vec<Session<'static>>>("session-list");
    written_back::<Vec<UserEvent<'static>>>("event-list");
    written_back::<RaftConfiguration<'static>>("raft-configuration");
    written_back::<Vec<Member<'static>>>("agent-members");
}
