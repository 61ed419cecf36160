//! URLs as Go's `net/url` reads them, since definitions were written for that: lenient in paths and queries, strict in
//! hosts, with its words for what is wrong. References are resolved after RFC 3986.
//!
//! What is shown of a URL never has its password: outputs go into the catalog, where everybody reads them.

use std::fmt;

/// A URL, or a reference to one: then it has no scheme, and perhaps no host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Url {
    /// In lower case.
    pub(super) scheme: String,
    user: Option<User>,
    /// The host with the port behind it, if it has one; an IPv6 address stands in brackets.
    pub(super) host: String,
    /// Escaped.
    path: String,
    /// Escaped; without the question mark.
    query: Option<String>,
    /// As it was written; without the `#`.
    fragment: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct User {
    /// Escaped, as it was written.
    name: String,
    /// Escaped, as it was written.
    password: Option<String>,
}

impl Url {
    /// Reads a URL or a reference to one.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.bytes().any(|byte| byte.is_ascii_control()) {
            return Err("net/url: invalid control character in URL".into());
        }
        let (text, fragment) = split_off(text, '#');
        let (scheme, rest) = split_scheme(text)?;
        let (mut rest, query) = split_off(rest, '?');
        let scheme = scheme.to_ascii_lowercase();
        let first = rest.split('/').next().unwrap_or_default();
        if scheme.is_empty() && first.contains(':') {
            return Err("first path segment in URL cannot contain colon".into());
        }
        let (mut user, mut host) = (None, String::new());
        if let Some(behind) = rest.strip_prefix("//") {
            let (authority, path) = behind.split_at(behind.find('/').unwrap_or(behind.len()));
            (user, host) = read_authority(authority)?;
            rest = path;
        }
        refuse_bad_escapes(rest)?;
        Ok(Self {
            scheme,
            user,
            host,
            path: escaped(rest, is_of_path),
            query: query.map(|query| escaped(query, is_of_query)),
            fragment: fragment.map(str::to_owned),
        })
    }

    /// Where a reference leads that was found here.
    pub(super) fn join(&self, reference: &str) -> Result<Self, String> {
        let mut to = Self::parse(reference)?;
        let is_elsewhere = !to.scheme.is_empty() || !to.host.is_empty();
        if to.scheme.is_empty() {
            to.scheme.clone_from(&self.scheme);
        }
        if is_elsewhere {
            to.path = without_dots(&to.path);
            return Ok(to);
        }
        to.user.clone_from(&self.user);
        to.host.clone_from(&self.host);
        if to.path.is_empty() && to.query.is_none() {
            to.query.clone_from(&self.query);
        }
        let folder = &self.path[..self.path.rfind('/').map_or(0, |slash| slash + 1)];
        let full = match &*to.path {
            "" => self.path.clone(),
            path if path.starts_with('/') => path.to_owned(),
            path => format!("{folder}{path}"),
        };
        to.path = without_dots(&full);
        Ok(to)
    }

    /// What a request asks this host for: a path that begins with a slash, and the query.
    pub(super) fn target(&self) -> String {
        let slash = if self.path.starts_with('/') { "" } else { "/" };
        match &self.query {
            Some(query) => format!("{slash}{}?{query}", self.path),
            None => format!("{slash}{}", self.path),
        }
    }

    /// The host without its port and brackets.
    pub(super) fn host_name(&self) -> &str {
        let (host, _) = split_port(&self.host);
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// Host and port to connect to.
    pub(super) fn address(&self, default_port: u16) -> String {
        match split_port(&self.host) {
            (host, "" | ":") => format!("{host}:{default_port}"),
            _ => self.host.clone(),
        }
    }

    /// User and password as HTTP's Basic scheme joins them.
    pub(super) fn login(&self) -> Option<Vec<u8>> {
        let user = self.user.as_ref()?;
        let mut login = unescaped(&user.name);
        login.push(b':');
        login.extend(unescaped(user.password.as_deref().unwrap_or_default()));
        Some(login)
    }

    /// The URL as the next server may know that it was asked: without user and fragment.
    pub(super) fn referrer(&self) -> String {
        Self { user: None, fragment: None, ..self.clone() }.to_string()
    }
}

