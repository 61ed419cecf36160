//! Where the real binary listens: HTTPS with its certificates, HTTP/2, sockets of the file system.

mod running;

use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use running::commands::{run, text};
use running::{Agent, QUORATE, Scratch, free_port};

/// Certificates for a test, made by openssl: of an authority, of a server at 127.0.0.1, of a client.
fn certificates(scratch: &Scratch) -> bool {
    let script = r#"cd "$0" && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca \
        -keyout ca.key -out ca.pem && for name in server client; do
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$name -keyout $name.key -out $name.csr &&
        printf 'subjectAltName=IP:127.0.0.1,DNS:server.test\nbasicConstraints=CA:FALSE\n' >ext &&
        openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out $name.pem ||
        exit 1; done"#;
    let made = Command::new("sh").args(["-c", script]).arg(&scratch.0).stderr(Stdio::null()).status();
    made.is_ok_and(|made| made.success())
}

#[test]
fn https_and_sockets_are_served_and_certificates_are_replaced_in_service() {
    let scratch = Scratch::new("tls");
    if !certificates(&scratch) {
        eprintln!("openssl is not there to make certificates: nothing was tested");
        return;
    }
    let path = |name: &str| scratch.path(name);
    let port = free_port();
    let file = scratch.file(
        "agent.hcl",
        &format!(
            "ports {{ https = {port} }}\naddresses {{ http = \"unix://{socket} 127.0.0.1\" }}\n\
             unix_sockets {{ mode = \"0700\" }}\nlog_file = \"{logs}\" pid_file = \"{pid}\"\n\
             tls {{ defaults {{ ca_file = \"{ca}\" cert_file = \"{cert}\" key_file = \"{key}\" }}\n\
             https {{ verify_incoming = true }} }}\n\
             http_config {{ response_headers {{ X-Own = \"yes\" }} block_endpoints = [\"/v1/kv/blocked\"] }}\n",
            socket = path("q.sock"),
            logs = path("agent.log"),
            pid = path("q.pid"),
            ca = path("ca.pem"),
            cert = path("server.pem"),
            key = path("server.key"),
        ),
    );
    let agent = Agent::start_in_memory(&[&format!("-config-file={file}")]);
    let https = format!("-http-addr=https://127.0.0.1:{port}");
    let client = [format!("-client-cert={}", path("client.pem")), format!("-client-key={}", path("client.key"))];
    let ask = |flags: &[&str]| run(QUORATE, &[&["kv", "get"], flags, &["k"]].concat());

    agent.tell(&["kv", "put", "-http-addr", &format!("unix://{}", path("q.sock")), "k", "v"], b"");
    let ca = format!("-ca-file={}", path("ca.pem"));
    let known = ask(&[&https, &ca, &client[0], &client[1]]);
    assert_eq!(text(&known.stdout), "v\n", "{}", text(&known.stderr));
    let named = ask(&[&https, &ca, &client[0], &client[1], "-tls-server-name=server.test"]);
    assert_eq!(text(&named.stdout), "v\n", "{}", text(&named.stderr));
    for strangers in
        [&[https.as_str(), &ca][..], &[&https, &client[0], &client[1]], &[&https, &ca, "-tls-server-name=x"]]
    {
        let refused = ask(strangers);
        assert_eq!((refused.status.code(), text(&refused.stdout)), (Some(1), String::new()), "{strangers:?}");
    }
    let blocked = run(QUORATE, &["kv", "get", "-http-addr", agent.address(), "blocked/x"]);
    assert!(text(&blocked.stderr).contains("403 (Endpoint is blocked by agent configuration)"));

    // HTTP/2, where curl can speak it.
    let curl = Command::new("curl")
        .args([
            "-si",
            "--http2",
            "--cacert",
            &path("ca.pem"),
            "--cert",
            &path("client.pem"),
            "--key",
            &path("client.key"),
        ])
        .arg(format!("https://127.0.0.1:{port}/v1/kv/k?raw"))
        .output();
    if let Ok(answer) = curl {
        let answer = text(&answer.stdout);
        assert!(answer.starts_with("HTTP/2 200") && answer.contains("x-own: yes") && answer.ends_with('v'), "{answer}");
    }

    // Another authority's certificates: the old ones no longer do after SIGHUP.
    let old_ca = scratch.file("old.pem", &std::fs::read_to_string(path("ca.pem")).unwrap());
    assert!(certificates(&scratch));
    let reloaded = agent.signal_and_wait(Signal::SIGHUP, "the configuration was read again");
    assert!(!reloaded.contains("next start"), "{reloaded}");
    assert_eq!(text(&ask(&[&https, &ca, &client[0], &client[1]]).stdout), "v\n");
    assert_eq!(ask(&[&https, &format!("-ca-file={old_ca}"), &client[0], &client[1]]).status.code(), Some(1));

    let pid = std::fs::read_to_string(path("q.pid")).unwrap();
    assert_eq!(pid, agent.process.id().to_string());
    assert!(agent.stop().success());
    assert!(!Path::new(&path("q.pid")).exists() && !Path::new(&path("q.sock")).exists());
    let logs: Vec<_> = std::fs::read_dir(&scratch.0).unwrap().map(|entry| entry.unwrap().path()).collect();
    let log = logs.iter().find(|path| path.to_string_lossy().contains("agent-")).unwrap();
    assert!(std::fs::read_to_string(log).unwrap().contains("stopped"));
}
