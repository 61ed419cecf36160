//! What narrows a list: `filter`, `node-meta` and `tag`.

use std::collections::BTreeMap;

use quorate_node::{FilterText, NodeMeta, TAGS_MAX, Tags};

use crate::call::Call;
use crate::reply::Refused;

/// The most `node-meta` parameters of one request.
const NODE_META_MAX: usize = 64;

/// The filter, as the client wrote it. Whether it is one is found out when the question is answered.
pub(super) fn filter(call: &Call) -> FilterText {
    FilterText::new(call.parameters.first_bytes("filter"))
}

/// `node-meta=key:value`, all of them; of a key given twice the last counts.
pub(super) fn node_meta(call: &Call) -> Result<NodeMeta, Refused> {
    let pairs = call.parameters.all("node-meta").map(|pair| {
        let (key, value) = pair.split_once(':').unwrap_or((&*pair, ""));
        (key.to_owned(), value.to_owned())
    });
    let meta: BTreeMap<_, _> = pairs.collect();
    refuse_many("node-meta", meta.len(), NODE_META_MAX)?;
    Ok(NodeMeta(meta))
}

/// `tag=`, all of them, without regard to case.
pub(super) fn tags(call: &Call) -> Result<Tags, Refused> {
    let tags: Vec<_> = call.parameters.all("tag").collect();
    refuse_many("tag", tags.len(), TAGS_MAX)?;
    Ok(Tags::new(tags.iter().map(|tag| &**tag)))
}

fn refuse_many(name: &str, count: usize, most: usize) -> Result<(), Refused> {
    if count <= most {
        return Ok(());
    }
    Err(Refused::bad_request(format!("{count} parameters \"{name}\" were given, and the limit is {most}")))
}
