//! The network between servers: it loses, delays, repeats and reorders messages, and can be cut in one or both
//! directions. Every message passes the observers first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use quorate_base::Host;
use quorate_node::{BoxFuture, Handle, Member, NodeId, Peers, Rpc, RpcReply, Transport, TransportError};
use tokio::sync::oneshot;
use tokio::time::sleep;

/// The network. Clones speak of the same one.
#[derive(Clone)]
pub struct SimNetwork(Arc<Mutex<Inner>>);

/// Is shown each message that is delivered: from, to, message.
type Observer = Box<dyn FnMut(NodeId, NodeId, &Rpc) + Send>;

struct Inner {
    random: fastrand::Rng,
    /// The servers that run, and how to start a task on each.
    servers: BTreeMap<NodeId, (Handle, Host)>,
    /// Directions that carry nothing.
    cut: BTreeSet<(NodeId, NodeId)>,
    weather: Weather,
    observer: Observer,
    tamper: Box<dyn Tamper>,
}

/// Changes messages on their way, as a broken implementation at either end would: to see that it is noticed.
pub trait Tamper: Send {
    /// A request that is about to reach `to`.
    fn request(&mut self, _to: NodeId, _rpc: &mut Rpc) {}
    /// An answer of a server to a request.
    fn reply(&mut self, _rpc: &Rpc, _reply: &mut ReplyResult) {}
}

/// Changes nothing.
struct Honest;

impl Tamper for Honest {}

/// How bad the network is.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// How many of a thousand messages are lost.
    pub lost_per_mille: u32,
    /// How many of a thousand are delivered twice.
    pub repeated_per_mille: u32,
    /// How many of a thousand take up to [`Weather::slow_ms`] rather than up to a few.
    pub slow_per_mille: u32,
    /// The longest way, in milliseconds.
    pub slow_ms: u64,
}

impl Weather {
    /// No loss, short ways.
    pub const FAIR: Self = Self { lost_per_mille: 0, repeated_per_mille: 0, slow_per_mille: 0, slow_ms: 0 };
}

/// How long it takes until a connection sends again what was lost on it.
const SENT_AGAIN: Duration = Duration::from_millis(200);
/// How often a connection looks whether the other side is still there.
const SILENCE: Duration = Duration::from_millis(300);
/// The longest way of a message that is not slow, in microseconds.
const USUAL_DELAY_US: u64 = 3_000;

impl SimNetwork {
    /// A fair network without servers.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            random: fastrand::Rng::with_seed(seed),
            servers: BTreeMap::new(),
            cut: BTreeSet::new(),
            weather: Weather::FAIR,
            observer: Box::new(|_, _, _| ()),
            tamper: Box::new(Honest),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end of the network at one server, for consensus.
    pub fn port(&self, from: NodeId) -> Arc<dyn Transport> {
        Arc::new(Port { network: self.clone(), from })
    }

    /// The same for the requests of clients.
    pub fn peers(&self, from: NodeId) -> Arc<dyn Peers> {
        Arc::new(Port { network: self.clone(), from })
    }

    /// A server can be reached from now on.
    pub fn connect(&self, id: NodeId, handle: Handle, host: Host) {
        self.lock().servers.insert(id, (handle, host));
    }

    /// A server is gone.
    pub fn disconnect(&self, id: NodeId) {
        self.lock().servers.remove(&id);
    }

    /// Changes the weather.
    pub fn set_weather(&self, weather: Weather) {
        self.lock().weather = weather;
    }

    /// Cuts one direction.
    pub fn cut(&self, from: NodeId, to: NodeId) {
        self.lock().cut.insert((from, to));
    }

    /// Mends all cuts.
    pub fn mend(&self) {
        self.lock().cut.clear();
    }

    /// Shows every message that is delivered to `observer`: from, to, message.
    pub fn observe(&self, observer: impl FnMut(NodeId, NodeId, &Rpc) + Send + 'static) {
        self.lock().observer = Box::new(observer);
    }

    /// Lets `tamper` change messages from now on.
    pub fn tamper(&self, tamper: impl Tamper + 'static) {
        self.lock().tamper = Box::new(tamper);
    }

    /// How long each copy of a message is under way; none if it is lost.
    fn ways(&self) -> Vec<Duration> {
        let mut inner = self.lock();
        let weather = inner.weather;
        let random = &mut inner.random;
        let mut happens = |per_mille| random.u32(..1000) < per_mille;
        let copies =
            if happens(weather.lost_per_mille) { 0 } else { 1 + usize::from(happens(weather.repeated_per_mille)) };
        (0..copies)
            .map(|_| match random.u32(..1000) < weather.slow_per_mille {
                true => Duration::from_millis(random.u64(0..=weather.slow_ms)),
                false => Duration::from_micros(random.u64(50..USUAL_DELAY_US)),
            })
            .collect()
    }

