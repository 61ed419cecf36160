//! `services register` and `services deregister`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use quorate_hcl::{Kind, Object, Value as Tree};
use serde_json::{Map, Value, json};

use super::connect::{client, tell};
use super::output::{Failure, note, print};
use crate::config::definition::{Definition, DefinitionKind};
use crate::config::definitions_of;
use crate::flags::{ServicesDeregisterFlags, ServicesRegisterFlags};

/// Registers services with the agent.
pub(super) async fn register(flags: ServicesRegisterFlags) -> Result<(), Failure> {
    let services = match (flags.arguments.is_empty(), flags.name.is_empty()) {
        (true, true) => {
            return Err(Failure::new("Service registration requires at least one argument or flags."));
        }
        (true, false) => vec![typed(&flags)?],
        (false, false) => return Err(Failure::new("Service registration requires arguments or -name, not both.")),
        (false, true) => of_files(&flags.arguments)?,
    };
    let client = client(&flags.http, Some(&flags.tenant))?;
    for service in services {
        let name = service.get("Name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let failed = format!("Error registering service {name:?}");
        let body = serde_json::to_vec(&service).map_err(Failure::of(&failed))?;
        tell(&client, "/v1/agent/service/register", &[], body, &failed).await?;
        print(format!("Registered service: {name}"))?;
    }
    Ok(())
}

/// Removes services from the agent.
pub(super) async fn deregister(flags: ServicesDeregisterFlags) -> Result<(), Failure> {
    // What has a name in a file is told by it; what is given by its id has none.
    let services: Vec<(String, String)> = match (flags.arguments.is_empty(), flags.id.is_empty()) {
        (true, true) => return Err(Failure::new("Service deregistration requires at least one argument or -id.")),
        (true, false) => vec![(flags.id.clone(), String::new())],
        (false, false) => {
            return Err(Failure::new("Service deregistration requires either -id or arguments, not both."));
        }
        _ => of_files(&flags.arguments)?
            .into_iter()
            .map(|service| {
                let text = |key: &str| service.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                let (id, name) = (text("ID"), text("Name"));
                if id.is_empty() { (name.clone(), name) } else { (id, name) }
            })
            .collect(),
    };
    let client = client(&flags.http, Some(&flags.tenant))?;
    for (id, name) in services {
        let path = format!("/v1/agent/service/deregister/{id}");
        tell(&client, &path, &[], Vec::new(), &format!("Error deregistering service {name:?}")).await?;
        print(format!("Deregistered service: {id}"))?;
    }
    Ok(())
}

/// The service that the flags tell of.
fn typed(flags: &ServicesRegisterFlags) -> Result<Map<String, Value>, Failure> {
    let mut tagged = Map::new();
    for (purpose, address) in &flags.tagged_address {
        let wrong = |problem| Failure::new(format!("Invalid Tagged Address: address {address}: {problem}"));
        let (host, port) = address.rsplit_once(':').ok_or_else(|| wrong("missing port in address"))?;
        let port: u16 = port.parse().map_err(|_| wrong("the port is none"))?;
        tagged.insert(purpose.clone(), json!({"Address": host.trim_matches(['[', ']']), "Port": port}));
    }
    let meta: BTreeMap<String, String> = flags.meta.iter().cloned().collect();
    let service = json!({
        "Kind": flags.kind, "ID": flags.id, "Name": flags.name, "Address": flags.address, "Port": flags.port,
        "SocketPath": flags.socket, "Tags": flags.tag, "Meta": meta, "TaggedAddresses": tagged,
    });
    let Value::Object(mut service) = service else { return Ok(Map::new()) };
    service.retain(|_, value| !is_empty(value));
    Ok(service)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(number) => number.as_u64() == Some(0),
        _ => false,
    }
}

/// The services that files define, as the API takes them.
fn of_files(paths: &[PathBuf]) -> Result<Vec<Map<String, Value>>, Failure> {
    let mut services = Vec::new();
    for path in paths {
        let mut passed_over = Vec::new();
        let definitions = definitions_of(path, &mut passed_over).map_err(Failure::of("Error"))?;
        passed_over.iter().for_each(note);
        let of_file = definitions.iter().filter(|definition| definition.kind == DefinitionKind::Service);
        services.extend(of_file.map(as_body));
    }
    Ok(services)
}

fn as_body(service: &Definition) -> Map<String, Value> {
    object(&service.values, Place::Block)
}

/// What stands around a key: whether it is one of ours or one of the operator's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Block,
    Check,
    /// Operator's names, and below them blocks.
    Names,
    /// All of it is the operator's.
    Own,
}

fn object(values: &Object, place: Place) -> Map<String, Value> {
    let member = |member: &quorate_hcl::Member| {
        let inner = match (place, member.key.as_str()) {
            (Place::Own, _) => Place::Own,
            (Place::Names, _) => Place::Block,
            (_, "meta" | "header" | "config") => Place::Own,
            (_, "tagged_addresses") => Place::Names,
            (_, "check" | "checks") => Place::Check,
            _ => Place::Block,
        };
        let key = match place {
            Place::Block | Place::Check => api_key(&member.key, place),
            Place::Names | Place::Own => member.key.clone(),
        };
        (key, value(&member.value, inner))
    };
    values.members.iter().filter(|member| member.value.kind != Kind::Null).map(member).collect()
}

fn value(tree: &Tree, place: Place) -> Value {
    match &tree.kind {
        Kind::Object(values) => Value::Object(object(values, place)),
        Kind::List(list) => list.iter().map(|one| value(one, place)).collect(),
        Kind::Null => Value::Null,
        Kind::Bool(is) => (*is).into(),
        Kind::Integer(number) => (*number).into(),
        Kind::Float(number) => (*number).into(),
        Kind::Text(text) => text.as_str().into(),
    }
}

/// The API's name of a key.
fn api_key(key: &str, place: Place) -> String {
    match (place, key) {
        (Place::Check, "id") => return "CheckID".to_owned(),
        (_, "h2ping_use_tls") => return "H2PingUseTLS".to_owned(),
        _ => {}
    }
    let word = |word: &str| match word {
        "id" | "http" | "tcp" | "udp" | "ttl" | "tls" | "grpc" | "h2ping" => word.to_ascii_uppercase(),
        _ => {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters).collect()
        }
    };
    key.split('_').map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_becomes_what_the_api_takes() {
        let path = std::env::temp_dir().join(format!("quorate-services-{}.hcl", std::process::id()));
        let text = r#"service { id = "w1" name = "web" port = 80 meta { a_b = "c" } enable_tag_override = true
            tagged_addresses { lan_ipv4 { address = "10.0.0.1" port = 1 } }
            check { id = "c" args = ["x"] tls_skip_verify = true h2ping_use_tls = false header { x_y = ["z"] } } }"#;
        std::fs::write(&path, text).unwrap();
        let services = of_files(std::slice::from_ref(&path));
        std::fs::remove_file(&path).unwrap();
        let expected = json!({
            "ID": "w1", "Name": "web", "Port": 80, "Meta": {"a_b": "c"}, "EnableTagOverride": true,
            "TaggedAddresses": {"lan_ipv4": {"Address": "10.0.0.1", "Port": 1}},
            "Check": {
                "CheckID": "c", "Args": ["x"], "TLSSkipVerify": true, "H2PingUseTLS": false, "Header": {"x_y": ["z"]}
            },
        });
        assert_eq!(Value::Object(services.unwrap().remove(0)), expected);
    }
}
