//! Any route, without types: for programs that show what a server answers.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::{Method, Response};

use super::connection::{Content, read_all, refused, wait_of};
use super::query::Target;
use super::{Client, Error, Query};

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The index to wait beyond; 0 if the route has none.
    pub index: u64,
    /// The hash to wait for another one of; empty if the route has none.
    pub hash: String,
    /// The body.
    pub body: Bytes,
}

impl RawAnswer {
    /// The body of an answer of success; an error for any other.
    pub fn success(self) -> Result<Bytes, Error> {
        match self.status {
            200 => Ok(self.body),
            status => Err(refused(hyper::StatusCode::from_u16(status).unwrap_or_default(), &self.body)),
        }
    }
}

/// An answer that comes in pieces.
pub struct RawStream {
    url: String,
    response: Response<Incoming>,
}

impl RawStream {
    /// The next piece; none at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(frame) = self.response.frame().await {
            let frame = frame.map_err(|error| Error::Transport { url: self.url.clone(), source: error.into() })?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

fn target(path: &str, parameters: &[(&str, &str)], query: &Query) -> Target {
    let target = Target::new("").path(path).query(query);
    parameters.iter().fold(target, |target, (name, value)| target.parameter(name, value))
}

impl Client {
    /// Reads any route.
    pub async fn raw_get(&self, path: &str, parameters: &[(&str, &str)], query: &Query) -> Result<RawAnswer, Error> {
        let target = target(path, parameters, query);
        let (url, response) = self.send(Method::GET, target, None, wait_of(query)).await?;
        raw(&url, response).await
    }

    /// Writes to any route.
    pub async fn raw_put(&self, path: &str, parameters: &[(&str, &str)], body: Vec<u8>) -> Result<RawAnswer, Error> {
        let target = target(path, parameters, &Query::default());
        let body = (!body.is_empty()).then(|| ("application/json", Content::Whole(body.into())));
        let (url, response) = self.send(Method::PUT, target, body, Duration::ZERO).await?;
        raw(&url, response).await
    }

    /// Reads any route whose answer does not end.
    pub async fn raw_stream(&self, path: &str, parameters: &[(&str, &str)]) -> Result<RawStream, Error> {
        let target = target(path, parameters, &Query::default());
        let (url, response) = self.send(Method::GET, target, None, Duration::ZERO).await?;
        let status = response.status();
        if status != hyper::StatusCode::OK {
            let (_, body) = read_all(&url, response).await?;
            return Err(refused(status, &body));
        }
        Ok(RawStream { url, response })
    }
}

async fn raw(url: &str, response: Response<Incoming>) -> Result<RawAnswer, Error> {
    let status = response.status().as_u16();
    let (headers, body) = read_all(url, response).await?;
    let index = headers.get("x-consul-index").and_then(|value| value.to_str().ok()?.parse().ok());
    let hash = headers.get("x-consul-contenthash").and_then(|value| value.to_str().ok());
    Ok(RawAnswer { status, index: index.unwrap_or(0), hash: hash.unwrap_or("").to_owned(), body })
}
