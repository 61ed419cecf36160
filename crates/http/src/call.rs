//! A request as its handler sees it: the path after the route's pattern, the parameters, and who asks.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::body::Incoming;
use quorate_base::account::Charge;
use quorate_node as node;
use quorate_node::{Caller, Served};

use crate::encode;
use crate::options::Options;
use crate::path;
use crate::query::Parameters;
use crate::reply::{self, Refused, Reply};
use crate::shared::Shared;
use crate::stream::Peer;

/// A request on its route.
pub(crate) struct Call {
    pub(crate) server: Arc<Shared>,
    /// Where it came from.
    pub(crate) peer: Peer,
    /// What the server holds of it.
    pub(crate) held: Charge,
    pub(crate) head: hyper::http::request::Parts,
    pub(crate) body: Incoming,
    /// Where the raw path goes on after the route's pattern.
    pub(crate) rest_at: usize,
    pub(crate) parameters: Parameters,
}

/// The header by which a client says who it is.
const TOKEN: &str = "x-consul-token";

impl Call {
    /// The path after the pattern, decoded. The escapes were checked before.
    pub(crate) fn rest(&self) -> Cow<'_, [u8]> {
        let raw = self.head.uri.path().as_bytes();
        path::decode(raw.get(self.rest_at..).unwrap_or(&[])).unwrap_or_default()
    }

    /// The same as text.
    pub(crate) fn rest_text(&self) -> Cow<'_, str> {
        match self.rest() {
            Cow::Borrowed(bytes) => encode::text_of(bytes),
            Cow::Owned(bytes) => Cow::Owned(encode::text_of(&bytes).into_owned()),
        }
    }

    /// The same as text, or a refusal if nothing is there.
    pub(crate) fn named(&self, missing: &'static str) -> Result<String, Refused> {
        match self.rest_text() {
            name if name.is_empty() => Err(Refused::bad_request(missing)),
            name => Ok(name.into_owned()),
        }
    }

    /// Whether JSON is to be indented.
    pub(crate) fn pretty(&self) -> bool {
        self.server.settings.pretty_always || self.parameters.has("pretty")
    }

    /// Encodes a value as this request wants it.
    pub(crate) fn json<T: serde::Serialize + ?Sized>(&self, value: &T) -> Reply {
        reply::json(encode::json(value, self.pretty()))
    }

    /// A header as text; empty if absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// The secret that the client sent.
    fn token(&self) -> Cow<'_, str> {
        let token = self.header(TOKEN);
        if !token.is_empty() {
            return token.into();
        }
        if let Some((scheme, token)) = self.header("authorization").split_once(' ')
            && scheme.eq_ignore_ascii_case("bearer")
        {
            return token.trim().into();
        }
        self.parameters.first("token")
    }

    /// Who asks.
    pub(crate) fn caller(&self) -> Caller {
        Caller::with_token(&self.token())
    }

    /// Asks the node, on behalf of the client, in the datacenter that its query names.
    pub(crate) async fn serve(&self, body: node::Body) -> Served {
        self.serve_in(&self.parameters.first("dc"), body).await
    }

    /// The same in a datacenter that its body names; empty for this one.
    pub(crate) async fn serve_in(&self, datacenter: &str, body: node::Body) -> Served {
        let request = node::Request { datacenter: datacenter.into(), caller: self.caller(), client: self.peer, body };
        self.server.node.serve(request).await
    }

    /// Asks what is never waited for.
    pub(crate) async fn serve_now(&self, body: node::Body) -> Result<node::Reply, Refused> {
        Ok(self.serve(body).await.reply().await?)
    }

    /// The options that most reads understand.
    pub(crate) fn options(&self) -> Result<Options, Refused> {
        Options::of(&self.parameters, &self.head.headers)
    }

    /// Refuses what only Consul Enterprise has.
    pub(crate) fn refuse_namespace(&self) -> Result<(), Refused> {
        if !self.parameters.first("ns").is_empty() {
            return Err(Refused::bad_request(
                r#"Invalid query parameter: "ns" - Namespaces are a Consul Enterprise feature"#,
            ));
        }
        if !self.header("x-consul-namespace").is_empty() {
            return Err(Refused::bad_request(
                r#"Invalid header: "X-Consul-Namespace" - Namespaces are a Consul Enterprise feature"#,
            ));
        }
        self.refuse_partition()
    }

    /// Refuses what only Consul Enterprise has, where namespaces are passed over.
    pub(crate) fn refuse_partition(&self) -> Result<(), Refused> {
        if !self.parameters.first("partition").is_empty() {
            return Err(Refused::bad_request(
                r#"Invalid query parameter: "partition" - Partitions are a Consul Enterprise feature"#,
            ));
        }
        if !self.header("x-consul-partition").is_empty() {
            return Err(Refused::bad_request(
                r#"Invalid header: "X-Consul-Partition" - Partitions are a Consul Enterprise feature"#,
            ));
        }
        Ok(())
    }
}
