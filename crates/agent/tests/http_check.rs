//! HTTP checks against servers whose answers are written here byte for byte: what is asked, and what is made of it.

#![allow(clippy::disallowed_methods, reason = "tests have a runtime of their own")]

mod support;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use quorate_agent::Settings;
use quorate_agent::machine::RunResult;
use quorate_agent::run::Runner;
use quorate_base::Host;
use quorate_state::CheckStatus::{Critical, Passing};
use serde_json::{Value, json};
use support::{Memory, runnable};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server that answers each target with bytes of its own; those of a target that is not here are `404`.
struct Server {
    address: SocketAddr,
    /// The heads of the requests.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `{at}` in an answer stands for the server's address; behind `{hold}` the connection stays open.
    async fn start(answers: &'static [(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let server = Self { address, asked: asked.clone() };
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let asked = asked.clone();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(stream.read_u8().await.unwrap());
                    }
                    let head = String::from_utf8(head).unwrap();
                    let target = head.split(' ').nth(1).unwrap().to_owned();
                    asked.lock().unwrap().push(head);
                    let answer = answers.iter().find(|(known, _)| *known == target);
                    let answer =
                        answer.map_or("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", |(_, answer)| answer);
                    let answer = answer.replace("{at}", &address.to_string());
                    let _ = stream.write_all(answer.trim_end_matches("{hold}").as_bytes()).await;
                    if answer.ends_with("{hold}") {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        server
    }

    fn last_asked(&self) -> String {
        self.asked.lock().unwrap().last().unwrap().clone()
    }
}

async fn run(mut definition: Value) -> RunResult {
    definition["Name"] = "c".into();
    definition["Interval"] = "1s".into();
    let runner = Runner::new(Arc::new(Settings::default()), Host::real(), Arc::new(Memory::default()));
    runner.run(&runnable(&definition.to_string())).await
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn targets_are_those_that_go_asks() {
    let server = Server::start(&[
        ("/s/200", OK),
        ("/?x=1", OK),
        ("/s/200?a%20b", OK),
        ("/%7C%22%3C%3E", OK),
        ("/r/rel", "HTTP/1.1 302 Found\r\nLocation: ../s/200\r\n\r\n"),
        ("/r/dots", "HTTP/1.1 302 Found\r\nLocation: x/../../s/200\r\n\r\n"),
        ("/r/query", "HTTP/1.1 302 Found\r\nLocation: ?z=1\r\n\r\n"),
        ("/r/query?z=1", OK),
        ("/r/net", "HTTP/1.1 302 Found\r\nLocation: //{at}/s/200\r\n\r\n"),
        ("/r/space", "HTTP/1.1 302 Found\r\nLocation: /s/200?a b\r\n\r\n"),
        // Nobody waits for what stands behind a redirect.
        ("/r/slow", "HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 9\r\nLocation: /s/200\r\n\r\n{hold}"),
    ])
    .await;
    for path in
        ["?x=1", "/s/200#f", "/s/200?a b", "/|\"<>", "/r/rel", "/r/dots", "/r/query", "/r/net", "/r/space", "/r/slow"]
    {
        let url = format!("http://{}{path}", server.address);
        let result = run(json!({"HTTP": url, "Timeout": "10s"})).await;
        assert_eq!((result.status, result.output), (Passing, format!("HTTP GET {url}: 200 OK Output: ok")));
    }
}

#[tokio::test]
async fn the_head_of_an_answer_decides() {
    let many: String = (0..150).map(|number| format!("X-{number}: y\r\n")).collect();
    let many: &'static str = format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 2\r\n\r\nok").leak();
    let server = Server::start(Box::leak(Box::new([
        ("/slow", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nstart{hold}"),
        ("/events", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nstart\r\n{hold}"),
        ("/cut", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nstart"),
        ("/not-packed", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nstart"),
        ("/many", many),
        ("/none", "{hold}"),
        ("/gone", ""),
        ("/odd", "nonsense\r\n\r\n"),
    ])))
    .await;
    let deadline = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
    let malformed = "net/http: HTTP/1.x transport connection broken: malformed HTTP response";
    for (path, told) in [
        ("slow", Ok("start")),
        ("events", Ok("start")),
        ("cut", Ok("start")),
        ("not-packed", Ok("")),
        ("many", Ok("ok")),
        ("none", Err(deadline)),
        ("gone", Err("EOF")),
        ("odd", Err(malformed)),
    ] {
        let url = format!("http://{}/{path}", server.address);
        let result = run(json!({"HTTP": url, "Timeout": "300ms"})).await;
        let expected = match told {
            Ok(body) => (Passing, format!("HTTP GET {url}: 200 OK Output: {body}")),
            Err(problem) => (Critical, format!("Get {url:?}: {problem}")),
        };
        assert_eq!((result.status, result.output), expected);
    }
}

#[tokio::test]
async fn an_endless_body_is_not_read_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'x'; 1 << 16]).await.is_ok() {}
    });
    // Longer than the test may take: it is the size that ends it.
    let definition = json!({"HTTP": url, "Timeout": "1h", "OutputMaxSize": 3});
    let result = tokio::time::timeout(support::PATIENCE, run(definition)).await.expect("it ends by itself");
    assert_eq!((result.status, result.output), (Passing, format!("HTTP GET {url}: 200 OK Output: xxx")));
}

