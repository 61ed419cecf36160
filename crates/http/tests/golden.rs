//! Exchanges as text: requests, and the whole answers to them, byte for byte but for what differs from run to run.
//!
//! A file of `golden/` is one conversation with a fresh node:
//!
//! ```text
//! > PUT /v1/kv/a          the request; more lines are headers
//! >> hello                its body, line by line
//! < 200 OK                the answer; more lines are headers
//! << true                 its body
//! ```
//! `Date` is left out, and `Content-Length` is compared with the body's length and left out. Indices are shown as
//! `{index 1}`, `{index 2}`, ... and ids as `{id 1}`, ... in the order of their first appearance; a request may name them
//! so. `UPDATE=1 cargo test -p quorate-http --test golden` writes the answers anew, to be reviewed as a diff.

#![allow(clippy::disallowed_methods, reason = "tests have a runtime of their own")]

mod support;

use std::path::Path;

use regex::{Captures, Regex};
use support::{Answer, Client, NODE_ID, settings, start};

/// What differs from run to run, and the names that stand for it.
#[derive(Default)]
struct Names {
    indices: Vec<String>,
    ids: Vec<String>,
}

impl Names {
    fn name(list: &mut Vec<String>, kind: &str, value: &str) -> String {
        let place = list.iter().position(|other| other == value).unwrap_or_else(|| {
            list.push(value.to_owned());
            list.len() - 1
        });
        format!("{{{kind} {}}}", place + 1)
    }

    fn hide(&mut self, text: &str) -> String {
        let index = Regex::new(r#"((?:Create|Modify)Index": ?|X-Consul-Index: |current modify index )(\d+)"#).unwrap();
        let text = index.replace_all(text, |found: &Captures<'_>| match &found[2] {
            // These two are told where there is no index.
            "0" | "1" => found[0].to_owned(),
            number => found[1].to_owned() + &Self::name(&mut self.indices, "index", number),
        });
        let id = Regex::new(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap();
        id.replace_all(&text, |found: &Captures<'_>| Self::name(&mut self.ids, "id", &found[0])).into_owned()
    }

    fn fill_in(&self, text: &str) -> String {
        let name = Regex::new(r"\{(index|id) (\d+)\}").unwrap();
        name.replace_all(text, |found: &Captures<'_>| {
            let list = if &found[1] == "id" { &self.ids } else { &self.indices };
            list[found[2].parse::<usize>().unwrap() - 1].clone()
        })
        .into_owned()
    }
}

/// A request as written.
#[derive(Default)]
struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<String>,
}

fn show(answer: &Answer, is_head: bool, names: &mut Names) -> String {
    let mut text = format!("< {}\n", answer.status);
    for (name, value) in &answer.headers {
        match &**name {
            "Date" => {}
            "Content-Length" => assert!(is_head || *value == answer.body.len().to_string(), "{answer:?}"),
            _ => text += &names.hide(&format!("< {name}: {value}\n")),
        }
    }
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    for line in body.split_inclusive('\n') {
        text += &names.hide(&format!("<< {}\n", line.replace('\n', "\\n")));
    }
    text
}

/// Asks again what a conversation asks; gives the conversation with the answers as they are now.
async fn converse(conversation: &str) -> String {
    let running = start(settings()).await;
    let mut client = Client::connect(running.address).await;
    let mut names = Names::default();
    names.ids.push(NODE_ID.to_owned());
    let mut now = String::new();
    let mut request: Option<Request> = None;
    for line in conversation.lines().chain([""]) {
        if line.starts_with('<') {
            continue;
        }
        if let Some(body) = line.strip_prefix(">> ") {
            request.as_mut().unwrap().body.push(names.fill_in(body));
        } else if let Some(head) = line.strip_prefix("> ") {
            match &mut request {
                None => request = Some(Request { line: names.fill_in(head), ..Request::default() }),
                Some(request) => {
                    let (name, value) = head.split_once(": ").unwrap();
                    request.headers.push((name.to_owned(), value.to_owned()));
                }
            }
        } else if let Some(Request { line, headers, body }) = request.take() {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
            client.send(&line, &headers, body.join("\n").as_bytes()).await;
            let is_head = line.starts_with("HEAD");
            let answer = client.answer(is_head).await;
            if answer.header("Connection") == Some("close") {
                client = Client::connect(running.address).await;
            }
            now += &show(&answer, is_head, &mut names);
        }
        now += line;
        now.push('\n');
    }
    now.pop();
    now
}

async fn check(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("txt");
    let before = std::fs::read_to_string(&path).unwrap();
    quorate_transcript::settle(&path, &converse(&before).await);
}

macro_rules! conversations {
    ($($name:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                check(stringify!($name)).await;
            }
        )*
    };
}

conversations!(common, kv, session, catalog, health, txn, event, agent);
