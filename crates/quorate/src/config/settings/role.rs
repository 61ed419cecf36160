//! What kind of agent it is, and where its data is.

use super::{Mode, Resolver};
use crate::config::{ConfigError, Purpose, Warning};

impl Resolver<'_> {
    /// Whether requests may have registered services that no file defines: with an agent that runs, or with one before,
    /// which kept them in the data directory.
    pub(super) fn may_have_registered(&self, purpose: Purpose) -> bool {
        let kept = || self.text("data_dir").is_some_and(|path| std::path::Path::new(path).join("agent").exists());
        purpose == Purpose::Reload || (!self.is_dev && kept())
    }

    /// Where the data is, and whether this server may begin a cluster alone.
    pub(super) fn role(&mut self, purpose: Purpose) -> Result<(Mode, bool), ConfigError> {
        const NO_CLUSTER: &str = "a cluster of several servers is not served yet; one server takes -bootstrap-expect=1";
        let expect = self.number("bootstrap_expect", 0, 0..=i64::from(u16::MAX))?;
        let bootstrap = self.flag("bootstrap").unwrap_or(false);
        if expect > 0 && self.is_dev {
            return Err(self.wrong("bootstrap_expect", "not together with -dev, which is one server in memory"));
        }
        if expect > 1 {
            return Err(self.wrong("bootstrap_expect", NO_CLUSTER));
        }
        let mode = self.mode()?;
        if !self.is_dev && !self.flag("server").unwrap_or(false) {
            self.no_server(purpose)?;
        }
        Ok((mode, self.is_dev || bootstrap || expect == 1))
    }

    fn mode(&mut self) -> Result<Mode, ConfigError> {
        let data_dir = self.text("data_dir").filter(|path| !path.is_empty());
        match (self.is_dev, data_dir) {
            (false, None) => {
                Err(ConfigError("-data-dir (or \"data_dir\") is missing: where the data is kept".to_owned()))
            }
            (false, Some(path)) => Ok(Mode::Disk(path.into())),
            (true, None) => Ok(Mode::Dev),
            (true, Some(_)) => {
                self.warn("data_dir", "nothing is written there: -dev keeps everything in memory");
                Ok(Mode::Dev)
            }
        }
    }

    /// Nothing said that the agent is a server.
    fn no_server(&mut self, purpose: Purpose) -> Result<(), ConfigError> {
        const HINT: &str = "start with -server -bootstrap-expect=1, or with -dev";
        let said = self.entry("server").map(|entry| format!("{}: ", entry.culprit())).unwrap_or_default();
        let problem = format!("{said}client agents are not served yet; {HINT}");
        if purpose == Purpose::Validate {
            self.warnings.push(Warning::new(problem));
            return Ok(());
        }
        Err(ConfigError(if said.is_empty() { format!("this agent is no server: {problem}") } else { problem }))
    }
}
