//! Registering and removing. What is registered again unchanged is not disturbed.

use std::collections::BTreeSet;

use super::*;
use crate::definition::Check;
use crate::error::AgentError;

/// The ids of maintenance checks.
const NODE_MAINTENANCE: &str = "_node_maintenance";
const SERVICE_MAINTENANCE: &str = "_service_maintenance:";

impl Machine {
    /// Whether a service or check of this id may be registered at all.
    fn admit(&self, id: &str, is_new: bool, count: usize) -> Result<(), AgentError> {
        if self.settings.protected.iter().any(|protected| protected == id) {
            return Err(AgentError::Protected(id.to_owned()));
        }
        if is_new && count >= self.settings.entries_max {
            return Err(AgentError::TooMany(count));
        }
        Ok(())
    }

    /// Whether a check of this kind may run, by where it comes from.
    fn admit_script(&self, check: &Check, source: Source) -> Result<(), AgentError> {
        let settings = &self.settings;
        if !check.is_script() || settings.enable_script_checks {
            return Ok(());
        }
        match source {
            Source::Api => Err(AgentError::RemoteScripts),
            Source::File if settings.enable_local_script_checks => Ok(()),
            Source::File => Err(AgentError::Scripts),
        }
    }

    /// Registers a service with its checks. Checks that it had before stay, unless `replace_checks`.
    pub fn register_service(
        &mut self,
        now: u64,
        definition: ServiceDefinition,
        source: Source,
        replace_checks: bool,
    ) -> Result<(), AgentError> {
        let id: Id = definition.service.id.as_str().into();
        self.admit(&id, !self.services.contains_key(&id), self.services.len())?;
        for check in &definition.checks {
            self.admit(&check.id, !self.checks.contains_key(&*check.id), self.checks.len())?;
            self.admit_script(&check.check, source)?;
        }
        if replace_checks {
            let named: BTreeSet<&str> = definition.checks.iter().map(|check| &*check.id).collect();
            let old: Vec<Id> = self.checks_of.get(&id).into_iter().flatten().cloned().collect();
            // A file replaces only what came with the service; what requests added to it stays.
            let is_replaced = |check: &Id| {
                let came_with_it = self.checks.get(check).is_some_and(|entry| entry.is_of_service);
                !named.contains(&**check) && (source == Source::Api || came_with_it)
            };
            let replaced: Vec<Id> = old.into_iter().filter(is_replaced).collect();
            for check in replaced {
                self.remove_check(now, &check);
            }
        }
        let of_file = (source == Source::File).then(|| Box::new(definition.clone()));
        let ServiceDefinition { service, checks } = definition;
        let is_same = self.services.get(&id).is_some_and(|entry| entry.service == service);
        self.services.insert(id.clone(), ServiceEntry { service, source, of_file });
        self.service_is_back(&id);
        if !is_same {
            self.service_is_dirty(&id);
            self.emit(Effect::ServicesChanged);
        }
        self.without_aliases(|machine| {
            for check in checks {
                let first = check.status.unwrap_or_default();
                machine.put_check(now, check, source, true, first);
            }
        });
        self.refresh_aliases(now, &id);
        Ok(())
    }

    /// Removes a service with its checks.
    pub fn deregister_service(&mut self, now: u64, id: &str) -> Result<(), AgentError> {
        let Some((id, _)) = self.services.remove_with_key(id) else {
            return Err(AgentError::UnknownService(id.to_owned()));
        };
        let checks: Vec<Id> = self.checks_of.get(&id).into_iter().flatten().cloned().collect();
        self.without_aliases(|machine| checks.iter().for_each(|check| machine.remove_check(now, check)));
        self.service_is_gone(&id, checks);
        self.emit(Effect::Forget(StoreKey::Service(id.clone())));
        self.emit(Effect::ServicesChanged);
        self.refresh_aliases(now, &id);
        Ok(())
    }

    /// Registers a check of the node, or of a service that is there.
    pub fn register_check(&mut self, now: u64, definition: CheckDefinition, source: Source) -> Result<(), AgentError> {
        self.admit_check(&definition, source)?;
        let first = definition.status.unwrap_or_default();
        self.put_check(now, definition, source, false, first);
        Ok(())
    }

    /// Takes up again a check that a request had registered, alone or with its service. Whatever its definition says, it is
    /// critical until it is heard of: what was not healthy when the agent stopped must not be found again meanwhile.
    pub fn restore_check(
        &mut self,
        now: u64,
        definition: CheckDefinition,
        is_of_service: bool,
    ) -> Result<(), AgentError> {
        self.admit_check(&definition, Source::Api)?;
        self.put_check(now, definition, Source::Api, is_of_service, CheckStatus::Critical);
        Ok(())
    }

    fn admit_check(&self, definition: &CheckDefinition, source: Source) -> Result<(), AgentError> {
        let id = &definition.id;
        self.admit(id, !self.checks.contains_key(&**id), self.checks.len())?;
        if !definition.service_id.is_empty() && !self.services.contains_key(&*definition.service_id) {
            return Err(AgentError::NoService(definition.service_id.clone()));
        }
        self.admit_script(&definition.check, source)
    }

    /// Removes a check.
    pub fn deregister_check(&mut self, now: u64, id: &str) -> Result<(), AgentError> {
        let Some((id, _)) = self.checks.get_key_value(id) else {
            return Err(AgentError::UnknownCheck(id.to_owned()));
        };
        let id = id.clone();
        self.remove_check(now, &id);
        Ok(())
    }

    /// Puts a service in maintenance, or takes it out. Doing so again changes nothing, not even the reason.
    pub fn service_maintenance(&mut self, now: u64, id: &str, reason: Option<&str>) -> Result<Changed, AgentError> {
        if !self.services.contains_key(id) {
            return Err(AgentError::UnknownService(id.to_owned()));
        }
        Ok(self.maintenance(now, maintenance_of(id), id, reason))
    }

