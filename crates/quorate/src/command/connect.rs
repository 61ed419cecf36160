//! From flags and environment to a client.

use quorate_api::client::{Address, Client, ClientSettings, Consistency, Query, TlsSettings};

use serde::de::DeserializeOwned;

use super::output::{Failure, note};
use crate::flags::{HttpFlags, TenantFlags, TlsFlags, go_bool};

/// A client of the server that flags and environment name. Flags go before the environment.
pub(super) fn client(flags: &HttpFlags, tenant: Option<&TenantFlags>) -> Result<Client, Failure> {
    resolve(flags, tenant, |name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .and_then(|(address, settings, tls)| {
            Client::with_tls(address, settings, &tls).map_err(|error| error.to_string())
        })
        .map_err(Failure::of("Error connecting to Consul agent"))
}

/// How a read is to be answered.
pub(super) fn query(flags: &HttpFlags) -> Query {
    let consistency = if flags.stale.unwrap_or(false) { Consistency::Stale } else { Consistency::Default };
    Query { consistency, ..Query::default() }
}

/// Tells a server something on a route whose answer is empty.
pub(super) async fn tell(
    client: &Client,
    path: &str,
    parameters: &[(&str, &str)],
    body: Vec<u8>,
    failed: &str,
) -> Result<(), Failure> {
    let answer = client.raw_put(path, parameters, body).await.and_then(|answer| answer.success());
    answer.map(drop).map_err(Failure::of(failed))
}

/// Asks a server on a route that answers with JSON.
pub(super) async fn ask<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    parameters: &[(&str, &str)],
    query: &Query,
    failed: &str,
) -> Result<T, Failure> {
    let answer = client.raw_get(path, parameters, query).await.and_then(|answer| answer.success());
    serde_json::from_slice(&answer.map_err(Failure::of(failed))?).map_err(Failure::of(failed))
}

