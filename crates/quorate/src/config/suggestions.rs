//! What was perhaps meant by a key that there is not.

use super::keys;
use super::kind::Field;

/// How far a known key may be from a mistyped one to be suggested: a third of its letters.
const SUGGESTION_DISTANCE_DIVISOR: usize = 3;

/// Keys of former releases of Consul, of later ones and of its Enterprise version, and what to do about each. A name
/// without dots is looked for in blocks, too.
static KNOWN_ELSEWHERE: &[(&str, &str)] = &[
    ("_comment", "JSON has no comments; HCL has # and //"),
    ("//", "JSON has no comments; HCL has # and //"),
    ("advertise_addrs", "write \"advertise_addr\" and \"ports\""),
    ("atlas_infrastructure", "the service is gone; leave it out"),
    ("check_name", "write \"name\""),
    ("dogstatsd_addr", "write \"telemetry.dogstatsd_addr\""),
    ("dogstatsd_tags", "write \"telemetry.dogstatsd_tags\""),
    ("http_api_response_headers", "write \"http_config.response_headers\""),
    ("namespace", "Consul's Enterprise version alone has it"),
    ("partition", "Consul's Enterprise version alone has it"),
    ("ports.grpc_tls", "there is no gRPC interface yet; leave it out"),
    ("ports.rpc", "the agent has no such port any more; leave it out"),
    ("recursor", "write \"recursors\", a list"),
    ("script", "write \"args\", a list of the program and its arguments"),
    ("statsd_addr", "write \"telemetry.statsd_address\""),
    ("statsite_addr", "write \"telemetry.statsite_address\""),
    ("statsite_prefix", "write \"telemetry.metrics_prefix\""),
    ("telemetry.disable_compat_1.9", "the old names of metrics are gone; leave it out"),
    ("telemetry.statsd_addr", "write \"telemetry.statsd_address\""),
    ("xds", "there is no mesh yet; leave it out"),
];

/// The end of a message about an unknown key of the configuration; empty if nothing is near.
pub(super) fn at_top(path: &str) -> String {
    let lower = path.to_ascii_lowercase();
    if let Some(known) = known_elsewhere(&lower) {
        return known;
    }
    // A key of a group, written with a dot.
    if let Some((group, key)) = lower.rsplit_once('.')
        && keys::find(&lower).is_some()
    {
        return format!("; write {group} {{ {key} = ... }}");
    }
    if super::blocks::SERVICE.iter().any(|field| field.name.replace('_', "") == lower.replace('_', "")) {
        return "; in a file it belongs into service { }".to_owned();
    }
    let groups = keys::all().filter_map(|key| key.path.rsplit_once('.').map(|(group, _)| group));
    did_you_mean(nearest_of(&lower, keys::all().map(|key| key.path).chain(groups)).map(str::to_owned))
}

/// The same about a key of a block.
pub(super) fn in_block(block: &str, fields: &[Field], key: &str) -> String {
    let lower = key.to_ascii_lowercase();
    let near = || nearest_of(&lower, fields.iter().map(|field| field.name));
    known_elsewhere(&lower).unwrap_or_else(|| did_you_mean(near().map(|near| format!("{block}.{near}"))))
}

fn known_elsewhere(path: &str) -> Option<String> {
    KNOWN_ELSEWHERE.iter().find(|(known, _)| *known == path).map(|(_, hint)| format!("; {hint}"))
}

fn did_you_mean(near: Option<String>) -> String {
    near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default()
}

/// That of the known names which was perhaps meant by another one.
pub(crate) fn nearest_of<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|known| (strsim::damerau_levenshtein(name, known), known));
    near.min().filter(|(distance, known)| distance * SUGGESTION_DISTANCE_DIVISOR <= known.len()).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_suggested() {
        for (typed, meant) in [
            ("datcenter", "; did you mean \"datacenter\"?"),
            ("ports.htp", "; did you mean \"ports.http\"?"),
            ("Bind_Adr", "; did you mean \"bind_addr\"?"),
            ("acl.tokens.defalt", "; did you mean \"acl.tokens.default\"?"),
            ("statsd_addr", "; write \"telemetry.statsd_address\""),
            ("Name", "; in a file it belongs into service { }"),
            ("something_else_entirely", ""),
        ] {
            assert_eq!(at_top(typed), meant, "{typed}");
        }
        let of_old = in_block("check", super::super::blocks::CHECK, "Script");
        assert_eq!(of_old, "; write \"args\", a list of the program and its arguments");
        let near = in_block("checks[1]", super::super::blocks::CHECK, "intervall");
        assert_eq!(near, "; did you mean \"checks[1].interval\"?");
    }
}
