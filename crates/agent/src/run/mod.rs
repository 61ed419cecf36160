//! One run of a check: what it does to find a status, bounded in time and in what it keeps.
//!
//! Each kind has a file. All of them give a [`RunResult`], never an error: what went wrong is the output of a critical
//! check, in the words that Go's libraries have for it where Consul's users know those. A run that is dropped leaves
//! nothing behind: sockets close, and the process group of a script is killed.

mod body;
mod dial;
mod docker;
mod exchange;
mod grpc;
mod h2ping;
mod http;
mod os_service;
mod output;
mod script;
mod tcp;
mod tls;
mod udp;
mod url;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use quorate_base::Host;
use quorate_state::CheckStatus;

use crate::catalog::Catalog;
use crate::definition::{Alias, Check, CheckDefinition};
use crate::machine::{RunResult, health_of};
use crate::settings::Settings;

pub use grpc::{HealthReply, read_health_reply};
pub use http::{Sender, read_http_answer};
pub use output::Tail;

/// What runs have in common.
pub struct Runner {
    settings: ArcSwap<Settings>,
    host: Host,
    catalog: Arc<dyn Catalog>,
    tls: tls::TlsConfigs,
}

/// How much longer than its time-out a run may take to notice that it is over.
const CUT_AFTER: Duration = Duration::from_secs(1);

impl Runner {
    /// A runner; `catalog` is asked for aliases of other nodes.
    pub fn new(settings: Arc<Settings>, host: Host, catalog: Arc<dyn Catalog>) -> Self {
        Self { settings: ArcSwap::new(settings), host, catalog, tls: tls::TlsConfigs::default() }
    }

    /// Goes by other settings in the runs to come.
    pub fn set_settings(&self, settings: Arc<Settings>) {
        self.settings.store(settings);
    }

    /// Runs a check once.
    pub async fn run(&self, definition: &CheckDefinition) -> RunResult {
        let timeout = definition.run_timeout();
        let run = self.run_kind(definition, timeout);
        // Boxed, since the largest kind would make every run as large.
        match tokio::time::timeout(timeout + CUT_AFTER, Box::pin(run)).await {
            Ok(result) => result,
            Err(_) => critical(format!("Timed out ({}) running check", go_text(timeout))),
        }
    }

    async fn run_kind(&self, definition: &CheckDefinition, timeout: Duration) -> RunResult {
        let settings = self.settings.load_full();
        let bytes_max = definition.output_bytes_max(settings.check_output_bytes_max);
        match &definition.check {
            Check::Script(script) => script::run(script, timeout, bytes_max).await,
            Check::Http(http) => http::run(&self.tls, http, timeout, bytes_max).await,
            Check::Tcp(target) => tcp::run(&self.tls, target, timeout).await,
            Check::Udp(address) => udp::run(address, timeout).await,
            Check::Grpc(grpc) => grpc::run(&self.tls, &self.host, grpc, timeout).await,
            Check::H2Ping(ping) => h2ping::run(&self.tls, ping, timeout).await,
            Check::Docker(docker) => docker::run(&settings.docker_socket, docker, timeout, bytes_max).await,
            Check::Alias(alias) => self.look_up(alias).await,
            Check::OsService(name) => os_service::run(name, timeout, bytes_max).await,
            // These do not run; the machine never asks for it.
            Check::Ttl(_) | Check::Maintenance => critical("this kind of check does not run"),
        }
    }

    async fn look_up(&self, alias: &Alias) -> RunResult {
        match self.catalog.health(alias).await {
            Ok(view) => {
                let checks = view.checks.iter().map(|(name, status, output)| (&**name, *status, &**output));
                let (status, output) = health_of(&alias.node, &alias.service_id, view.exists, checks);
                RunResult { status, output }
            }
            Err(reason) => critical(format!("Failure checking alias: {reason}")),
        }
    }
}

fn passing(output: impl Into<String>) -> RunResult {
    RunResult { status: CheckStatus::Passing, output: output.into() }
}

fn critical(output: impl Into<String>) -> RunResult {
    RunResult { status: CheckStatus::Critical, output: output.into() }
}

/// A duration as Go writes it.
fn go_text(duration: Duration) -> String {
    quorate_base::duration::GoDuration(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)).to_string()
}
