//! Starting a node: the handle, and the tasks that run with it.

use std::sync::Arc;

use quorate_base::Host;
use quorate_consensus::{StartError, Transport};

use crate::application::Replicated;
use crate::config::Config;
use crate::handle::Handle;
use crate::leader::{self, Duty};

impl Handle {
    /// Starts a node: reads its data directory, takes part in consensus and, when it leads, does a leader's duties: its own,
    /// and these.
    pub async fn start(
        config: Config,
        duties: Vec<Arc<dyn Duty>>,
        host: Host,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, StartError> {
        let application = |shared| Replicated::new(host.clone(), shared);
        Ok(Self::launch(config, host.clone(), transport, application).await?.with_duties(duties))
    }

    /// Starts a node that is broken on purpose.
    #[cfg(feature = "sabotage")]
    pub async fn start_broken(
        config: Config,
        host: Host,
        transport: Arc<dyn Transport>,
        how: crate::Sabotage,
    ) -> Result<Self, StartError> {
        let application = |shared| Replicated::new(host.clone(), shared).broken(how);
        Ok(Self::launch(config, host.clone(), transport, application).await?.with_duties(Vec::new()))
    }

    /// The same node, which does a leader's duties when it leads.
    fn with_duties(self, duties: Vec<Arc<dyn Duty>>) -> Self {
        self.host().spawn(leader::run(self.clone(), duties));
        self
    }
}
