//! A request as its handler sees it: the path behind the route's pattern, the parameters, and the options that most
//! routes share.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_LENGTH, EXPECT};
use quorate_base::duration::GoDuration;
use quorate_node::Consistency;

use crate::encode;
use crate::path;
use crate::query::Parameters;
use crate::reply::{self, Refused, Reply};
use crate::server::Shared;

/// A request on its route.
pub(crate) struct Call {
    pub(crate) server: Arc<Shared>,
    pub(crate) head: hyper::http::request::Parts,
    pub(crate) body: Incoming,
    /// Where the raw path goes on behind the route's pattern.
    pub(crate) rest_at: usize,
}

/// What most reads understand.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Options {
    /// The index that the client has seen; 0 to be answered at once.
    pub(crate) index: u64,
    /// How long to wait for another answer.
    pub(crate) wait: Option<GoDuration>,
    /// How fresh the answer must be.
    pub(crate) consistency: Consistency,
    /// How old a stale answer may be; older ones are asked of the leader.
    pub(crate) stale_max: Option<Duration>,
    /// Whether an answer kept for others will do, and the client is told.
    pub(crate) cached: bool,
    /// Whether the question is for another datacenter.
    pub(crate) other_datacenter: bool,
}

impl Options {
    /// The word for the consistency in effect.
    pub(crate) fn consistency_word(&self) -> &'static str {
        match self.consistency {
            Consistency::Default => "leader",
            Consistency::Consistent => "consistent",
            Consistency::Stale => "stale",
        }
    }
}

