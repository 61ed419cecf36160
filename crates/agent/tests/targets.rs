//! Each kind of check against a real target on this machine, working and not.

#![allow(clippy::disallowed_methods, reason = "tests have a runtime of their own")]

mod support;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::ext::ReasonPhrase;
use hyper::header::{HeaderMap, HeaderValue, LOCATION};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use quorate_agent::Settings;
use quorate_agent::machine::RunResult;
use quorate_agent::run::Runner;
use quorate_base::Host;
use quorate_state::CheckStatus::{self, Critical, Passing, Warning};
use rustls::pki_types::PrivatePkcs8KeyDer;
use support::{Memory, nobody, runnable};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UdpSocket, UnixListener};
use tokio_rustls::TlsAcceptor;

fn runner_with(settings: Settings) -> Runner {
    Runner::new(Arc::new(settings), Host::real(), Arc::new(Memory::default()))
}

async fn run(json: &str) -> RunResult {
    runner_with(Settings::default()).run(&runnable(json)).await
}

#[track_caller]
fn assert_result(result: &RunResult, status: CheckStatus, output: &str) {
    assert_eq!((result.status, &*result.output), (status, output));
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"fine")));
    match request.uri().path() {
        "/ok" => {}
        "/busy" => *response.status_mut() = StatusCode::TOO_MANY_REQUESTS,
        "/bad" => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
        "/own-words" => {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response.extensions_mut().insert(ReasonPhrase::from_static(b"Gone Fishing"));
        }
        "/moved" => {
            *response.status_mut() = StatusCode::FOUND;
            response.headers_mut().insert(LOCATION, HeaderValue::from_static("ok"));
        }
        "/circle" => {
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            response.headers_mut().insert(LOCATION, HeaderValue::from_static("/circle"));
        }
        "/large" => *response.body_mut() = Full::new(Bytes::from("x".repeat(100_000) + "end")),
        "/echo" => {
            let (head, body) = request.into_parts();
            let header = |name: &str| head.headers.get(name).map_or("-", |value| value.to_str().unwrap()).to_owned();
            let [agent, x, host, login] = ["user-agent", "x", "host", "authorization"].map(header);
            let body = body.collect().await.unwrap().to_bytes();
            let text = format!("{} {agent} {x} {host} {login} {}", head.method, String::from_utf8_lossy(&body));
            *response.body_mut() = Full::new(Bytes::from(text));
        }
        _ => std::future::pending().await,
    }
    Ok(response)
}

async fn http1_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)),
            );
        }
    });
    address
}