/// The URL without its password.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.scheme.is_empty() {
            write!(f, "{}:", self.scheme)?;
        }
        if !self.host.is_empty() || self.user.is_some() {
            f.write_str("//")?;
        }
        if let Some(user) = &self.user {
            let password = if user.password.is_some() { ":***" } else { "" };
            write!(f, "{}{password}@", user.name)?;
        }
        write!(f, "{}{}", self.host, self.path)?;
        if let Some(query) = &self.query {
            write!(f, "?{query}")?;
        }
        match &self.fragment {
            Some(fragment) if !fragment.is_empty() => write!(f, "#{fragment}"),
            _ => Ok(()),
        }
    }
}

/// A text that is meant to be a URL, as it was written but for the password.
pub(super) fn shown(text: &str) -> String {
    let hidden = || {
        let start = text.find("//")? + "//".len();
        let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |length| start + length);
        let at = start + text[start..end].rfind('@')?;
        let colon = start + text[start..at].find(':')?;
        Some(format!("{}:***{}", &text[..colon], &text[at..]))
    };
    hidden().unwrap_or_else(|| text.to_owned())
}

/// The part before the first such character, and the part behind it if there is one.
fn split_off(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

fn split_scheme(text: &str) -> Result<(&str, &str), String> {
    let is_of_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    match text.split_once(':') {
        Some(("", _)) => Err("missing protocol scheme".into()),
        Some((scheme, rest))
            if scheme.chars().all(is_of_scheme) && scheme.starts_with(|c: char| c.is_ascii_alphabetic()) =>
        {
            Ok((scheme, rest))
        }
        _ => Ok(("", text)),
    }
}

fn read_authority(authority: &str) -> Result<(Option<User>, String), String> {
    let Some((user, host)) = authority.rsplit_once('@') else { return Ok((None, read_host(authority)?)) };
    if !user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte)) {
        return Err("net/url: invalid userinfo".into());
    }
    refuse_bad_escapes(user)?;
    let (name, password) = split_off(user, ':');
    let user = User { name: name.to_owned(), password: password.map(str::to_owned) };
    Ok((Some(user), read_host(host)?))
}

fn read_host(host: &str) -> Result<String, String> {
    match host.rfind('[') {
        Some(1..) => return Err("invalid IP-literal".into()),
        Some(_) if !host.contains(']') => return Err("missing ']' in host".into()),
        _ => {}
    }
    let (name, port) = split_port(host);
    if !port.bytes().skip(1).all(|byte| byte.is_ascii_digit()) || !matches!(port.bytes().next(), None | Some(b':')) {
        return Err(format!("invalid port {port:?} after host"));
    }
    let is_of_host = |c: &char| !c.is_ascii() || c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:[]<>\"%".contains(*c);
    if let Some(wrong) = name.chars().find(|c| !is_of_host(c)) {
        return Err(format!("invalid character {:?} in host name", wrong.to_string()));
    }
    refuse_bad_escapes(name)?;
    let name = String::from_utf8(unescaped(name)).map_err(|_| "invalid host name".to_owned())?;
    Ok(format!("{name}{port}"))
}

/// A host and what stands behind it: nothing, or a port with its colon.
fn split_port(host: &str) -> (&str, &str) {
    let colon = match host.rfind(']') {
        Some(bracket) => bracket + 1,
        None => host.find(':').unwrap_or(host.len()),
    };
    host.split_at(colon)
}

fn refuse_bad_escapes(text: &str) -> Result<(), String> {
    let bytes = text.as_bytes();
    for at in (0..bytes.len()).filter(|at| bytes[*at] == b'%') {
        let escape = &bytes[at..bytes.len().min(at + 3)];
        if escape.len() < 3 || !escape[1..].iter().all(u8::is_ascii_hexdigit) {
            return Err(format!("invalid URL escape {:?}", String::from_utf8_lossy(escape)));
        }
    }
    Ok(())
}

/// The bytes that a text stands for whose escapes are right.
fn unescaped(text: &str) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let pair = behind.first().and_then(digit).zip(behind.get(1).and_then(digit));
        match pair.filter(|_| *first == b'%') {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    bytes
}

