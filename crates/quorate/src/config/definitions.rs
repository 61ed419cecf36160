//! What configuration files define beside settings, and what it means: services, checks and watches.
//!
//! Services and checks are the agent's affair: [`Definitions`] has them converted to its types and asks it whether it would
//! take them; [`watches`] does watches. A mistake is reported by file, line and key.

use std::collections::HashSet;
use std::slice;
use std::sync::Arc;

use quorate_agent::machine::Machine;
use quorate_agent::{AgentError, CheckDefinition, ServiceDefinition, Settings as AgentSettings};
use quorate_api::definition::check_from_file;
use quorate_hcl::Kind as Tree;

use super::definition::{Definition, DefinitionKind, service_of};
use super::watches::{self, Watch};
use super::{ConfigError, Warning};

/// What a server keeps of its own node by itself, and nobody may define.
pub(crate) const OF_THE_SERVER: [&str; 2] = ["consul", "serfHealth"];

/// All definitions, as they are written and as the agent runs them.
#[derive(Clone, PartialEq)]
pub(crate) struct Definitions {
    written: Vec<Definition>,
    /// The services of this host, in the order of the files.
    pub(crate) services: Vec<ServiceDefinition>,
    /// The checks beside them.
    pub(crate) checks: Vec<CheckDefinition>,
    /// What is watched.
    pub(crate) watches: Vec<Watch>,
}

impl std::fmt::Debug for Definitions {
    /// As they are written.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.written).finish()
    }
}

impl Definitions {
    /// What these definitions mean; and what the operator should know of them.
    pub(super) fn of(mut written: Vec<Definition>) -> Result<(Self, Vec<Warning>), ConfigError> {
        let mut warnings: Vec<Warning> = written.iter_mut().filter_map(Definition::take_sidecar).collect();
        let (mut services, mut checks) = (Vec::new(), Vec::new());
        for definition in &written {
            definition.check()?;
            match definition.kind {
                DefinitionKind::Service => services.push(definition.service()?),
                DefinitionKind::Check => checks.push(definition.check_of_its_own()?),
                DefinitionKind::Watch => {}
            }
        }
        let watches = watches::of(&written)?;
        warnings.extend(watches::warnings(&written));
        Ok((Self { written, services, checks, watches }, warnings))
    }

    /// Whether an agent with these settings that knows nothing else would take them. If requests `may_have_registered`
    /// services before, a check may belong to one of those.
    pub(super) fn admit(&self, settings: AgentSettings, may_have_registered: bool) -> Result<(), ConfigError> {
        let agent = AgentSettings { protected: OF_THE_SERVER.map(str::to_owned).into(), ..settings };
        let machine = Machine::new(Arc::new(agent), 0);
        if !may_have_registered {
            return self.refusal(|services, checks| machine.refusal_of_files(services, checks));
        }
        let named: HashSet<&str> = self.services.iter().map(|service| &*service.service.id).collect();
        let without_unknown = |check: &CheckDefinition| {
            let mut check = check.clone();
            if !named.contains(&*check.service_id) {
                check.service_id.clear();
            }
            check
        };
        self.refusal(|services, checks| {
            let checks: Vec<CheckDefinition> = checks.iter().map(without_unknown).collect();
            machine.refusal_of_files(services, &checks)
        })
    }

    /// An error if the agent, which is asked by `refusal_of_files`, would not take one of them.
    pub(crate) fn refusal(
        &self,
        refusal_of_files: impl Fn(&[ServiceDefinition], &[CheckDefinition]) -> Option<(String, AgentError)>,
    ) -> Result<(), ConfigError> {
        let Some((_, first)) = refusal_of_files(&self.services, &self.checks) else { return Ok(()) };
        // One of them: each is asked about alone.
        let written = |kind| self.written.iter().filter(move |one| one.kind == kind);
        for (service, definition) in self.services.iter().zip(written(DefinitionKind::Service)) {
            if let Some((_, error)) = refusal_of_files(slice::from_ref(service), &[]) {
                return Err(definition.refused(&error));
            }
        }
        for (check, definition) in self.checks.iter().zip(written(DefinitionKind::Check)) {
            let service = self.services.iter().find(|service| service.service.id == check.service_id);
            let service = service.map(slice::from_ref).unwrap_or_default();
            if let Some((_, error)) = refusal_of_files(service, slice::from_ref(check)) {
                return Err(definition.refused(&error));
            }
        }
        Err(ConfigError(first.to_string()))
    }
}

impl Definition {
    fn service(&self) -> Result<ServiceDefinition, ConfigError> {
        if let Some(key) = ["address", "port"].into_iter().find(|key| self.asks(key))
            && self.asks("socket_path")
        {
            return Err(self.error("socket_path", format_args!("not together with {key:?}: a service has one place")));
        }
        service_of(&self.json()).map_err(|problem| self.blame(&problem))
    }

    fn check_of_its_own(&self) -> Result<CheckDefinition, ConfigError> {
        let check = check_from_file(&self.json()).map_err(|error| self.blame(&error.to_string()))?;
        check.try_into().map_err(|error: quorate_agent::DefinitionError| self.blame(&error.0))
    }

    /// Takes away the sidecar of a service, which there is no mesh for.
    fn take_sidecar(&mut self) -> Option<Warning> {
        const WITHOUT: &str =
            "has no effect: the mesh is not served yet, and the service is registered without a proxy";
        const SIDECAR: &str = "connect.sidecar_service";
        self.line_of(SIDECAR)?;
        let mut warning = self.warning(SIDECAR, "");
        warning.text = format!("{} {WITHOUT}", warning.text.trim_end_matches(": "));
        let connect = self.values.members.iter_mut().find(|member| member.key == "connect")?;
        if let Tree::Object(connect) = &mut connect.value.kind {
            connect.members.retain(|member| member.key != "sidecar_service");
        }
        Some(warning)
    }

    /// What has to hold for any agent.
    fn check(&self) -> Result<(), ConfigError> {
        let has = |key| self.text(key).is_some_and(|text| !text.is_empty());
        match self.kind {
            DefinitionKind::Service | DefinitionKind::Check if !has("name") => {
                Err(self.error("name", "it has no \"name\""))
            }
            DefinitionKind::Watch if !has("type") => Err(self.error("type", "it has no \"type\"")),
            DefinitionKind::Watch => self.check_handler(),
            _ => Ok(()),
        }
    }

    /// A watch in a file has a handler, and one only.
    fn check_handler(&self) -> Result<(), ConfigError> {
        let is_script = match self.text("handler_type").unwrap_or("script") {
            "script" | "" => true,
            "http" => false,
            other => return Err(self.error("handler_type", format_args!("{other:?}: it must be script or http"))),
        };
        let script = self.values.get("args").is_some();
        let shell = self.values.get("handler").is_some();
        match (is_script, script, shell) {
            (true, true, true) => Err(self.error("args", "not together with \"handler\", which says the same")),
            (true, false, false) => Err(self.error("", "it has no handler: \"args\", or \"handler_type\" = \"http\"")),
            (false, ..) if self.values.get("http_handler_config").is_none() => {
                Err(self.error("handler_type", "it has no \"http_handler_config\""))
            }
            _ => Ok(()),
        }
    }
}
