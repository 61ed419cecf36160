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
        "OutputMaxSize" if is_own => Some("uint"),
        _ => None,
    }
}

/// The path of a field below its container: Go names the types that are embedded on the way.
pub(super) fn path_of_field(container: &str, field: &str) -> String {
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
