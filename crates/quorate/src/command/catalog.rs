//! `catalog datacenters`, `catalog nodes` and `catalog services`.

use std::collections::BTreeMap;

use quorate_api::Node;
use quorate_api::client::Query;
use serde_json::{Map, Value};

use super::connect::{ask, client, query};
use super::output::{Failure, columns, no_arguments, note, print};
use crate::flags::{BareFlags, CatalogNodesFlags, CatalogServicesFlags};

/// The letters of an id that are shown unless all is.
const SHORT_ID_LETTERS: usize = 8;

/// Prints the datacenters.
pub(super) async fn datacenters(flags: BareFlags) -> Result<(), Failure> {
    no_arguments(&flags.arguments)?;
    let names = client(&flags.http, None)?.catalog_datacenters().await;
    names.map_err(Failure::of("Error listing datacenters"))?.iter().try_for_each(print)
}

/// Prints the nodes as a table.
pub(super) async fn nodes(flags: CatalogNodesFlags) -> Result<(), Failure> {
    no_arguments(&flags.arguments)?;
    let client = client(&flags.http, Some(&flags.tenant))?;
    let query = Query { filter: flags.filter.clone(), node_meta: flags.node_meta.clone(), ..query(&flags.http) };
    let failed = "Error listing nodes";
    let near = [("near", flags.near.as_str())];
    let parameters = if flags.near.is_empty() { &[][..] } else { &near };
    let nodes: Vec<Node<'static>> = if flags.service.is_empty() {
        ask(&client, "/v1/catalog/nodes", parameters, &query, failed).await?
    } else {
        let path = format!("/v1/catalog/service/{}", flags.service);
        instances_nodes(ask(&client, &path, parameters, &query, failed).await?).map_err(Failure::of(failed))?
    };
    if nodes.is_empty() {
        note("No nodes match the given query - try expanding your search.");
        return Ok(());
    }
    let is_detailed = flags.detailed.unwrap_or(false);
    let mut rows = vec![heading(is_detailed)];
    rows.extend(nodes.iter().map(|node| row(node, is_detailed)));
    print(columns(&rows, "", 2))
}

/// The nodes of a service's instances: an instance has its node's id, address and meta data under these names, too.
fn instances_nodes(mut instances: Vec<Map<String, Value>>) -> Result<Vec<Node<'static>>, serde_json::Error> {
    for instance in &mut instances {
        if let Some(meta) = instance.remove("NodeMeta") {
            instance.insert("Meta".to_owned(), meta);
        }
    }
    instances.into_iter().map(|instance| serde_json::from_value(instance.into())).collect()
}

fn heading(is_detailed: bool) -> Vec<String> {
    let details: &[&str] = if is_detailed { &["TaggedAddresses", "Meta"] } else { &[] };
    ["Node", "ID", "Address", "DC"].iter().chain(details).map(|name| (*name).to_owned()).collect()
}

fn row(node: &Node<'_>, is_detailed: bool) -> Vec<String> {
    let id = if is_detailed { node.id.to_string() } else { node.id.chars().take(SHORT_ID_LETTERS).collect() };
    let mut row = vec![node.node.to_string(), id, node.address.to_string(), node.datacenter.to_string()];
    if is_detailed {
        row.push(joined(node.tagged_addresses.as_deref()));
        row.push(joined(node.meta.as_deref()));
    }
    row
}

fn joined<K: std::fmt::Display + Ord, V: std::fmt::Display>(map: Option<&BTreeMap<K, V>>) -> String {
    let pairs: Vec<String> = map.into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(", ")
}

/// Prints the names of the services.
pub(super) async fn services(flags: CatalogServicesFlags) -> Result<(), Failure> {
    no_arguments(&flags.arguments)?;
    let client = client(&flags.http, Some(&flags.tenant))?;
    let query = Query { node_meta: flags.node_meta.clone(), ..query(&flags.http) };
    let failed = "Error listing services";
    let services: BTreeMap<String, Vec<String>> = if flags.node.is_empty() {
        client.catalog_services(&query).await.map_err(Failure::of(failed))?.value
    } else {
        let node = client.catalog_node(&flags.node, &query).await.map_err(Failure::of(failed))?.value;
        let mut services: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for service in node.into_iter().flat_map(|node| node.services.into_values()) {
            let tags = services.entry(service.service.to_string()).or_default();
            tags.extend(service.tags.as_deref().unwrap_or_default().iter().cloned());
        }
        services
    };
    if services.is_empty() {
        note("No services match the given query - try expanding your search.");
        return Ok(());
    }
    if !flags.tags.unwrap_or(false) {
        return services.keys().try_for_each(print);
    }
    let rows: Vec<Vec<String>> = services
        .into_iter()
        .map(|(name, mut tags)| {
            tags.sort();
            tags.dedup();
            vec![name, tags.join(",")]
        })
        .collect();
    print(columns(&rows, "", 6).trim())
}
