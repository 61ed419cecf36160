//! A UDP socket that answers from the address at which it was asked.
//!
//! Of a socket on all addresses (`0.0.0.0`, `::`) the kernel chooses where an answer comes from, by the way that it takes:
//! on a host with several addresses that is often not the one that was asked, and the client drops an answer that comes
//! from elsewhere. So such a socket is told with each datagram where it arrived, and says the same when it answers. That
//! costs some parsing, which a socket on one address is spared.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd as _;

use nix::libc::{in_addr, in_pktinfo, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
};

/// Room for where a datagram arrived, of either family, with its header.
const CONTROL_BYTES: usize = 64;

/// What the kernel writes beside a datagram, laid out as its headers want to be.
#[repr(align(8))]
struct Control([u8; CONTROL_BYTES]);

/// A socket, and whether it is on all addresses.
pub(crate) struct Datagrams {
    socket: UdpSocket,
    is_on_all: bool,
}

/// Who asked, and at which address of this host.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    address: SocketAddr,
    asked_at: AskedAt,
}

#[derive(Clone, Copy)]
enum AskedAt {
    /// The only address that the socket has.
    Own,
    V4(in_pktinfo),
    V6(in6_pktinfo),
}

impl Peer {
    /// Who asked.
    pub(crate) fn ip(&self) -> IpAddr {
        self.address.ip()
    }
}

impl Datagrams {
    pub(crate) fn new(socket: UdpSocket) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let is_on_all = address.ip().is_unspecified();
        match address {
            SocketAddr::V4(_) if is_on_all => setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?,
            SocketAddr::V6(_) if is_on_all => setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?,
            _ => {}
        }
        Ok(Self { socket, is_on_all })
    }

    /// Waits for a datagram, as long as the socket's time-out is.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Peer)> {
        if !self.is_on_all {
            let (length, address) = self.socket.recv_from(buffer)?;
            return Ok((length, Peer { address, asked_at: AskedAt::Own }));
        }
        let mut control = Control([0; CONTROL_BYTES]);
        let mut parts = [IoSliceMut::new(buffer)];
        let socket = self.socket.as_raw_fd();
        let message = recvmsg::<SockaddrStorage>(socket, &mut parts, Some(&mut control.0), MsgFlags::empty())?;
        let address = message.address.as_ref().and_then(socket_address).ok_or(io::ErrorKind::InvalidData)?;
        let asked_at = message.cmsgs()?.find_map(asked_at).unwrap_or(AskedAt::Own);
        Ok((message.bytes, Peer { address, asked_at }))
    }

    /// Answers who asked.
    pub(crate) fn send(&self, bytes: &[u8], peer: &Peer) -> io::Result<usize> {
        match peer.asked_at {
            AskedAt::Own => self.socket.send_to(bytes, peer.address),
            _ => self.send_message(bytes, peer, MsgFlags::empty()),
        }
    }

    /// The same without waiting for room, for a thread that has more to do than this socket.
    pub(crate) fn send_now(&self, bytes: &[u8], peer: &Peer) -> io::Result<usize> {
        self.send_message(bytes, peer, MsgFlags::MSG_DONTWAIT)
    }

    fn send_message(&self, bytes: &[u8], peer: &Peer, flags: MsgFlags) -> io::Result<usize> {
        let from = match &peer.asked_at {
            AskedAt::Own => None,
            AskedAt::V4(info) => Some(ControlMessage::Ipv4PacketInfo(info)),
            AskedAt::V6(info) => Some(ControlMessage::Ipv6PacketInfo(info)),
        };
        let (parts, to) = ([IoSlice::new(bytes)], SockaddrStorage::from(peer.address));
        Ok(sendmsg(self.socket.as_raw_fd(), &parts, from.as_slice(), flags, Some(&to))?)
    }
}

/// Where an answer is to come from if the question came with this.
fn asked_at(control: ControlMessageOwned) -> Option<AskedAt> {
    match control {
        // The way back is the kernel's choice, the address is not.
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some(AskedAt::V4(in_pktinfo { ipi_ifindex: 0, ipi_addr: in_addr { s_addr: 0 }, ..info }))
        }
        // An address of one link alone means nothing without its interface.
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(AskedAt::V6(info)),
        _ => None,
    }
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|address| SocketAddrV4::from(*address).into());
    v4.or_else(|| address.as_sockaddr_in6().map(|address| SocketAddrV6::from(*address).into()))
}
