//! Recursors: the servers that know the rest of the world.
//!
//! They are asked one after the other, each with a port and an id of its own that nobody can guess. One that does not
//! answer in time, or answers that it can't or won't, is passed over. An answer goes to the client as it came, but for
//! its id.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use domain::base::iana::Rcode;
use domain::base::message::Message;
use quorate_base::host::Random;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use crate::respond::Transport;
use crate::settings::{RecursorStrategy, Settings};
use crate::write::TCP_BYTES_MAX;

/// Who is asked about the rest of the world, and how.
pub(crate) struct Recursors<'a> {
    settings: &'a Settings,
    random: &'a dyn Random,
}

impl<'a> Recursors<'a> {
    /// Those of the settings.
    pub(crate) fn new(settings: &'a Settings, random: &'a dyn Random) -> Self {
        Self { settings, random }
    }

    /// The first answer that says something; `None` if nobody gives one.
    pub(crate) async fn ask(&self, query: &[u8], transport: Transport) -> Option<Vec<u8>> {
        for address in self.in_order() {
            match tokio::time::timeout(self.settings.recursor_timeout, self.ask_one(address, query, transport)).await {
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

    /// Asks one in a datagram and, if the answer was cut and the client takes more, over a connection.
    async fn ask_one(
        &self,
        address: SocketAddr,
        query: &[u8],
        transport: Transport,
    ) -> std::io::Result<Option<Vec<u8>>> {
        let id = (self.random.number() as u16).to_be_bytes();
        let own_id = [query[0], query[1]];
        let mut query = query.to_vec();
        query[..2].copy_from_slice(&id);
        let mut answer = over_udp(address, &query).await?;
        let is_cut = Message::from_slice(&answer).is_ok_and(|message| message.header().tc());
        if is_cut && transport == Transport::Tcp {
            answer = over_tcp(address, &query).await?;
        }
        answer[..2].copy_from_slice(&own_id);
        let code = Message::from_slice(&answer).map_or(Rcode::SERVFAIL, |message| message.header().rcode());
        Ok(matches!(code, Rcode::NOERROR | Rcode::NXDOMAIN).then_some(answer))
    }
}

async fn over_udp(address: SocketAddr, query: &[u8]) -> std::io::Result<Vec<u8>> {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    // Datagrams of others then don't arrive.
    socket.connect(address).await?;
    socket.send(query).await?;
    let mut buffer = vec![0; TCP_BYTES_MAX];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if is_answer(&buffer[..length], query) {
            buffer.truncate(length);
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