/// A file with the token goes before the token itself, wherever each was given; so it is in Consul.
fn resolve(
    flags: &HttpFlags,
    tenant: Option<&TenantFlags>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<(Address, ClientSettings, TlsSettings), String> {
    let given = |flag: Option<&String>, name: &str| flag.cloned().or_else(|| environment(name));
    let address = match given(flags.http_addr.as_ref(), "CONSUL_HTTP_ADDR") {
        Some(address) if !address.is_empty() => address.parse().map_err(|error| format!("{error}"))?,
        _ => Address::default(),
    };
    // Whoever asks for TLS must not be answered in the clear, whatever the address says.
    let address = match switch("CONSUL_HTTP_SSL", &environment) {
        Some(true) => address.with_tls(),
        _ => address,
    };
    let tls = tls(&flags.tls, &environment)?;
    let mut token = given(flags.token.as_ref(), "CONSUL_HTTP_TOKEN").unwrap_or_default();
    if let Some(path) = given(flags.token_file.as_ref(), "CONSUL_HTTP_TOKEN_FILE").filter(|path| !path.is_empty()) {
        let content = std::fs::read_to_string(&path);
        let content = content.map_err(|error| format!("Error loading token file: open {path}: {error}"))?;
        if !content.trim().is_empty() {
            token = content.trim().to_owned();
        }
    }
    let basic_auth = environment("CONSUL_HTTP_AUTH").map(|auth| {
        let (user, password) = auth.split_once(':').unwrap_or((&auth, ""));
        (user.to_owned(), password.to_owned())
    });
    let settings = ClientSettings {
        token,
        datacenter: flags.datacenter.clone().unwrap_or_default(),
        namespace: given(tenant.and_then(|tenant| tenant.namespace.as_ref()), "CONSUL_NAMESPACE").unwrap_or_default(),
        partition: given(tenant.and_then(|tenant| tenant.partition.as_ref()), "CONSUL_PARTITION").unwrap_or_default(),
        basic_auth,
        timeout: None,
    };
    Ok((address, settings, tls))
}

/// What a variable says. One that is neither true nor false says nothing, but a warning tells so, as in Consul.
fn switch(name: &str, environment: &impl Fn(&str) -> Option<String>) -> Option<bool> {
    let value = environment(name)?;
    let read = go_bool(&value).ok();
    if read.is_none() {
        note(format_args!("[WARN] could not parse {name}: {value:?} is neither true nor false"));
    }
    read
}

/// How TLS is spoken if the address asks for it.
fn tls(flags: &TlsFlags, environment: &impl Fn(&str) -> Option<String>) -> Result<TlsSettings, String> {
    let given =
        |flag: &Option<String>, name: &str| flag.clone().or_else(|| environment(name)).filter(|text| !text.is_empty());
    let is_verified = switch("CONSUL_HTTP_SSL_VERIFY", environment).unwrap_or(true);
    Ok(TlsSettings {
        authority_file: given(&flags.ca_file, "CONSUL_CACERT").map(Into::into),
        authority_directory: given(&flags.ca_path, "CONSUL_CAPATH").map(Into::into),
        certificate_file: given(&flags.client_cert, "CONSUL_CLIENT_CERT").map(Into::into),
        key_file: given(&flags.client_key, "CONSUL_CLIENT_KEY").map(Into::into),
        server_name: given(&flags.tls_server_name, "CONSUL_TLS_SERVER_NAME"),
        is_unverified: !is_verified,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{Command, KvCommand, parse};

    fn resolved(
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<(Address, ClientSettings, TlsSettings), String> {
        let line = ["kv", "get"].iter().chain(arguments).map(|argument| argument.into());
        let Ok(Command::Kv(KvCommand::Get(flags))) = parse(line) else { panic!("{arguments:?}") };
        resolve(&flags.http, Some(&flags.tenant), |name| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn flags_go_before_the_environment() {
        let environment = [("CONSUL_HTTP_ADDR", "http://a:1"), ("CONSUL_HTTP_TOKEN", "t"), ("CONSUL_HTTP_AUTH", "u:p")];
        let (address, settings, _) = resolved(&[], &environment).unwrap();
        assert_eq!(address.host_and_port(), "a:1");
        assert_eq!((settings.token.as_str(), settings.basic_auth), ("t", Some(("u".to_owned(), "p".to_owned()))));
        let (address, settings, _) =
            resolved(&["-http-addr=b:2", "-token", "s", "-datacenter=d"], &environment).unwrap();
        assert_eq!((address.host_and_port(), settings.token.as_str()), ("b:2", "s"));
        assert_eq!(settings.datacenter, "d");
        assert_eq!(resolved(&[], &[]).unwrap().0, Address::default());
    }

    #[test]
    fn a_token_file_goes_before_a_token() {
        let file = std::env::temp_dir().join(format!("quorate-token-{}", std::process::id()));
        std::fs::write(&file, " from-file\n").unwrap();
        let (_, settings, _) = resolved(&["-token=t", &format!("-token-file={}", file.display())], &[]).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(settings.token, "from-file");
        let missing = resolved(&["-token-file=/nowhere/token"], &[]).unwrap_err();
        assert!(missing.starts_with("Error loading token file: open /nowhere/token: "), "{missing}");
    }

    #[test]
    fn tls_is_spoken_where_it_is_asked_for() {
        assert!(!resolved(&[], &[("CONSUL_HTTP_SSL", "false")]).unwrap().0.is_tls());
        let (address, _, tls) =
            resolved(&["-ca-file=a", "-tls-server-name=n"], &[("CONSUL_HTTP_SSL", "true"), ("CONSUL_CACERT", "b")])
                .unwrap();
        assert!(address.is_tls());
        assert_eq!((tls.authority_file, tls.server_name), (Some("a".into()), Some("n".to_owned())));
        assert!(resolved(&["-http-addr=https://a:1"], &[]).unwrap().0.is_tls());
        // An address in the clear does not take back what was asked for.
        assert!(resolved(&["-http-addr=http://a:1"], &[("CONSUL_HTTP_SSL", "1")]).unwrap().0.is_tls());
        assert!(resolved(&[], &[("CONSUL_HTTP_SSL_VERIFY", "false")]).unwrap().2.is_unverified);
        // What is neither true nor false is passed over, as in Consul.
        let odd = [("CONSUL_HTTP_SSL", "zzz"), ("CONSUL_HTTP_SSL_VERIFY", "zzz")];
        let (address, _, tls) = resolved(&[], &odd).unwrap();
        assert!(!address.is_tls() && !tls.is_unverified);
    }
}