/// A text with everything escaped that has to be; what is escaped already stays so.
fn escaped(text: &str, may_stay: fn(u8) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match may_stay(byte) {
            true => escaped.push(char::from(byte)),
            false => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

fn is_of_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:@/%[]".contains(&byte)
}

/// Go sends a query as it is, spaces and all, and then no server understands it. What must not stand there is escaped.
fn is_of_query(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"<>#".contains(&byte)
}

/// A path without `.` and `..`.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_in_folder = false;
    for part in path.strip_prefix('/').unwrap_or(path).split('/') {
        ends_in_folder = matches!(part, "." | "..");
        match part {
            "." => {}
            ".." => drop(kept.pop()),
            part => kept.push(part),
        }
    }
    if path.is_empty() {
        return String::new();
    }
    let slash = if ends_in_folder && !kept.is_empty() { "/" } else { "" };
    format!("/{}{slash}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved() {
        let from = Url::parse("http://u:p@a:1/b/c?d#e").unwrap();
        for (reference, url) in [
            ("http://x/y/../z", "http://x/z"),
            ("//x:2/y", "http://x:2/y"),
            ("/z?q", "http://u:***@a:1/z?q"),
            ("e", "http://u:***@a:1/b/e"),
            ("../s/200", "http://u:***@a:1/s/200"),
            ("x/../../s/./200/", "http://u:***@a:1/s/200/"),
            ("../../../s", "http://u:***@a:1/s"),
            (".", "http://u:***@a:1/b/"),
            ("?z=1", "http://u:***@a:1/b/c?z=1"),
            ("", "http://u:***@a:1/b/c?d"),
            ("#f", "http://u:***@a:1/b/c?d#f"),
            ("/s p|?a b", "http://u:***@a:1/s%20p%7C?a%20b"),
            ("/s?to=http://x/y", "http://u:***@a:1/s?to=http://x/y"),
        ] {
            assert_eq!(from.join(reference).unwrap().to_string(), url, "{reference}");
        }
        assert_eq!(Url::parse("http://a").unwrap().join("e").unwrap().to_string(), "http://a/e");
    }

    #[test]
    fn targets_and_addresses_are_taken_from_it() {
        for (url, target, address) in [
            ("http://h", "/", "h:80"),
            ("http://h:?x=1", "/?x=1", "h:80"),
            ("http://h:9?x=1#f", "/?x=1", "h:9"),
            ("HTTP://[::1]:9//a", "//a", "[::1]:9"),
            ("http://[::1]/ü|\"<>?%zz ü", "/%C3%BC%7C%22%3C%3E?%zz%20%C3%BC", "[::1]:80"),
            ("http://h:99999/", "/", "h:99999"),
        ] {
            let read = Url::parse(url).unwrap();
            assert_eq!((&*read.target(), &*read.address(80)), (target, address), "{url}");
        }
        assert_eq!(Url::parse("http://[fe80::1%25eth0]:1/").unwrap().host_name(), "fe80::1%eth0");
        assert_eq!(Url::parse("http://u:p%40@h").unwrap().login().unwrap(), b"u:p@");
        assert_eq!(Url::parse("http://u@h").unwrap().login().unwrap(), b"u:");
    }

    #[test]
    fn what_is_no_url_is_refused_in_the_words_of_go() {
        for (url, words) in [
            ("http://h:abc/", "invalid port \":abc\" after host"),
            ("http://[::1", "missing ']' in host"),
            ("http://[::1]x/", "invalid port \"x\" after host"),
            (" http://h", "first path segment in URL cannot contain colon"),
            (":x", "missing protocol scheme"),
            ("http://h/%zz", "invalid URL escape \"%zz\""),
            ("http://h/%a", "invalid URL escape \"%a\""),
            ("http://a b/", "invalid character \" \" in host name"),
            ("http://u\u{e9}@h/", "net/url: invalid userinfo"),
            ("http://h/\n", "net/url: invalid control character in URL"),
        ] {
            assert_eq!(Url::parse(url).unwrap_err(), words, "{url}");
        }
    }

    #[test]
    fn whatever_is_taken_can_be_asked_for() {
        let pieces =
            ["http://", "/", "..", "?", "#", "%41", "%", ":", "@", "[", "]", "\u{e9}", " ", "a", "1", "\\", "\"", "^"];
        let from = Url::parse("http://h/b/c").unwrap();
        for text in pieces.iter().flat_map(|a| pieces.iter().flat_map(move |b| pieces.map(|c| format!("{a}{b}{c}")))) {
            for to in [from.join(&text), Url::parse(&text)].into_iter().flatten() {
                let target = hyper::Uri::builder().path_and_query(to.target()).build();
                assert!(target.is_ok_and(|uri| uri.path().starts_with('/')), "{text}: {}", to.target());
            }
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        for (text, masked) in [
            ("http://u:p@h:1/a@b:c", "http://u:***@h:1/a@b:c"),
            ("http://u:p@q@h:x", "http://u:***@h:x"),
            ("http://u@h/", "http://u@h/"),
            ("http://h/?a:b@c", "http://h/?a:b@c"),
            ("bogus", "bogus"),
        ] {
            assert_eq!(shown(text), masked);
        }
    }
}
