//! What an agent takes up when it starts: what is kept on disk, under what configuration files define.

use std::collections::HashSet;

use quorate_api as api;

use super::Agent;
use crate::convert;
use crate::definition::{CheckDefinition, ServiceDefinition, Source};
use crate::error::AgentError;
use crate::machine::{Effect, StoreKey, TtlState, maintenance_of};
use crate::store::Record;

impl Agent {
    /// Takes it all up.
    pub(super) fn restore(&self, records: Vec<Record>, services: Vec<ServiceDefinition>, checks: Vec<CheckDefinition>) {
        let by_file: HashSet<String> = services.iter().map(|service| service.service.id.clone()).collect();
        let of_services = services.iter().flat_map(|service| &service.checks);
        let checks_by_file: HashSet<String> = of_services.chain(&checks).map(|check| check.id.clone()).collect();
        let mut states = Vec::new();
        let mut of_checks = Vec::new();
        for record in records {
            match record {
                Record::Service(body) => self.restore_service(*body, &by_file),
                Record::State { .. } => states.push(record),
                other => of_checks.push(other),
            }
        }
        for (name, error) in self.replace_files(services, checks) {
            tracing::error!(name, %error, "a definition from the configuration can't be taken");
        }
        for record in of_checks {
            self.restore_check(record, &checks_by_file);
        }
        let wall_ms = self.0.host.wall.now_ms();
        for record in states {
            let Record::State { id, status, output, expires_ms } = record else { continue };
            match expires_ms.saturating_sub(wall_ms) {
                0 => drop(self.act(|machine, _| machine.forget_state(&id))),
                left_ms => {
                    let state = TtlState { status, output, left_ms };
                    self.act(|machine, now| machine.restore_ttl(now, &id, state));
                }
            }
        }
    }

    fn restore_service(&self, body: api::ServiceDefinition, by_file: &HashSet<String>) {
        let name = body.name.clone();
        let taken = ServiceDefinition::try_from(body).map_err(AgentError::from).and_then(|definition| {
            let id = &definition.service.id;
            if by_file.contains(id) {
                self.forget(StoreKey::Service(id.as_str().into()));
                return Ok(());
            }
            self.act(|machine, now| machine.register_service(now, definition, Source::Api, false)).0
        });
        if let Err(error) = taken {
            tracing::warn!(name, %error, "a service that was registered before can't be taken up again");
        }
    }

    fn restore_check(&self, record: Record, by_file: &HashSet<String>) {
        let taken = match record {
            Record::Check { definition, is_of_service } => {
                // Only now it has the id that it is known by.
                CheckDefinition::try_from(*definition).map_err(AgentError::from).and_then(|mut definition| {
                    if is_of_service {
                        convert::show_as_of_service(&mut definition);
                    }
                    self.restore_definition(definition, is_of_service, by_file)
                })
            }
            Record::Maintenance { service_id, notes } if service_id.is_empty() => {
                self.act(|machine, now| machine.node_maintenance(now, Some(&notes)));
                Ok(())
            }
            Record::Maintenance { service_id, notes } => {
                let put = self.act(|machine, now| machine.service_maintenance(now, &service_id, Some(&notes))).0;
                if put.is_err() {
                    self.forget(StoreKey::Check(maintenance_of(&service_id).into()));
                }
                put.map(|_| ())
            }
            Record::Service(_) | Record::State { .. } => Ok(()),
        };
        if let Err(error) = taken {
            tracing::warn!(%error, "a check that was registered before can't be taken up again");
        }
    }

    fn restore_definition(
        &self,
        definition: CheckDefinition,
        is_of_service: bool,
        by_file: &HashSet<String>,
    ) -> Result<(), AgentError> {
        let key = StoreKey::Check(definition.id.as_str().into());
        if by_file.contains(&definition.id) {
            self.forget(key);
            return Ok(());
        }
        let taken = self.act(|machine, now| machine.restore_check(now, definition, is_of_service)).0;
        if matches!(taken, Err(AgentError::NoService(_))) {
            // Else it would come back with another service of that id.
            self.forget(key);
        }
        taken
    }

    /// What is kept gives way to what a file defines, so that it does not come back when the file goes.
    fn forget(&self, key: StoreKey) {
        self.perform(Effect::Forget(key));
    }
}