#[tokio::test]
async fn http_goes_by_the_status_of_the_answer() {
    let at = http1_server().await;
    for (path, status, told) in [
        ("ok", Passing, "200 OK Output: fine"),
        ("busy", Warning, "429 Too Many Requests Output: fine"),
        ("bad", Critical, "500 Internal Server Error Output: fine"),
        ("own-words", Critical, "503 Gone Fishing Output: fine"),
        ("moved", Passing, "200 OK Output: fine"),
    ] {
        let url = format!("http://{at}/{path}");
        let result = run(&format!(r#"{{"Name":"c","HTTP":"{url}","Interval":"1s"}}"#)).await;
        assert_result(&result, status, &format!("HTTP GET {url}: {told}"));
    }
    let url = format!("http://{at}/moved");
    let result = run(&format!(r#"{{"Name":"c","HTTP":"{url}","Interval":"1s","DisableRedirects":true}}"#)).await;
    assert_result(&result, Critical, &format!("HTTP GET {url}: 302 Found Output: fine"));
    let url = format!("http://{at}/circle");
    let result = run(&format!(r#"{{"Name":"c","HTTP":"{url}","Interval":"1s"}}"#)).await;
    assert_result(&result, Critical, "Get \"/circle\": stopped after 10 redirects");
}

#[tokio::test]
async fn http_sends_what_it_is_told_and_keeps_the_end() {
    let at = http1_server().await;
    let json = format!(
        r#"{{"Name":"c","HTTP":"http://me:pw@{at}/echo","Method":"PUT","Body":"b","Header":{{"X":["y"],"Host":["other"]}},"Interval":"1s"}}"#
    );
    let result = run(&json).await;
    let told =
        format!("HTTP PUT http://me:***@{at}/echo: 200 OK Output: PUT Consul Health Check y other Basic bWU6cHc= b");
    assert_result(&result, Passing, &told);
    let url = format!("http://{at}/large");
    let result = run(&format!(r#"{{"Name":"c","HTTP":"{url}","OutputMaxSize":5,"Interval":"1s"}}"#)).await;
    assert_result(&result, Passing, &format!("HTTP GET {url}: 200 OK Output: xxend"));
}

#[tokio::test]
async fn http_fails_in_the_words_of_go() {
    let (at, nobody) = (http1_server().await, nobody().await);
    let deadline = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
    for (url, problem) in [
        (format!("http://{nobody}/"), format!("dial tcp {nobody}: connect: connection refused")),
        (format!("http://{at}/hang"), deadline.to_owned()),
        (format!("https://{at}/ok"), "http: server gave HTTP response to HTTPS client".to_owned()),
        ("nonsense".to_owned(), "unsupported protocol scheme \"\"".to_owned()),
        ("ftp://x".to_owned(), "unsupported protocol scheme \"ftp\"".to_owned()),
    ] {
        let result = run(&format!(r#"{{"Name":"c","HTTP":"{url}","Interval":"1s","Timeout":"300ms"}}"#)).await;
        assert_result(&result, Critical, &format!("Get {url:?}: {problem}"));
    }
}

/// A server that speaks TLS with a certificate that nobody trusts, for `name`.
async fn tls_server<F, Fut>(name: &str, protocol: Option<&[u8]>, serve: F) -> SocketAddr
where
    F: Fn(tokio_rustls::server::TlsStream<tokio::net::TcpStream>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    config.alpn_protocols = protocol.into_iter().map(<[u8]>::to_vec).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, serve) = (acceptor.clone(), serve.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream).await;
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn https_verifies_unless_it_is_told_not_to() {
    let at = tls_server("localhost", None, |stream| async {
        let served =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
        let _ = served.await;
    })
    .await;
    let url = format!("https://localhost:{}/ok", at.port());
    let result = run(&format!(r#"{{"Name":"c","HTTP":"{url}","Interval":"1s"}}"#)).await;
    let unknown = "tls: failed to verify certificate: x509: certificate signed by unknown authority";
    assert_result(&result, Critical, &format!("Get {url:?}: {unknown}"));
    let result = run(&format!(r#"{{"Name":"c","HTTP":"{url}","Interval":"1s","TLSSkipVerify":true}}"#)).await;
    assert_result(&result, Passing, &format!("HTTP GET {url}: 200 OK Output: fine"));
}

#[tokio::test]
async fn tcp_connects_also_with_tls() {
    let (at, nobody) = (http1_server().await, nobody().await);
    let result = run(&format!(r#"{{"Name":"c","TCP":"{at}","Interval":"1s"}}"#)).await;
    assert_result(&result, Passing, &format!("TCP connect {at}: Success"));
    let result = run(&format!(r#"{{"Name":"c","TCP":"{nobody}","Interval":"1s"}}"#)).await;
    assert_result(&result, Critical, &format!("dial tcp {nobody}: connect: connection refused"));
    let result = run(&format!(r#"{{"Name":"c","TCP":"{at}","TCPUseTLS":true,"Interval":"1s"}}"#)).await;
    assert_result(&result, Critical, "tls: first record does not look like a TLS handshake");
    let secure = tls_server("a", None, |_| std::future::pending()).await;
    let json = format!(r#"{{"Name":"c","TCP":"{secure}","tcp_use_tls":true,"tls_skip_verify":true,"Interval":"1s"}}"#);
    assert_result(&run(&json).await, Passing, &format!("TCP+TLS connect {secure}: Success"));
}

#[tokio::test]
async fn udp_passes_unless_somebody_objects() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    let json = format!(r#"{{"Name":"c","UDP":"{at}","Interval":"1s","Timeout":"100ms"}}"#);
    assert_result(&run(&json).await, Passing, &format!("UDP connect {at}: Success"));
    drop(socket);
    let result = run(&json).await;
    assert_eq!(result.status, Critical);
    assert!(result.output.ends_with("read: connection refused"), "{}", result.output);
}

/// What the health service says: a status of its own, or an error.
async fn grpc_answer(
    request: Request<Incoming>,
) -> Result<Response<http_body_util::combinators::BoxBody<Bytes, Infallible>>, Infallible> {
    assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
    assert_eq!(request.headers()["content-type"], "application/grpc");
    let asked = request.into_body().collect().await.unwrap().to_bytes();
    let serving = match asked.get(7..).unwrap_or_default() {
        b"" | b"good" => 1,
        b"bad" => 2,
        _ => 0,
    };
    let mut trailers = HeaderMap::new();
    let mut frames = Vec::new();
    if serving == 0 {
        trailers.insert("grpc-status", HeaderValue::from_static("5"));
        trailers.insert("grpc-message", HeaderValue::from_static("unknown service"));
    } else {
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        frames.push(Ok(Frame::data(Bytes::from(vec![0, 0, 0, 0, 2, 8, serving]))));
    }
    frames.push(Ok(Frame::trailers(trailers)));
    let body = StreamBody::new(futures_util::stream::iter(frames)).boxed();
    Ok(Response::builder().header("content-type", "application/grpc").body(body).unwrap())
}

async fn serve_grpc(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let _ = builder.serve_connection(TokioIo::new(stream), service_fn(grpc_answer)).await;
}

async fn http2_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve_grpc(stream));
        }
    });
    address
}

#[tokio::test]
async fn grpc_asks_the_health_service() {
    let (at, nobody) = (http2_server().await, nobody().await);
    for (endpoint, status, output) in [
        (format!("{at}"), Passing, format!("gRPC check {at}: success")),
        (format!("{at}/good"), Passing, format!("gRPC check {at}/good: success")),
        (format!("{at}/bad"), Critical, format!("gRPC {at}/bad serving status: NOT_SERVING")),
        (format!("{at}/none"), Critical, "rpc error: code = NotFound desc = unknown service".to_owned()),
        (
            format!("{nobody}"),
            Critical,
            format!(
                "rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing dial tcp {nobody}: connect: connection refused\""
            ),
        ),
    ] {
        let result = run(&format!(r#"{{"Name":"c","GRPC":"{endpoint}","Interval":"1s"}}"#)).await;
        assert_result(&result, status, &output);
    }
    let secure = tls_server("a", Some(b"h2"), serve_grpc).await;
    let json =
        format!(r#"{{"Name":"c","GRPC":"{secure}/good","GRPCUseTLS":true,"TLSSkipVerify":true,"Interval":"1s"}}"#);
    assert_result(&run(&json).await, Passing, &format!("gRPC check {secure}/good: success"));
    let http1 = http1_server().await;
    let result = run(&format!(r#"{{"Name":"c","GRPC":"{http1}","Interval":"1s"}}"#)).await;
    assert_result(&result, Critical, "rpc error: code = Unavailable desc = connection closed");
}

#[tokio::test]
async fn h2ping_pings_with_tls_by_default() {
    let at = http2_server().await;
    let result = run(&format!(r#"{{"Name":"c","H2PING":"{at}","H2PingUseTLS":false,"Interval":"1s"}}"#)).await;
    assert_result(&result, Passing, "HTTP2 ping was successful");
    let secure = tls_server("a", Some(b"h2"), serve_grpc).await;
    let result = run(&format!(r#"{{"Name":"c","H2PING":"{secure}","TLSSkipVerify":true,"Interval":"1s"}}"#)).await;
    assert_result(&result, Passing, "HTTP2 ping was successful");
    let http1 = http1_server().await;
    let result = run(&format!(r#"{{"Name":"c","H2PING":"{http1}","Interval":"1s"}}"#)).await;
    let no_tls = format!("Failed to dial to {http1}: tls: first record does not look like a TLS handshake");
    assert_result(&result, Critical, &no_tls);
    let result = run(&format!(r#"{{"Name":"c","H2PING":"{http1}","H2PingUseTLS":false,"Interval":"1s"}}"#)).await;
    assert_eq!(result.status, Critical);
    assert!(result.output.starts_with("HTTP2 ping failed: "), "{}", result.output);
    // The system takes connections for it, and it says nothing.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = mute.local_addr().unwrap();
    for (tls, problem) in [(true, &*format!("Failed to dial to {at}")), (false, "HTTP2 ping failed")] {
        let json = format!(r#"{{"Name":"c","H2PING":"{at}","H2PingUseTLS":{tls},"Interval":"1s","Timeout":"300ms"}}"#);
        assert_result(&run(&json).await, Critical, &format!("{problem}: context deadline exceeded"));
    }
}

#[tokio::test]
async fn scripts_go_by_their_exit_code() {
    for (script, status, output) in [
        ("echo out; echo err >&2", Passing, "out\nerr\n"),
        ("echo hm; exit 1", Warning, "hm\n"),
        ("echo oh; exit 2", Critical, "oh\n"),
        ("kill -9 $$", Critical, ""),
        ("printf 0123456789", Passing, "Captured 8 of 10 bytes\n...\n23456789"),
        // What a child that is left behind writes later is its own affair.
        ("echo now; (sleep 60; echo later) &", Passing, "now\n"),
    ] {
        let json = serde_json::json!({"Name": "c", "Args": ["sh", "-c", script], "Interval": "1s", "OutputMaxSize": 8});
        assert_result(&run(&json.to_string()).await, status, output);
    }
    let result = run(r#"{"Name":"c","Args":["/nonexistent"],"Interval":"1s"}"#).await;
    assert_result(&result, Critical, "fork/exec /nonexistent: no such file or directory");
    let result = run(r#"{"Name":"c","Args":["no-such-program"],"Interval":"1s"}"#).await;
    assert_result(&result, Critical, "exec: \"no-such-program\": executable file not found in $PATH");
    let result = run(r#"{"Name":"c","Args":[""],"Interval":"1s"}"#).await;
    assert_result(&result, Critical, "exec: no command");
    let result = run(r#"{"Name":"c","Args":["/bin/echo","a\u0000b"],"Interval":"1s"}"#).await;
    assert_result(&result, Critical, "fork/exec /bin/echo: invalid argument");
    let result = run(r#"{"Name":"c","Args":["/tmp"],"Interval":"1s"}"#).await;
    assert_result(&result, Critical, "fork/exec /tmp: permission denied");
    let result = run(r#"{"Name":"c","Args":["sleep","600"],"Interval":"1s","Timeout":"500ms"}"#).await;
    assert_result(&result, Critical, "Timed out (500ms) running check");
}

#[tokio::test]
async fn a_hanging_script_is_cut_with_its_children() {
    let directory = temporary("children");
    let pids = directory.join("pids");
    let script =
        format!("sleep 600 & echo $! >>{0}; sh -c 'sleep 601' & echo $! >>{0}; echo before; wait", pids.display());
    let json = serde_json::json!({"Name": "c", "Args": ["sh", "-c", script], "Interval": "1s", "Timeout": "500ms"});
    let started = Instant::now();
    assert_result(&run(&json.to_string()).await, Critical, "Timed out (500ms) running check\n\nbefore\n");
    assert!(started.elapsed() < Duration::from_secs(10));
    // A killed child is a zombie until whoever inherited it has looked, so what it was running counts.
    let pids: Vec<u32> = std::fs::read_to_string(&pids).unwrap().lines().map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(pids.len(), 2);
    let all_gone = async {
        while pids.iter().any(|pid| is_running(*pid)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(support::PATIENCE, all_gone).await.expect("the children are killed");
    std::fs::remove_dir_all(directory).unwrap();
}

/// Whether a process executes anything.
fn is_running(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

fn temporary(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("quorate-agent-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// Stands in for Docker: one container, whose commands say `in it` and exit with the number that is their last argument.
async fn docker(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let (status, text) = match (head.method.as_str(), head.uri.path()) {
        ("POST", "/containers/there/exec") => {
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let code = body["Cmd"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
            (201, format!(r#"{{"Id":"{code}"}}"#))
        }
        ("POST", path) if path.starts_with("/exec/") => (200, "\u{1}\0\0\0\0\0\0\u{6}in it\n".to_owned()),
        ("GET", path) => (200, format!(r#"{{"ExitCode":{},"Running":false}}"#, path.split('/').nth(2).unwrap())),
        _ => (404, r#"{"message":"No such container: gone"}"#.to_owned()),
    };
    let response = Response::builder().status(status).body(Full::new(Bytes::from(text)));
    Ok(response.unwrap())
}

#[tokio::test]
async fn docker_runs_a_command_in_a_container() {
    let directory = temporary("docker");
    let socket = directory.join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(docker)),
            );
        }
    });
    let runner = runner_with(Settings { docker_socket: socket.clone(), ..Settings::default() });
    for (container, code, status, output) in [
        ("there", "0", Passing, "in it\n".to_owned()),
        ("there", "1", Warning, "in it\n".to_owned()),
        ("there", "7", Critical, "in it\n".to_owned()),
        (
            "gone",
            "0",
            Critical,
            "create exec failed for container gone: 404: {\"message\":\"No such container: gone\"}".to_owned(),
        ),
        (
            "a/../b",
            "0",
            Critical,
            "create exec failed for container a/../b: it is no id or name of a container".to_owned(),
        ),
    ] {
        let json = format!(r#"{{"Name":"c","DockerContainerID":"{container}","Args":["x","{code}"],"Interval":"1s"}}"#);
        assert_result(&runner.run(&runnable(&json)).await, status, &output);
    }
    std::fs::remove_dir_all(directory).unwrap();
    let result = runner.run(&runnable(r#"{"Name":"c","DockerContainerID":"x","Args":["y"],"Interval":"1s"}"#)).await;
    assert!(
        result.output.contains("dial unix") && result.output.ends_with("no such file or directory"),
        "{}",
        result.output
    );
}

#[tokio::test]
async fn an_os_service_is_looked_up() {
    // Where there is no systemd, that is what it says.
    let result = run(r#"{"Name":"c","OSService":"no-such-unit-at-all","Interval":"1s"}"#).await;
    assert_eq!(result.status, Critical);
    assert!(result.output.starts_with("OS service \"no-such-unit-at-all\" "), "{}", result.output);
}

#[tokio::test]
async fn an_alias_of_another_node_asks_the_catalog() {
    let catalog = Memory::default();
    let runner = Runner::new(Arc::default(), Host::real(), Arc::new(catalog.clone()));
    let alias = runnable(r#"{"Name":"c","AliasNode":"far","AliasService":"web"}"#);
    assert_result(&runner.run(&alias).await, Critical, "Service web could not be found on node far");
    catalog.with(|held| {
        held.services.insert("web".into(), Default::default());
    });
    assert_result(&runner.run(&alias).await, Passing, "No checks found.");
    catalog.with(|held| {
        let check = quorate_state::Check {
            name: "n".into(),
            service_id: "web".into(),
            output: "o".into(),
            ..Default::default()
        };
        held.checks.insert("n".into(), check);
    });
    assert_result(&runner.run(&alias).await, Critical, "Aliased check \"n\" failing: o");
}