#[tokio::test]
async fn secrets_are_for_the_host_that_they_were_given_for() {
    let other = Server::start(&[("/", OK)]).await;
    // The same machine by another name.
    let elsewhere: &'static str =
        format!("HTTP/1.1 302 Found\r\nLocation: http://localhost:{}/\r\n\r\n", other.address.port()).leak();
    let server = Server::start(Box::leak(Box::new([("/", elsewhere)]))).await;
    let url = format!("http://u:p%40@{}", server.address);
    let header = json!({"Cookie": ["c=SECRET"], "Www-Authenticate": ["SECRET"], "X": ["kept"]});
    let result = run(json!({"HTTP": url, "Header": header})).await;
    let shown = format!("http://u:***@{}", server.address);
    assert_eq!((result.status, result.output), (Passing, format!("HTTP GET {shown}: 200 OK Output: ok")));
    // "u:p@" in base64.
    assert!(server.last_asked().contains("authorization: Basic dTpwQA==\r\n"), "{}", server.last_asked());
    assert_eq!(
        other.last_asked(),
        format!(
            "GET / HTTP/1.1\r\nx: kept\r\nhost: localhost:{}\r\nuser-agent: Consul Health Check\r\n\
             accept: text/plain, text/*, */*\r\nconnection: close\r\naccept-encoding: gzip\r\n\
             referer: http://{}\r\n\r\n",
            other.address.port(),
            server.address
        )
    );
}

#[tokio::test]
async fn what_can_not_be_asked_is_told_without_the_password() {
    let nobody = support::nobody().await;
    for (definition, output) in [
        (
            json!({"HTTP": format!("http://u:secret@{nobody}/")}),
            format!("Get \"http://u:***@{nobody}/\": dial tcp {nobody}: connect: connection refused"),
        ),
        (
            json!({"HTTP": "http://u:secret@127.0.0.1:abc/"}),
            "parse \"http://u:***@127.0.0.1:abc/\": invalid port \":abc\" after host".to_owned(),
        ),
        (
            json!({"HTTP": "http://127.0.0.1:99999/"}),
            "Get \"http://127.0.0.1:99999/\": dial tcp: address 99999: invalid port".to_owned(),
        ),
        (json!({"HTTP": "http://"}), "Get \"http:\": http: no Host in request URL".to_owned()),
        (json!({"HTTP": "http://x", "Method": "BA D"}), "net/http: invalid method \"BA D\"".to_owned()),
        (
            json!({"HTTP": "http://x", "Header": {"a b": ["c"]}}),
            "Get \"http://x\": net/http: invalid header field name \"a b\"".to_owned(),
        ),
        (
            json!({"HTTP": "http://x", "Header": {"a": ["b\nc"]}}),
            "Get \"http://x\": net/http: invalid header field value for \"a\"".to_owned(),
        ),
    ] {
        let result = run(definition).await;
        assert_eq!((result.status, result.output), (Critical, output));
    }
}
