//! One run of a handler: a command with the content as its standard input, or a request with it as its body.
//!
//! What a handler says goes to the log, its end alone if it is long. One that fails is told of there, and runs again with
//! the next change only, as with Consul.

use std::os::fd::OwnedFd;
use std::process::Stdio;

use quorate_agent::Http;
use quorate_agent::run::{Sender, Tail};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;
use tracing::{debug, error};

use crate::child::{Output, Script, end_beside, failure};
use crate::config::watches::Handler;
use crate::watch::News;

/// The most of an output that is logged; Consul's bound.
const OUTPUT_BYTES_MAX: usize = 4 << 10;

/// Runs a handler to its end, or to that of the watch.
pub(super) async fn handle(
    handler: &Handler,
    name: &str,
    news: News,
    sender: &Sender,
    stopped: &mut watch::Receiver<()>,
) {
    let mut tail = Tail::new(OUTPUT_BYTES_MAX);
    let outcome = match handler {
        Handler::Script(script) => run(script, news, &mut tail, stopped).await,
        Handler::Http { request, timeout } => {
            let request = with_news(request, news);
            tokio::select! {
                _ = stopped.changed() => return,
                answer = sender.send(&request, *timeout, OUTPUT_BYTES_MAX) => answer.and_then(|(status, body)| {
                    tail = body;
                    if (200..300).contains(&status) { Ok(()) } else { Err(format!("it answered {status}")) }
                }),
            }
        }
    };
    let output = tail.told();
    match outcome {
        Ok(()) => debug!(handler = name, output, "a watch's handler ran"),
        Err(error) => error!(handler = name, error, output, "a watch's handler failed"),
    }
}

/// The request with the content, and its index.
fn with_news(request: &Http, news: News) -> Http {
    let mut request = Http { body: news.json + "\n", ..request.clone() };
    request.headers.push(("X-Consul-Index".to_owned(), news.index.to_string()));
    request
}

async fn run(script: &Script, news: News, tail: &mut Tail, stopped: &mut watch::Receiver<()>) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    let mut pipe = Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(failed)?;
    let variable = ("CONSUL_INDEX", news.index.to_string());
    let mut child = script.start(variable, Stdio::piped(), Output::Pipe(writer)).map_err(failed)?;
    let write = child.write(news.json + "\n");
    let ended = end_beside(tail.read_until(child.wait(), &mut pipe), write);
    tokio::select! {
        status = ended => match failure(status.map_err(failed)?) {
            None => return Ok(()),
            Some(problem) => return Err(problem),
        },
        _ = stopped.changed() => {}
    }
    child.kill().await;
    Err("it was ended with its watch".to_owned())
}
