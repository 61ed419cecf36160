//! HTTP/2, which is spoken over TLS: what its connections do otherwise than those of HTTP/1.1.

#![allow(clippy::disallowed_methods, reason = "tests have a runtime of their own")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use quorate_http::tls::{Tls, TlsFiles, TlsVersion};
use quorate_http::{Listener, Settings, Terms};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use support::{PATIENCE, Running, settings, start_bounded};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A server that speaks TLS, too, and a client's idea of it.
struct Secured {
    running: Running,
    address: SocketAddr,
    connector: TlsConnector,
}

async fn secured(settings: Settings) -> Secured {
    secured_bounded(settings, 512 << 20).await
}

async fn secured_bounded(settings: Settings, account_bytes_max: usize) -> Secured {
    let running = start_bounded(settings, Terms::default(), account_bytes_max).await;
    let (certificate, files) = certificate();
    let tls = Arc::new(Tls::new(&files).unwrap());
    for file in [&files.certificate_file, &files.key_file] {
        std::fs::remove_file(file).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = running.server.clone();
    tokio::spawn(async move { server.serve(Listener::Tls(listener, tls)).await });
    Secured { running, address, connector: connector(certificate) }
}

fn certificate() -> (CertificateDer<'static>, TlsFiles) {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = |kind: &str| std::env::temp_dir().join(format!("quorate-h2-{}-{number}.{kind}", std::process::id()));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        certificate_file: path("pem"),
        key_file: path("key"),
        authority_file: None,
        authority_directory: None,
        verify_clients: false,
        version_min: TlsVersion::V1_2,
        cipher_suites: Vec::new(),
    };
    std::fs::write(&files.certificate_file, made.cert.pem()).unwrap();
    std::fs::write(&files.key_file, made.signing_key.serialize_pem()).unwrap();
    (made.cert.der().clone(), files)
}

fn connector(certificate: CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}

impl Secured {
    async fn stream(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let stream = self.connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        stream
    }

