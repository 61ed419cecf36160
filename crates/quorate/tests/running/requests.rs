//! Requests to an agent over HTTP, as they are written.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

use super::{Agent, PATIENCE};

impl Agent {
    /// Sends a request; the answer is read by the caller, who gets no end of it where there is none.
    pub(crate) fn send(&self, method: &str, target: &str, body: &str) -> BufReader<TcpStream> {
        let length = body.len();
        let head = format!("Connection: close\r\nContent-Length: {length}\r\n");
        self.write(&format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{head}\r\n{body}"))
    }

    /// Sends a request on a connection that stays open behind it.
    pub(crate) fn keep(&self, method: &str, target: &str) -> BufReader<TcpStream> {
        self.write(&format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"))
    }

    fn write(&self, request: &str) -> BufReader<TcpStream> {
        write_to(self.address(), request)
    }

    /// The whole answer to a request.
    pub(crate) fn ask(&self, method: &str, target: &str, body: &str) -> String {
        let mut answer = String::new();
        self.send(method, target, body).read_to_string(&mut answer).unwrap();
        answer
    }
}

/// The whole answer to a request without a body, of an agent at an address.
pub(crate) fn ask_at(address: &str, method: &str, target: &str) -> String {
    let mut answer = String::new();
    let mut reader = write_to(address, &format!("{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    reader.read_to_string(&mut answer).unwrap();
    answer
}

fn write_to(address: &str, request: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    BufReader::new(stream)
}
