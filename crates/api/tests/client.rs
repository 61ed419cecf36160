//! The client against a server that plays a part: what it sends, and what it makes of the answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use quorate_api::client::{Client, ClientSettings, Consistency, Delete, Error, PutCondition, Query, Write};
use quorate_api::{Registration, SessionCreate, TxnKv, TxnOperation};

/// A server that gives its answers in turn and notes what it was asked.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(answers: &[(u16, &'static str)]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answers = Arc::new(Mutex::new(VecDeque::from(answers.to_vec())));
        let connections = Arc::new(Mutex::new(0));
        let (asked_there, counted) = (asked.clone(), connections.clone());
        let serve = async move {
            let mut open = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                *counted.lock().unwrap() += 1;
                let (asked, answers) = (asked_there.clone(), answers.clone());
                let service = service_fn(move |request| answer(request, asked.clone(), answers.clone()));
                let stream = hyper_util::rt::TokioIo::new(stream);
                open.spawn(hyper::server::conn::http1::Builder::new().serve_connection(stream, service));
            }
        };
        #[allow(clippy::disallowed_methods, reason = "a test's server, outside the simulator")]
        let task = tokio::spawn(serve);
        Self { address, asked, connections, task }
    }

    fn client(&self) -> Client {
        Client::new(self.address.parse().unwrap())
    }

    fn asked(self) -> Vec<String> {
        self.task.abort();
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

async fn answer(
    request: Request<hyper::body::Incoming>,
    asked: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let header = |name: &str| head.headers.get(name).map_or("-", |value| value.to_str().unwrap()).to_owned();
    let line = format!("{} {} token={} body={}", head.method, head.uri, header("x-consul-token"), body.escape_ascii());
    asked.lock().unwrap().push(line);
    let next = answers.lock().unwrap().pop_front();
    let Some((status, body)) = next else { return std::future::pending().await };
    let response = Response::builder().status(status).header("X-Consul-Index", "42");
    let response = response.header("X-Consul-KnownLeader", "true").header("X-Consul-LastContact", "7");
    // The body of a redirect is where it leads.
    let response = if (300..400).contains(&status) { response.header("Location", body) } else { response };
    Ok(response.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap())
}

#[tokio::test]
async fn keys_are_read_with_what_the_headers_say() {
    let server =
        Server::start(&[(200, r#"[{"Key":"a b","Value":"aGk=","Flags":3}]"#), (404, ""), (200, r#"["a/"]"#)]).await;
    let client = server.client();
    let query = Query { consistency: Consistency::Stale, index: 5, ..Query::default() };
    let answer = client.kv_get("a b", &query).await.unwrap();
    let pair = answer.value.unwrap();
    assert_eq!((pair.value_bytes(), pair.flags), (&b"hi"[..], 3));
    assert_eq!((answer.index, answer.known_leader, answer.last_contact), (42, true, Duration::from_millis(7)));
    assert_eq!(client.kv_get("none", &Query::default()).await.unwrap().value, None);
    assert_eq!(client.kv_keys("", "/", &Query::default()).await.unwrap().value, ["a/"]);
    assert_eq!(*server.connections.lock().unwrap(), 1, "the connection is kept");
    assert_eq!(
        server.asked(),
        [
            "GET /v1/kv/a%20b?stale=&index=5 token=- body=",
            "GET /v1/kv/none token=- body=",
            "GET /v1/kv/?keys=&separator=%2F token=- body=",
        ]
    );
}

#[tokio::test]
async fn writes_carry_their_conditions_and_bytes() {
    let server = Server::start(&[(200, "true"), (200, "false"), (200, "true")]).await;
    let settings = ClientSettings { token: "t".to_owned(), datacenter: "dc2".to_owned(), ..Default::default() };
    let client = Client::with_settings(server.address.parse().unwrap(), settings);
    let locked = Write { flags: 9, condition: PutCondition::Acquire("s".to_owned()) };
    assert!(client.kv_put("k", b"\x00v", &locked).await.unwrap());
    assert!(!client.kv_put("k", "", &Write { condition: PutCondition::Cas(0), ..Write::default() }).await.unwrap());
    assert!(client.kv_delete("p/", Delete::Recurse).await.unwrap());
    assert_eq!(
        server.asked(),
        [
            r"PUT /v1/kv/k?flags=9&acquire=s&dc=dc2 token=t body=\x00v",
            "PUT /v1/kv/k?cas=0&dc=dc2 token=t body=",
            "DELETE /v1/kv/p/?recurse=&dc=dc2 token=t body=",
        ]
    );
}

#[tokio::test]
async fn redirects_to_the_same_server_are_followed_with_what_was_sent() {
    let server = Server::start(&[
        (307, "/v1/kv/k?acquire=s"),
        (200, "true"),
        (307, "/v1/snapshot"),
        (303, "/v1/kv/k"),
        (200, "[]"),
        (307, "http://127.0.0.1:1/v1/kv/k"),
        (200, "[]"),
    ])
    .await;
    let settings = ClientSettings { token: "t".to_owned(), ..Default::default() };
    let client = Client::with_settings(server.address.parse().unwrap(), settings);
    let locked = Write { flags: 0, condition: PutCondition::Acquire("s".to_owned()) };
    assert!(client.kv_put("/k", b"v", &locked).await.unwrap());
    // What was read from a file is gone.
    let restored = client.snapshot_restore(&b"snap"[..], 4).await.unwrap_err();
    assert_eq!(restored.status(), Some(307));
    assert_eq!(client.kv_get("//k", &Query::default()).await.unwrap().value, None);
    // The token is for this server alone.
    assert_eq!(client.kv_get("k", &Query::default()).await.unwrap_err().status(), Some(307));
    assert_eq!(
        server.asked(),
        [
            "PUT /v1/kv//k?acquire=s token=t body=v",
            "PUT /v1/kv/k?acquire=s token=t body=v",
            "PUT /v1/snapshot token=t body=snap",
            "GET /v1/kv///k token=t body=",
            "GET /v1/kv/k token=t body=",
            "GET /v1/kv/k token=t body=",
        ]
    );
}

#[tokio::test]
async fn what_goes_wrong_on_the_way_is_named() {
    let settings = ClientSettings { token: "a\nb".to_owned(), ..Default::default() };
    let client = Client::with_settings("127.0.0.1:1".parse().unwrap(), settings);
    let error = client.agent_self().await.unwrap_err().to_string();
    let said = "the request can't be sent: the token has a character that no header can carry";
    assert_eq!(error, format!("http://127.0.0.1:1/v1/agent/self: {said}"));
    let error = Client::new("unix:///nowhere/q.sock".parse().unwrap()).agent_self().await.unwrap_err().to_string();
    assert_eq!(error, "http://localhost/v1/agent/self: /nowhere/q.sock: No such file or directory (os error 2)");
    let server = Server::start(&[]).await;
    let client = Client::new(format!("https://{}", server.address).parse().unwrap());
    let error = client.agent_self().await.unwrap_err().to_string();
    let said = "the server does not speak TLS there: its address may begin with http://";
    assert_eq!(error, format!("https://{}/v1/agent/self: {said}", server.address));
}

#[tokio::test]
async fn bodies_are_json_that_servers_understand() {
    let server = Server::start(&[
        (200, r#"{"ID":"i"}"#),
        (200, "true"),
        (409, r#"{"Results":null,"Errors":[{"OpIndex":0,"What":"w"}]}"#),
    ])
    .await;
    let client = server.client();
    let session = SessionCreate { ttl: "10s".to_owned(), node_checks: Some(Some(vec![])), ..SessionCreate::default() };
    assert_eq!(client.session_create(&session).await.unwrap(), "i");
    let registration = Registration { node: "n".to_owned(), address: "a".to_owned(), ..Registration::default() };
    client.catalog_register(&registration).await.unwrap();
    let get = TxnKv { verb: "get".to_owned(), key: "k".to_owned(), ..TxnKv::default() };
    let operation = TxnOperation { kv: Some(get), ..TxnOperation::default() };
    let failed = client.txn(&[operation], &Query::default()).await.unwrap();
    assert_eq!(failed.errors.unwrap()[0].what, "w");
    assert_eq!(
        server.asked(),
        [
            r#"PUT /v1/session/create token=- body={\"TTL\":\"10s\",\"NodeChecks\":[]}"#,
            r#"PUT /v1/catalog/register token=- body={\"Node\":\"n\",\"Address\":\"a\"}"#,
            r#"PUT /v1/txn token=- body=[{\"KV\":{\"Verb\":\"get\",\"Key\":\"k\"}}]"#,
        ]
    );
}

#[tokio::test]
async fn errors_say_what_happened() {
    let server = Server::start(&[(500, "invalid session \"x\"\n"), (200, "{")]).await;
    let client = server.client();
    let refused = client.kv_put("k", "", &Write::default()).await.unwrap_err();
    assert_eq!(refused.to_string(), "Unexpected response code: 500 (invalid session \"x\")");
    assert_eq!(refused.status(), Some(500));
    assert!(matches!(client.status_peers().await.unwrap_err(), Error::Answer { .. }));
    // The server has no third answer.
    let settings = ClientSettings { timeout: Some(Duration::from_millis(50)), ..Default::default() };
    let impatient = Client::with_settings(server.address.parse().unwrap(), settings);
    assert!(matches!(impatient.status_peers().await.unwrap_err(), Error::Timeout { .. }));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = Client::new(free.to_string().parse().unwrap()).status_leader().await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("http://{free}/v1/status/leader: Connection refused (os error 111)"));
}

#[tokio::test]
async fn snapshots_are_streamed_both_ways() {
    let server = Server::start(&[(200, "archive"), (200, ""), (500, "foreign archive")]).await;
    let client = server.client();
    let mut saved = client.snapshot_save(&Query::default()).await.unwrap();
    assert_eq!(saved.index, 42);
    assert_eq!(saved.value.chunk().await.unwrap().unwrap(), "archive");
    assert_eq!(saved.value.chunk().await.unwrap(), None);
    client.snapshot_restore(&b"archive"[..], 7).await.unwrap();
    let refused = client.snapshot_restore(&b""[..], 0).await.unwrap_err();
    assert_eq!(refused.to_string(), "Unexpected response code: 500 (foreign archive)");
    let asked = server.asked();
    assert_eq!(asked[..2], ["GET /v1/snapshot token=- body=", "PUT /v1/snapshot token=- body=archive"]);
}