    async fn client(&self) -> SendRequest<Empty<Bytes>> {
        let io = TokioIo::new(self.stream().await);
        let (client, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        client
    }
}

fn request(method: Method, target: &str) -> Request<Empty<Bytes>> {
    let uri = format!("https://localhost{target}");
    Request::builder().method(method).uri(uri).body(Empty::new()).unwrap()
}

async fn text(answer: Response<Incoming>) -> String {
    let body = answer.into_body().collect().await.expect("the body is whole").to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn the_answer_to_head_has_a_length_and_no_body() {
    let secured = secured(settings()).await;
    let mut client = secured.client().await;
    let answer = client.send_request(request(Method::HEAD, "/v1/status/leader")).await.unwrap();
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.headers()["content-length"], "23");
    assert_eq!(text(answer).await, "");
    // The connection goes on.
    let answer = client.send_request(request(Method::POST, "/v1/status/leader")).await.unwrap();
    assert_eq!(text(answer).await, "method POST not allowed");
}

#[tokio::test]
async fn a_client_without_tls_is_told_so() {
    let secured = secured(settings()).await;
    let mut client = support::Client::connect(secured.address).await;
    client.send_raw(b"GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let told = tokio::time::timeout(PATIENCE, client.everything()).await.expect("an end");
    assert!(told.starts_with("HTTP/1.0 400 Bad Request\r\n") && told.ends_with("to an HTTPS server.\n"), "{told}");
}

#[tokio::test]
async fn a_client_that_says_nothing_is_cut_off_like_any_other() {
    let quick =
        Settings { idle_timeout: Duration::from_millis(100), head_timeout: Duration::from_millis(20), ..settings() };
    let secured = secured(quick).await;
    let mut silent = secured.stream().await;
    let mut said = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, silent.read_to_end(&mut said)).await;
    ended.expect("the connection ends").ok();
}

#[tokio::test]
async fn one_client_can_not_have_all_places_for_queries() {
    // A quarter of these is one client's.
    let secured = secured(Settings { parked_queries_max: 8, ..settings() }).await;
    let index = secured.running.index();
    let mut parked = Vec::new();
    for _ in 0..2 {
        let mut client = secured.client().await;
        let wait = request(Method::GET, &format!("/v1/kv/none?index={}&wait=60s", index + 1_000_000));
        parked.push(tokio::spawn(async move { client.send_request(wait).await }));
    }
    let mut client = secured.client().await;
    let refused = async {
        loop {
            let answer = client.send_request(request(Method::GET, "/v1/status/leader")).await.unwrap();
            if answer.status() == 429 {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    let refused = tokio::time::timeout(PATIENCE, refused).await.expect("the third is refused");
    assert_eq!(refused.headers()["retry-after"], "1");
    assert!(parked.iter().all(|parked| !parked.is_finished()));
    // Those that leave make room.
    parked.into_iter().for_each(|parked| parked.abort());
    let served = async {
        while client.send_request(request(Method::GET, "/v1/status/leader")).await.unwrap().status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, served).await.expect("there is room again");
}

/// Streams of a client that takes nothing of its answers.
async fn unread(secured: &Secured, target: &str, streams: usize) -> (Vec<Response<Incoming>>, JoinHandle<()>) {
    let io = TokioIo::new(secured.stream().await);
    let handshake = http2::Builder::new(TokioExecutor::new()).initial_stream_window_size(1).handshake(io);
    let (mut client, connection) = handshake.await.unwrap();
    // It ends with an error when it is cut.
    let connection = tokio::spawn(async { drop(connection.await) });
    let mut answers = Vec::new();
    for _ in 0..streams {
        answers.push(client.send_request(request(Method::GET, target)).await.unwrap());
    }
    (answers, connection)
}

async fn put(secured: &Secured, key: &str, bytes: usize) {
    let mut client = support::Client::connect(secured.running.address).await;
    assert_eq!(client.ask(&format!("PUT /v1/kv/{key}"), &vec![b'x'; bytes]).await.status, "200 OK");
}

#[tokio::test]
async fn answers_that_nobody_reads_are_bounded_together() {
    let secured = secured_bounded(settings(), 500_000).await;
    put(&secured, "large", 300_000).await;
    let (answers, _connection) = unread(&secured, "/v1/kv/?recurse", 4).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status().as_u16()).collect();
    // 400,000 bytes in base64, and a quarter of the bound is one client's; the first is begun below it.
    assert_eq!(statuses, [200, 429, 429, 429]);
    // A write is told, for it has taken place.
    let mut writer = support::Client::connect(secured.running.address).await;
    let both = r#"[{"KV":{"Verb":"get","Key":"large"}},{"KV":{"Verb":"set","Key":"small","Value":"MQ=="}}]"#;
    assert_eq!(writer.ask("PUT /v1/txn", both.as_bytes()).await.status, "200 OK");
    // Small ones are answered all the same, and when they are gone there is room.
    let mut client = secured.client().await;
    assert_eq!(client.send_request(request(Method::GET, "/v1/status/leader")).await.unwrap().status(), 200);
    drop(answers);
    let served = async {
        while client.send_request(request(Method::GET, "/v1/kv/?recurse")).await.unwrap().status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, served).await.expect("there is room again");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let quick =
        Settings { stall_timeout: Duration::from_millis(100), head_timeout: Duration::from_millis(20), ..settings() };
    let secured = secured(quick).await;
    put(&secured, "large", 300_000).await;
    // A window of one byte is never made larger, since nothing is read.
    let (mut answers, connection) = unread(&secured, "/v1/kv/large?raw", 1).await;
    tokio::time::timeout(PATIENCE, connection).await.expect("the connection is cut").unwrap();
    assert!(answers.remove(0).into_body().collect().await.is_err());
}