    /// Hands a message to its receiver, if the way is open and the receiver runs; its answer comes by the channel.
    fn deliver(&self, from: NodeId, to: NodeId, mut rpc: Rpc, reply: Option<oneshot::Sender<ReplyResult>>) {
        let mut inner = self.lock();
        if inner.cut.contains(&(from, to)) {
            return;
        }
        let Some((handle, host)) = inner.servers.get(&to).cloned() else {
            return;
        };
        inner.tamper.request(to, &mut rpc);
        (inner.observer)(from, to, &rpc);
        drop(inner);
        let network = self.clone();
        host.spawn(async move {
            let mut answer = handle.handle_rpc(from, rpc.clone()).await.map_err(TransportError::Refused);
            network.lock().tamper.reply(&rpc, &mut answer);
            if let Some(reply) = reply {
                // The asker may have given up.
                let _ = reply.send(answer);
            }
        });
    }

    /// Carries a client's request from one server to another and its answer back, over a connection: nothing on it is
    /// lost unless it breaks. `None` if it did; the request may have arrived all the same.
    async fn hand_over(&self, from: NodeId, to: NodeId, request: Bytes) -> Option<Bytes> {
        self.travel(from, to).await?;
        let (handle, host) = self.lock().servers.get(&to).cloned()?;
        let (sender, receiver) = oneshot::channel();
        host.spawn(async move {
            // The asker may have given up.
            let _ = sender.send(handle.serve_bytes(&request).await);
        });
        let answer = tokio::select! {
            answer = receiver => answer.ok()?,
            () = self.cut_off(from, to) => return None,
        };
        self.travel(to, from).await?;
        Some(answer)
    }

    /// The time that a message on a connection is under way.
    async fn travel(&self, from: NodeId, to: NodeId) -> Option<()> {
        // What would be lost is sent again by the machines, which takes its time.
        let way = self.ways().first().copied().unwrap_or(SENT_AGAIN);
        sleep(way).await;
        (!self.is_cut(from, to)).then_some(())
    }

    fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        let inner = self.lock();
        inner.cut.contains(&(from, to)) || inner.cut.contains(&(to, from))
    }

    /// Resolves when two servers can't reach each other, as a connection notices by its silence.
    async fn cut_off(&self, from: NodeId, to: NodeId) {
        while !self.is_cut(from, to) {
            sleep(SILENCE).await;
        }
    }

    async fn call(self, from: NodeId, to: NodeId, rpc: Rpc) -> ReplyResult {
        let (sender, receiver) = oneshot::channel();
        let mut sender = Some(sender);
        let mut ways = self.ways();
        ways.sort();
        let mut waited = Duration::ZERO;
        for way in ways {
            sleep(way - waited).await;
            waited = way;
            self.deliver(from, to, rpc.clone(), sender.take());
        }
        let answer = match receiver.await {
            Ok(answer) => answer,
            // Lost, or the receiver crashed: nobody tells the sender.
            Err(_) => std::future::pending().await,
        };
        match self.ways().first() {
            Some(way) if !self.lock().cut.contains(&(to, from)) => sleep(*way).await,
            _ => std::future::pending().await,
        }
        answer
    }
}

/// What comes of a call.
pub type ReplyResult = Result<RpcReply, TransportError>;

struct Port {
    network: SimNetwork,
    from: NodeId,
}

impl Peers for Port {
    fn ask(
        &self,
        to: NodeId,
        _: &Member,
        request: Bytes,
        at_most: Duration,
    ) -> BoxFuture<'static, Result<Bytes, TransportError>> {
        let (network, from) = (self.network.clone(), self.from);
        Box::pin(async move {
            match tokio::time::timeout(at_most, network.hand_over(from, to, request)).await {
                Ok(Some(answer)) => Ok(answer),
                Ok(None) => Err(TransportError::Failed("the connection broke".to_owned())),
                Err(_) => Err(TransportError::Failed("no answer in time".to_owned())),
            }
        })
    }
}

impl Transport for Port {
    fn call(&self, to: NodeId, _: &Member, rpc: Rpc) -> BoxFuture<'static, ReplyResult> {
        Box::pin(self.network.clone().call(self.from, to, rpc))
    }
}