impl Call {
    /// The parameters, which were checked before.
    pub(crate) fn parameters(&self) -> Parameters<'_> {
        Parameters::parse(self.head.uri.query().unwrap_or("")).unwrap_or_default()
    }

    /// The path behind the pattern, decoded. The escapes were checked before.
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
        self.server.settings.pretty_always || self.parameters().has("pretty")
    }

    /// Encodes a value as this request wants it.
    pub(crate) fn json<T: serde::Serialize + ?Sized>(&self, value: &T) -> Reply {
        reply::json(encode::json(value, self.pretty()))
    }

    /// A header as text; empty if absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// Refuses a request for a datacenter that is not this one.
    pub(crate) fn refuse_other_datacenter(&self) -> Result<(), Refused> {
        let name = self.parameters().first("dc");
        if name.is_empty() || name == self.server.settings.datacenter.as_str() { Ok(()) } else { Err(no_path()) }
    }

    /// Refuses what only Consul Enterprise has.
    pub(crate) fn refuse_namespace(&self) -> Result<(), Refused> {
        if !self.parameters().first("ns").is_empty() {
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
        if !self.parameters().first("partition").is_empty() {
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

    /// Reads the options that most reads understand. The order decides which of several errors is told, as in Consul.
    pub(crate) fn options(&self) -> Result<Options, Refused> {
        let given = Given::of(self.parameters());
        let waiting = self.options_of_waiting();
        let mut options = self.consistency_options(&given)?;
        let Options { wait, index, .. } = waiting?;
        (options.wait, options.index) = (wait, index);
        options.other_datacenter =
            given.datacenter.is_some_and(|name| name != self.server.settings.datacenter.as_str());
        Ok(options)
    }

    /// Reads only those that tell how long to wait, where the others are passed over.
    pub(crate) fn options_of_waiting(&self) -> Result<Options, Refused> {
        let given = Given::of(self.parameters());
        let mut options = Options::default();
        if let Some(text) = &given.wait {
            options.wait = Some(GoDuration::parse(text).map_err(|_| Refused::bad_request("Invalid wait time"))?);
        }
        if let Some(text) = &given.index {
            options.index = parse_unsigned(text).map_err(|_| Refused::bad_request("Invalid index"))?;
        }
        Ok(options)
    }

    /// Reads only those that tell how fresh the answer must be, where the others are passed over.
    pub(crate) fn options_of_freshness(&self) -> Result<Options, Refused> {
        self.consistency_options(&Given::of(self.parameters()))
    }

    fn consistency_options(&self, given: &Given<'_>) -> Result<Options, Refused> {
        let mut options = Options::default();
        if let Some(text) = &given.max_stale {
            let age = GoDuration::parse(text)
                .map_err(|_| Refused::bad_request(format!("Invalid max_stale value {}", go_quoted(text))))?;
            options.stale_max = (age > GoDuration(0)).then(|| age.to_std());
        }
        let stale = given.stale || options.stale_max.is_some();
        let conflict = "Cannot specify ?stale with ?consistent, conflicting semantics.";
        options.consistency = match (stale, given.consistent) {
            (true, true) => return Err(Refused::bad_request(conflict)),
            (true, false) => Consistency::Stale,
            (false, true) => Consistency::Consistent,
            (false, false) => Consistency::Default,
        };
        if given.cached && given.consistent {
            let conflict = "Cannot specify ?cached with ?consistent, conflicting semantics.";
            return Err(Refused::bad_request(conflict));
        }
        options.cached = given.cached;
        self.check_cache_control()?;
        Ok(options)
    }

    /// The header says how old a kept answer may be. Kept answers here are never old, so it is only checked.
    fn check_cache_control(&self) -> Result<(), Refused> {
        let Some(value) = self.head.headers.get(CACHE_CONTROL) else {
            return Ok(());
        };
        let text = String::from_utf8_lossy(value.as_bytes()).to_lowercase();
        for directive in text.split(',').map(str::trim) {
            let seconds = directive.strip_prefix("max-age=").or_else(|| directive.strip_prefix("stale-if-error="));
            if seconds.is_some_and(|seconds| seconds.parse::<i64>().is_err()) {
                return Err(Refused::bad_request("Invalid Cache-Control header."));
            }
        }
        Ok(())
    }

    /// The length of the body as the client told it.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }

    /// Whether the client told the length of a body, and there is one. Some routes pass over a body of unknown length.
    pub(crate) fn has_sized_body(&self) -> bool {
        self.content_length().is_some_and(|length| length > 0)
    }

    /// Reads the body, refusing it by its announced length before anything is kept, or else once it grows too large.
    pub(crate) async fn take_body(
        &mut self,
        bytes_max: usize,
        too_large: impl Fn(Option<u64>) -> Refused,
    ) -> Result<Bytes, Refused> {
        let announced = self.content_length();
        if announced.is_some_and(|length| length > bytes_max as u64) {
            self.discard_body().await;
            return Err(too_large(announced));
        }
        let stall_timeout = self.server.settings.stall_timeout;
        let mut whole = Vec::new();
        while let Some(piece) = next_piece(&mut self.body, stall_timeout).await? {
            if whole.len() + piece.len() > bytes_max {
                self.discard_rest().await;
                return Err(too_large(None));
            }
            if whole.is_empty() && self.body.is_end_stream() {
                // The piece is a part of the connection's buffer; what is kept of it is copied by whoever keeps it.
                return Ok(piece);
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.into())
    }

    /// Reads what is left of a body and forgets it. Clients that send all of a body before they look at the answer would
    /// otherwise find their connection broken, and no answer.
    pub(crate) async fn discard_body(&mut self) {
        // One that waits to be asked for its body is not asked.
        if !self.head.headers.contains_key(EXPECT) {
            self.discard_rest().await;
        }
    }

    /// The same for a body of which something was read: its client is sending, whatever it waited for before.
    pub(crate) async fn discard_rest(&mut self) {
        // A client that sends more than any archive of this service is cut off.
        const BYTES_MAX: usize = 256 << 20;
        let stall_timeout = self.server.settings.stall_timeout;
        let mut bytes = 0;
        while bytes < BYTES_MAX
            && let Ok(Some(piece)) = next_piece(&mut self.body, stall_timeout).await
        {
            bytes += piece.len();
        }
    }

    /// Reads a body of JSON, in the limit for such bodies.
    pub(crate) async fn take_json_body(&mut self) -> Result<Bytes, Refused> {
        let bytes_max = self.server.settings.body_bytes_max;
        self.take_body(bytes_max, |_| {
            Refused::too_large(format!("Request body too large, max size: {bytes_max} bytes"))
        })
        .await
    }
}

/// The next piece of a body; `None` at its end.
pub(crate) async fn next_piece(body: &mut Incoming, stall_timeout: Duration) -> Result<Option<Bytes>, Refused> {
    loop {
        let mut body = std::pin::Pin::new(&mut *body);
        let frame = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx));
        let Ok(frame) = tokio::time::timeout(stall_timeout, frame).await else {
            return Err(Refused {
                status: StatusCode::REQUEST_TIMEOUT,
                text: format!("no byte of the request's body arrived for {} s", stall_timeout.as_secs()).into(),
            });
        };
        match frame {
            None => return Ok(None),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Some(Err(error)) => return Err(Refused::bad_request(format!("the request's body broke off: {error}"))),
        }
    }
}

/// The first value of each shared option, as text.
#[derive(Default)]
struct Given<'a> {
    stale: bool,
    consistent: bool,
    cached: bool,
    max_stale: Option<Cow<'a, str>>,
    wait: Option<Cow<'a, str>>,
    index: Option<Cow<'a, str>>,
    datacenter: Option<Cow<'a, str>>,
}

