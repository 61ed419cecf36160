//! From flags and environment to a client.

use quorate_api::client::{Address, Client, ClientSettings, Consistency, Query};

use super::Failure;
use crate::flags::{HttpFlags, TenantFlags, go_bool};

/// A client of the server that flags and environment name. Flags go before the environment.
pub(super) fn client(flags: &HttpFlags, tenant: Option<&TenantFlags>) -> Result<Client, Failure> {
    resolve(flags, tenant, |name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .map_err(Failure::of("Error connecting to Consul agent"))
        .map(|(address, settings)| Client::with_settings(address, settings))
}

/// How a read is to be answered.
pub(super) fn query(flags: &HttpFlags) -> Query {
    let consistency = if flags.stale.unwrap_or(false) { Consistency::Stale } else { Consistency::Default };
    Query { consistency, ..Query::default() }
}

/// A file with the token goes before the token itself, wherever each was given; so it is in Consul.
fn resolve(
    flags: &HttpFlags,
    tenant: Option<&TenantFlags>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<(Address, ClientSettings), String> {
    refuse_tls(flags, &environment)?;
    let given = |flag: Option<&String>, name: &str| flag.cloned().or_else(|| environment(name));
    let address = match given(flags.http_addr.as_ref(), "CONSUL_HTTP_ADDR") {
        Some(address) if !address.is_empty() => address.parse().map_err(|error| format!("{error}"))?,
        _ => Address::default(),
    };
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
    Ok((address, settings))
}

/// Whoever asks for TLS must not be answered in the clear.
fn refuse_tls(flags: &HttpFlags, environment: &impl Fn(&str) -> Option<String>) -> Result<(), String> {
    if environment("CONSUL_HTTP_SSL").is_some_and(|value| go_bool(&value) != Ok(false)) {
        return Err("CONSUL_HTTP_SSL asks for TLS, which is not served yet".to_owned());
    }
    let tls = &flags.tls;
    let given = [
        (&tls.ca_file, "-ca-file", "CONSUL_CACERT"),
        (&tls.ca_path, "-ca-path", "CONSUL_CAPATH"),
        (&tls.client_cert, "-client-cert", "CONSUL_CLIENT_CERT"),
        (&tls.client_key, "-client-key", "CONSUL_CLIENT_KEY"),
        (&tls.tls_server_name, "-tls-server-name", "CONSUL_TLS_SERVER_NAME"),
    ];
    for (flag, flag_name, name) in given {
        let culprit = match flag {
            Some(_) => flag_name,
            None if environment(name).is_some() => name,
            None => continue,
        };
        return Err(format!("{culprit} is for TLS, which is not served yet"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{Command, KvCommand, parse};

    fn resolved(arguments: &[&str], environment: &[(&str, &str)]) -> Result<(Address, ClientSettings), String> {
        let line = ["kv", "get"].iter().chain(arguments).map(|argument| argument.into());
        let Ok(Command::Kv(KvCommand::Get(flags))) = parse(line) else { panic!("{arguments:?}") };
        resolve(&flags.http, Some(&flags.tenant), |name| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn flags_go_before_the_environment() {
        let environment = [("CONSUL_HTTP_ADDR", "http://a:1"), ("CONSUL_HTTP_TOKEN", "t"), ("CONSUL_HTTP_AUTH", "u:p")];
        let (address, settings) = resolved(&[], &environment).unwrap();
        assert_eq!(address.host_and_port(), "a:1");
        assert_eq!((settings.token.as_str(), settings.basic_auth), ("t", Some(("u".to_owned(), "p".to_owned()))));
        let (address, settings) = resolved(&["-http-addr=b:2", "-token", "s", "-datacenter=d"], &environment).unwrap();
        assert_eq!((address.host_and_port(), settings.token.as_str()), ("b:2", "s"));
        assert_eq!(settings.datacenter, "d");
        assert_eq!(resolved(&[], &[]).unwrap().0, Address::default());
    }

    #[test]
    fn a_token_file_goes_before_a_token() {
        let file = std::env::temp_dir().join(format!("quorate-token-{}", std::process::id()));
        std::fs::write(&file, " from-file\n").unwrap();
        let (_, settings) = resolved(&["-token=t", &format!("-token-file={}", file.display())], &[]).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(settings.token, "from-file");
        let missing = resolved(&["-token-file=/nowhere/token"], &[]).unwrap_err();
        assert!(missing.starts_with("Error loading token file: open /nowhere/token: "), "{missing}");
    }

    #[test]
    fn tls_is_refused_with_a_sentence() {
        let refused = |arguments: &[&str], environment: &[(&str, &str)]| resolved(arguments, environment).unwrap_err();
        let ssl = refused(&[], &[("CONSUL_HTTP_SSL", "true")]);
        assert_eq!(ssl, "CONSUL_HTTP_SSL asks for TLS, which is not served yet");
        assert_eq!(refused(&["-ca-file=x"], &[]), "-ca-file is for TLS, which is not served yet");
        let key = refused(&[], &[("CONSUL_CLIENT_KEY", "k")]);
        assert_eq!(key, "CONSUL_CLIENT_KEY is for TLS, which is not served yet");
        assert!(refused(&["-http-addr=https://a:1"], &[]).contains("TLS is not served yet"));
        assert!(resolved(&[], &[("CONSUL_HTTP_SSL", "false")]).is_ok());
    }
}
