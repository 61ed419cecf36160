//! One request of those that a redirected check makes: what goes along from one server to the next, and what does not.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH,
    CONTENT_LOCATION, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, RANGE, REFERER, TRAILER, TRANSFER_ENCODING, USER_AGENT, WWW_AUTHENTICATE,
};
use hyper::{Method, Request, StatusCode, Uri};

use super::Url;
use crate::definition::Http;

/// Headers that are about the body; they go with it.
const OF_BODY: [HeaderName; 4] = [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE];
/// Headers that are for the first server alone, as in Go.
const SECRET: [HeaderName; 5] = [AUTHORIZATION, COOKIE, WWW_AUTHENTICATE, PROXY_AUTHORIZATION, PROXY_AUTHENTICATE];
/// Headers that the exchange sets for itself.
const OF_EXCHANGE: [HeaderName; 4] = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, TRAILER];

/// A request that is to be made.
pub(super) struct Hop<'a> {
    pub(super) check: &'a Http,
    pub(super) url: Url,
    method: &'a str,
    has_body: bool,
    /// Whether it still may have what was meant for the first server: once told elsewhere, it never is again.
    has_secrets: bool,
    /// The host that the check names in its headers.
    host: Option<&'a str>,
    /// Who sent it here.
    referrer: Option<String>,
    /// Where the first request went to.
    first_host: String,
}

impl<'a> Hop<'a> {
    pub(super) fn first(check: &'a Http, url: Url) -> Self {
        let host = check.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        let host = host.map(|(_, value)| &**value).filter(|host| !host.is_empty());
        let first_host = url.host_name().to_ascii_lowercase();
        Self { check, url, method: &check.method, has_body: true, has_secrets: true, host, referrer: None, first_host }
    }

    /// The request that an answer with this status and `Location` sends on to.
    pub(super) fn next(&self, location: &str, status: StatusCode) -> Result<Self, String> {
        let url = self.url.join(location)?;
        let keeps_method = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        let is_relative = Url::parse(location).is_ok_and(|to| to.scheme.is_empty());
        let is_less_secret = self.url.scheme == "https" && url.scheme == "http";
        Ok(Self {
            check: self.check,
            method: if keeps_method || self.method == "HEAD" { self.method } else { "GET" },
            has_body: self.has_body && keeps_method,
            has_secrets: self.has_secrets && is_within(&url.host_name().to_ascii_lowercase(), &self.first_host),
            host: self.host.filter(|_| is_relative),
            referrer: (!is_less_secret).then(|| self.url.referrer()),
            first_host: self.first_host.clone(),
            url,
        })
    }

    /// Whether the answer may come packed: whoever says how it is to come, or asks for a part, gets it as it is.
    pub(super) fn accepts_gzip(&self) -> bool {
        let is_given =
            |name: HeaderName| self.check.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name.as_str()));
        self.method != "HEAD" && !is_given(ACCEPT_ENCODING) && !is_given(RANGE)
    }

    pub(super) fn request(&self) -> Result<Request<Full<Bytes>>, String> {
        let body = if self.has_body { self.check.body.clone() } else { String::new() };
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| format!("net/http: invalid method {:?}", self.method))?;
        let target = self.url.target();
        let no_target = |_| format!("net/http: can't write request target {target:?}");
        *request.uri_mut() = Uri::builder().path_and_query(&*target).build().map_err(no_target)?;
        self.set_given(request.headers_mut())?;
        self.set_own(request.headers_mut());
        Ok(request)
    }

    /// The headers of the definition.
    fn set_given(&self, headers: &mut HeaderMap) -> Result<(), String> {
        for (name, value) in &self.check.headers {
            let no_name = |_| format!("net/http: invalid header field name {name:?}");
            let no_value = |_| format!("net/http: invalid header field value for {name:?}");
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(no_name)?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(no_value)?;
            let is_kept_back = OF_EXCHANGE.contains(&header)
                || (!self.has_secrets && SECRET.contains(&header))
                || (!self.has_body && OF_BODY.contains(&header));
            if !is_kept_back {
                headers.append(header, value);
            }
        }
        Ok(())
    }

    /// The headers that are sent where the definition has none.
    fn set_own(&self, headers: &mut HeaderMap) {
        let mut default = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                headers.entry(name).or_insert(value);
            }
        };
        default(HOST, self.host.unwrap_or(&self.url.host));
        default(USER_AGENT, "Consul Health Check");
        default(ACCEPT, "text/plain, text/*, */*");
        default(CONNECTION, "close");
        if self.accepts_gzip() {
            default(ACCEPT_ENCODING, "gzip");
        }
        if let Some(referrer) = &self.referrer {
            default(REFERER, referrer);
        }
        if let Some(login) = self.url.login() {
            default(AUTHORIZATION, &format!("Basic {}", STANDARD.encode(login)));
        }
    }
}

/// Whether a host is another one or below it. Addresses have nothing below them.
fn is_within(host: &str, of: &str) -> bool {
    let below = || host.strip_suffix(of).is_some_and(|labels| labels.ends_with('.'));
    host == of || (of.parse::<IpAddr>().is_err() && below())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stay_with_their_host() {
        for (url, location, is_told) in [
            ("http://a.b/", "/x", true),
            ("http://a.b/", "http://A.B:81/x", true),
            ("http://a.b/", "http://c.a.b/", true),
            ("http://a.b/", "http://ca.b/", false),
            ("http://a.b/", "http://b/", false),
            ("http://1.2.3.4/", "http://x.1.2.3.4/", false),
        ] {
            let headers = [("authorization", "s"), ("Cookie", "s"), ("x", "y")];
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let check = Http { method: "POST".into(), body: "b".into(), headers, ..Http::default() };
            let first = Hop::first(&check, Url::parse(url).unwrap());
            let next = first.next(location, StatusCode::TEMPORARY_REDIRECT).unwrap();
            let request = next.request().unwrap();
            let has = |name: HeaderName| request.headers().contains_key(name);
            assert_eq!((has(AUTHORIZATION), has(COOKIE), has(HeaderName::from_static("x"))), (is_told, is_told, true));
            assert_eq!(request.headers()[REFERER], first.url.referrer());
            // Nor are they told again by one that they were kept from.
            let back = next.next(url, StatusCode::FOUND).unwrap();
            assert_eq!(back.request().unwrap().headers().contains_key(AUTHORIZATION), is_told);
            assert_eq!(back.request().unwrap().method(), Method::GET);
        }
    }
}