impl<'a> Given<'a> {
    fn of(parameters: Parameters<'a>) -> Self {
        let mut given = Self::default();
        for (name, value) in parameters.iter() {
            let slot = match &*name {
                "stale" => {
                    given.stale = true;
                    continue;
                }
                "consistent" => {
                    given.consistent = true;
                    continue;
                }
                "cached" => {
                    given.cached = true;
                    continue;
                }
                "max_stale" => &mut given.max_stale,
                "wait" => &mut given.wait,
                "index" => &mut given.index,
                "dc" => &mut given.datacenter,
                _ => continue,
            };
            slot.get_or_insert(value);
        }
        for slot in [&mut given.max_stale, &mut given.wait, &mut given.index, &mut given.datacenter] {
            // An empty value is as good as none, but hides the values behind it.
            slot.take_if(|value| value.is_empty());
        }
        given
    }
}

/// The refusal of a question for another datacenter.
pub(crate) fn no_path() -> Refused {
    Refused::internal("No path to datacenter")
}

/// Reads an unsigned number as Go's `strconv.ParseUint` in base 10, with its errors.
pub(crate) fn parse_unsigned(text: &str) -> Result<u64, String> {
    let error = |what: &str| format!("strconv.ParseUint: parsing {}: {what}", go_quoted(text));
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(error("invalid syntax"));
    }
    text.parse().map_err(|_| error("value out of range"))
}

/// Reads a truth value as Go's `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// A text in quotes, as Go's `%q` writes it.
pub(crate) fn go_quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if path::is_printable_char(c) => quoted.push(c),
            c if u32::from(c) > 0xffff => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
            c => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_value_of_an_option_counts() {
        let given = Given::of(Parameters::parse("index=&index=5&wait=1s&wait=2s&stale&dc=a").unwrap());
        assert_eq!((given.index, given.wait.as_deref(), given.stale), (None, Some("1s"), true));
        assert_eq!(given.datacenter.as_deref(), Some("a"));
    }

    #[test]
    fn numbers_and_their_errors_are_gos() {
        assert_eq!(parse_unsigned("18446744073709551615"), Ok(u64::MAX));
        for (text, what) in [
            ("", r#"parsing "": invalid syntax"#),
            ("+1", r#"parsing "+1": invalid syntax"#),
            ("-1", r#"parsing "-1": invalid syntax"#),
            ("1_0", r#"parsing "1_0": invalid syntax"#),
            ("18446744073709551616", r#"parsing "18446744073709551616": value out of range"#),
        ] {
            assert_eq!(parse_unsigned(text), Err(format!("strconv.ParseUint: {what}")));
        }
    }

    #[test]
    fn quotes_as_go_quotes() {
        assert_eq!(go_quoted("a\"\\\n\u{1}é\u{200b}\u{7f}"), r#""a\"\\\n\x01é\u200b\x7f""#);
    }
}
