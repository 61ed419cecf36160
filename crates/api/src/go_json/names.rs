//! What Go calls things that serde can't name: named types that are not containers, and embedded fields.

/// The Go type of a field, where it is not what the Rust type says.
pub(super) fn type_of_field(container: &str, field: &str) -> Option<&'static str> {
    let name = match (container, field) {
        ("structs.RegisterRequest", "ID") => "types.NodeID",
        ("structs.RegisterRequest", "Checks") => "structs.HealthChecks",
        ("structs.NodeService", "Kind") => "structs.ServiceKind",
        ("structs.MeshGatewayConfig", "Mode") => "structs.MeshGatewayMode",
        ("api.AgentService", "Kind") => "api.ServiceKind",
        ("api.KVTxnOp", "Verb") => "api.KVOp",
        ("api.NodeTxnOp", "Verb") => "api.NodeOp",
        ("api.ServiceTxnOp", "Verb") => "api.ServiceOp",
        ("api.CheckTxnOp", "Verb") => "api.CheckOp",
        _ => return type_of_checked_field(container, field),
    };
    Some(name)
}

fn type_of_checked_field(container: &str, field: &str) -> Option<&'static str> {
    let is_own = container.starts_with("struct {");
    match field {
        "Checks" if container.starts_with("struct { EnableTagOverrideSnake") => Some("structs.CheckTypes"),
        "CheckID" if is_own || container == "structs.HealthCheck" => Some("types.CheckID"),
        "Checks" if is_own => Some("[]types.CheckID"),
        "Behavior" if is_own => Some("structs.SessionBehavior"),
        "Mode" if is_own => Some("structs.ProxyMode"),
        "Upstreams" if is_own => Some("structs.Upstreams"),
        "Kind" if container.starts_with("struct { EnableTagOverrideSnake") => Some("structs.ServiceKind"),
        "OutputMaxSize" if container.starts_with("struct { Interval interface {}; Timeout interface {}; TTL") => {
            Some("int")
        }
        "OutputMaxSize" if is_own => Some("uint"),
        _ => None,
    }
}

/// How old a spelling of a field is: 0 for the one that the field is called by.
pub(super) fn age(field: &str) -> u8 {
    match field {
        "Args" => 1,
        _ if field.contains('_') => 2,
        _ => 0,
    }
}

/// Whether two spellings are of one field.
pub(super) fn are_one_field(one: &str, other: &str) -> bool {
    fn letters(field: &str) -> impl Iterator<Item = u8> + '_ {
        let field = if field == "Args" { "ScriptArgs" } else { field };
        field.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase())
    }
    letters(one).eq(letters(other))
}

/// The path of a field below its container: Go names the types that are embedded on the way.
pub(super) fn path_of_field(container: &str, field: &str) -> String {
    if field == "Args" && container.starts_with("struct {") {
        return "args".to_owned();
    }
    let embedded = match field {
        // These and the older spellings stand beside the embedded type.
        "Address" if container == "struct { Address string; *structs.Alias }" => None,
        _ if container.starts_with("struct {") => (!field.contains('_')).then_some("Alias"),
        "CreateIndex" | "ModifyIndex" if container.starts_with("structs.") => Some("RaftIndex"),
        "Token" => Some("WriteRequest"),
        _ => None,
    };
    match embedded {
        Some(embedded) => format!("{embedded}.{field}"),
        None => field.to_owned(),
    }
}
