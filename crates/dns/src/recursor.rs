//! Recursors: the servers that know the rest of the world.
//!
//! They are asked one after the other, each with a port and an id of its own that nobody can guess. One that does not
//! answer in time, or answers that it can't or won't, is passed over. An answer goes to the client as it came, but for
//! its id and the spelling of the question, which are the client's: one that varies the case of letters to be sure of an
//! answer drops any other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use domain::base::iana::Rcode;
use domain::base::message::Message;
use domain::base::name::ToLabelIter as _;
use quorate_base::host::Random;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout};

use crate::health::Health;
use crate::query::HEADER_BYTES;
use crate::settings::{RecursorStrategy, Settings};
use crate::write::TCP_BYTES_MAX;

/// Who is asked about the rest of the world, and how.
pub(crate) struct Recursors<'a> {
    settings: &'a Settings,
    random: &'a dyn Random,
    health: &'a Health,
}

/// How recursors are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// In a datagram; the answer may be cut.
    Datagram,
    /// In a datagram, and over a connection if the answer was cut.
    Whole,
    /// Over a connection, as the client asked; in a datagram where there is none to be had.
    Connection,
}

impl<'a> Recursors<'a> {
    /// Those of the settings.
    pub(crate) fn new(settings: &'a Settings, random: &'a dyn Random, health: &'a Health) -> Self {
        Self { settings, random, health }
    }

    /// The first answer that says something; `None` if nobody gives one.
    pub(crate) async fn ask(&self, query: &[u8], way: Way) -> Option<Vec<u8>> {
        for address in self.health.order(self.in_order(), Instant::now()) {
            self.health.asked(address, Instant::now());
            match timeout(self.settings.recursor_timeout, self.ask_one(address, query, way)).await {
                Ok(Ok(Some(answer))) => return Some(answer),
                Ok(Ok(None)) => tracing::debug!(%address, "a recursor could not answer"),
                Ok(Err(error)) => tracing::debug!(%address, %error, "a recursor could not be asked"),
                Err(_) => tracing::debug!(%address, "a recursor did not answer in time"),
            }
        }
        None
    }

    fn in_order(&self) -> Vec<SocketAddr> {
        let mut addresses = self.settings.recursors.clone();
        if self.settings.recursor_strategy == RecursorStrategy::Random {
            for last in (1..addresses.len()).rev() {
                addresses.swap(last, self.random.below(last as u64 + 1) as usize);
            }
        }
        addresses
    }

    /// Asks one.
    async fn ask_one(&self, address: SocketAddr, asked: &[u8], way: Way) -> std::io::Result<Option<Vec<u8>>> {
        let id = (self.random.number() as u16).to_be_bytes();
        let mut query = asked.to_vec();
        query[..2].copy_from_slice(&id);
        let mut answer = match way {
            // Where connections are dropped on the way there is time left for a datagram.
            Way::Connection => match timeout(self.settings.recursor_timeout / 2, over_tcp(address, &query)).await {
                Ok(Ok(answer)) => answer,
                _ => over_udp(address, &query).await?,
            },
            Way::Datagram | Way::Whole => over_udp(address, &query).await?,
        };
        self.health.answered(address);
        let is_cut = Message::from_slice(&answer).is_ok_and(|message| message.header().tc());
        if is_cut && way == Way::Whole {
            answer = over_tcp(address, &query).await?;
        }
        restore(&mut answer, asked);
        let code = Message::from_slice(&answer).map_or(Rcode::SERVFAIL, |message| message.header().rcode());
        Ok(matches!(code, Rcode::NOERROR | Rcode::NXDOMAIN).then_some(answer))
    }
}

/// Puts the id and the spelling of a query into the answer to it.
fn restore(answer: &mut [u8], query: &[u8]) {
    answer[..2].copy_from_slice(&query[..2]);
    let question = Message::from_slice(query).ok().and_then(|query| query.sole_question().ok());
    let name_bytes = question.map_or(0, |question| usize::from(question.qname().compose_len()));
    let name = HEADER_BYTES..HEADER_BYTES + name_bytes;
    // A name that can't be seen there is left as it is.
    if let (Some(told), Some(asked)) = (answer.get_mut(name.clone()), query.get(name))
        && told.eq_ignore_ascii_case(asked)
    {
        told.copy_from_slice(asked);
    }
}

async fn over_udp(address: SocketAddr, query: &[u8]) -> std::io::Result<Vec<u8>> {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    // Datagrams of others then don't arrive.
    socket.connect(address).await?;
    socket.send(query).await?;
    loop {
        // Room for an answer is there when the answer is: most of the time is spent waiting.
        socket.readable().await?;
        let mut buffer = vec![0; TCP_BYTES_MAX];
        let length = match socket.try_recv(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            received => received?,
        };
        if is_answer(&buffer[..length], query) {
            buffer.truncate(length);
            buffer.shrink_to_fit();
            return Ok(buffer);
        }
    }
}

async fn over_tcp(address: SocketAddr, query: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let mut framed = (query.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(query);
    stream.write_all(&framed).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    if is_answer(&answer, query) { Ok(answer) } else { Err(std::io::ErrorKind::InvalidData.into()) }
}

/// Whether a message is the answer to this query: its id and its question are the same.
fn is_answer(answer: &[u8], query: &[u8]) -> bool {
    let (Ok(answer), Ok(query)) = (Message::from_slice(answer), Message::from_slice(query)) else { return false };
    let is_same = answer.header().id() == query.header().id() && answer.header().qr();
    // Some that refuse a message send its header alone.
    let has_question = answer.header_counts().qdcount() > 0;
    is_same
        && (!has_question && answer.header().rcode() != Rcode::NOERROR
            || matches!((answer.sole_question(), query.sole_question()), (Ok(left), Ok(right)) if left == right))
}