    /// Puts the node in maintenance, or takes it out.
    pub fn node_maintenance(&mut self, now: u64, reason: Option<&str>) -> Changed {
        self.maintenance(now, NODE_MAINTENANCE.to_owned(), "", reason)
    }

    fn maintenance(&mut self, now: u64, id: String, service_id: &str, reason: Option<&str>) -> Changed {
        let is_there = self.checks.contains_key(&*id);
        match reason {
            Some(reason) if !is_there => {
                let definition = maintenance_check(id, service_id, reason);
                self.put_check(now, definition.clone(), Source::Api, false, CheckStatus::Critical);
                Changed::Added(Box::new(definition))
            }
            None if is_there => {
                self.remove_check(now, &Id::from(id));
                Changed::Removed
            }
            _ => Changed::Nothing,
        }
    }

    /// Why [`Self::replace_files`] would not take one of these, with its name; the first one found. Changes nothing.
    pub fn refusal_of_files(
        &self,
        services: &[ServiceDefinition],
        checks: &[CheckDefinition],
    ) -> Option<(String, AgentError)> {
        let named: BTreeSet<&str> = services.iter().map(|service| &*service.service.id).collect();
        let stays = |id: &str| self.services.get(id).is_some_and(|entry| entry.source == Source::Api);
        let of_services = services.iter().map(|service| {
            let admitted = self.admit(&service.service.id, false, 0);
            let scripts = service.checks.iter().map(|check| {
                self.admit(&check.id, false, 0)?;
                self.admit_script(&check.check, Source::File)
            });
            (&service.service.name, admitted.and_then(|()| scripts.collect()))
        });
        let of_checks = checks.iter().map(|check| {
            let of = &*check.service_id;
            let has_service = of.is_empty() || named.contains(of) || stays(of);
            let exists = if has_service { Ok(()) } else { Err(AgentError::NoService(of.to_owned())) };
            let admitted = exists.and_then(|()| self.admit(&check.id, false, 0));
            (&check.name, admitted.and_then(|()| self.admit_script(&check.check, Source::File)))
        });
        let mut refused = of_services.chain(of_checks).filter_map(|(name, admitted)| Some((name, admitted.err()?)));
        refused.next().map(|(name, error)| (name.clone(), error))
    }

    /// Brings what files define in line with `services` and `checks`: adds, changes and removes without disturbing what
    /// stayed the same or came by requests. Gives why single ones could not be taken.
    pub fn replace_files(
        &mut self,
        now: u64,
        services: Vec<ServiceDefinition>,
        checks: Vec<CheckDefinition>,
    ) -> Vec<(String, AgentError)> {
        let named: BTreeSet<&str> = services.iter().map(|service| &*service.service.id).collect();
        let of_files = self.services.iter().filter(|(_, entry)| entry.source == Source::File);
        let gone: Vec<Id> = of_files.filter(|(id, _)| !named.contains(&***id)).map(|(id, _)| id.clone()).collect();
        let named: BTreeSet<&str> = checks.iter().map(|check| &*check.id).collect();
        let of_files = self.checks.iter().filter(|(_, entry)| entry.source == Source::File && !entry.is_of_service);
        let gone_checks: Vec<Id> =
            of_files.filter(|(id, _)| !named.contains(&***id)).map(|(id, _)| id.clone()).collect();
        for id in gone {
            // It is there, since it was just found.
            let _ = self.deregister_service(now, &id);
        }
        gone_checks.iter().for_each(|id| self.remove_check(now, id));
        let mut refused = Vec::new();
        for service in services {
            let (id, name) = (Id::from(&*service.service.id), service.service.name.clone());
            let same = |entry: &ServiceEntry| entry.of_file.as_deref() == Some(&service);
            if self.services.get(&id).is_some_and(same) {
                continue;
            }
            let gives_way = self.services.get(&id).is_some_and(|entry| entry.source == Source::Api);
            match self.register_service(now, service, Source::File, true) {
                // What a request had registered under this id gives way, also on disk.
                Ok(()) if gives_way => self.emit(Effect::Forget(StoreKey::Service(id))),
                Ok(()) => {}
                Err(error) => refused.push((name, error)),
            }
        }
        for check in checks {
            let name = check.name.clone();
            if let Err(error) = self.register_check(now, check, Source::File) {
                refused.push((name, error));
            }
        }
        refused
    }
}

/// What maintenance did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// This check stands for it now.
    Added(Box<CheckDefinition>),
    /// It is over.
    Removed,
    /// It was so already.
    Nothing,
}

/// The id of the check that stands for maintenance of a service.
pub(crate) fn maintenance_of(service_id: &str) -> String {
    format!("{SERVICE_MAINTENANCE}{service_id}")
}

/// The check that stands for maintenance.
pub(crate) fn maintenance_check(id: String, service_id: &str, reason: &str) -> CheckDefinition {
    let what = if service_id.is_empty() { "node" } else { "service" };
    let notes = match reason {
        "" => format!(
            "Maintenance mode is enabled for this {what}, but no reason was provided. This is a default message."
        ),
        reason => reason.to_owned(),
    };
    let name = if service_id.is_empty() { "Node Maintenance Mode" } else { "Service Maintenance Mode" };
    CheckDefinition {
        id,
        name: name.to_owned(),
        notes,
        service_id: service_id.to_owned(),
        status: None,
        check: Check::Maintenance,
        interval: Default::default(),
        timeout: Default::default(),
        interval_text: String::new(),
        timeout_text: String::new(),
        thresholds: Default::default(),
        deregister_after: None,
        output_bytes_max: None,
    }
}
