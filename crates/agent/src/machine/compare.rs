//! Comparing all entries with what the catalog has of the own node.
//!
//! With steady changes of checks this happens once a second, for the agent's own writes touch its node too; so both sides are
//! walked once, in the order of their ids, and nothing is copied of what is the same.

use quorate_state::Check;

use super::sync::Entry;
use super::*;

impl Machine {
    /// Compares all entries with what the catalog has. What it refused is told again by the whole comparison alone.
    pub fn compare(&mut self, view: &NodeView, extent: Extent) {
        self.sync.failures = 0;
        self.compare_services(view, extent);
        self.compare_checks(view, extent);
    }

    fn compare_services(&mut self, view: &NodeView, extent: Extent) {
        let mut there: Vec<_> = view.services.iter().collect();
        there.sort_by(|one, other| one.id.cmp(&other.id));
        let mut there = there.into_iter().peekable();
        let (mut other, mut strange, mut overridden) = (Vec::new(), Vec::new(), Vec::new());
        for (id, here) in &self.services {
            while let Some(stranger) = there.next_if(|there| *there.id < **id) {
                strange.push(stranger);
            }
            let there = there.next_if(|there| *there.id == **id);
            if let Some(there) =
                there.filter(|there| here.service.enable_tag_override && here.service.tags != there.tags)
            {
                overridden.push((id.clone(), there.tags.clone()));
            }
            if !there.is_some_and(|there| is_same_service(&here.service, there)) {
                other.push(id.clone());
            }
        }
        strange.extend(there);
        for (id, tags) in overridden {
            if let Some(entry) = self.services.get_mut(&id) {
                entry.service.tags = tags;
            }
            self.emit(Effect::ServicesChanged);
        }
        other.retain(|id| extent == Extent::All || !self.sync.is_refused(Entry::Service(id.clone())));
        self.sync.dirty_services.extend(other);
        if extent == Extent::All {
            let gone = strange.into_iter().filter(|there| !self.settings.protected.contains(&there.id));
            self.sync.gone_services.extend(gone.map(|there| Id::from(&*there.id)));
        }
    }

    fn compare_checks(&mut self, view: &NodeView, extent: Extent) {
        let mut there: Vec<_> = view.checks.iter().collect();
        there.sort_by(|one, other| one.id.cmp(&other.id));
        let mut there = there.into_iter().peekable();
        let (mut other, mut strange) = (Vec::new(), Vec::new());
        for (id, here) in &self.checks {
            while let Some(stranger) = there.next_if(|there| *there.id < **id) {
                strange.push(stranger);
            }
            let there = there.next_if(|there| *there.id == **id);
            let waits_with_output = || self.timers.at(&Timer::Output(id.clone())).is_some();
            let is_told = |there: &Check| here.output == there.output || waits_with_output();
            if !there.is_some_and(|there| is_same_check(here, there) && is_told(there)) {
                other.push(id.clone());
            }
        }
        strange.extend(there);
        other.retain(|id| extent == Extent::All || !self.sync.is_refused(Entry::Check(id.clone())));
        self.sync.dirty_checks.extend(other);
        if extent == Extent::All {
            strange.into_iter().for_each(|there| self.remove_strange_check(there));
        }
    }

    fn remove_strange_check(&mut self, there: &Check) {
        if self.settings.protected.contains(&there.id) {
            return;
        }
        let id = Id::from(&*there.id);
        match self.sync.gone_services.get(&*there.service_id).cloned() {
            Some(service) => self.check_goes_with(&service, id),
            None => drop(self.sync.gone_checks.insert(id)),
        }
    }
}

/// Whether the catalog has a service as it is here. Tags that others may change are theirs.
fn is_same_service(here: &Service, there: &Service) -> bool {
    // All fields are named, so that none that is added is forgotten.
    let Service {
        node: _,
        stamp: _,
        id,
        name,
        tags,
        address,
        tagged_addresses,
        meta,
        port,
        socket_path,
        weights,
        enable_tag_override,
        kind,
        proxy,
        connect,
        ports,
        locality,
        ai,
    } = there;
    here.id == *id
        && here.name == *name
        && (here.enable_tag_override || here.tags == *tags)
        && here.address == *address
        && here.tagged_addresses == *tagged_addresses
        && here.meta == *meta
        && here.port == *port
        && here.socket_path == *socket_path
        && here.weights == *weights
        && here.enable_tag_override == *enable_tag_override
        && here.kind == *kind
        && here.proxy == *proxy
        && here.connect == *connect
        && here.ports == *ports
        && here.locality == *locality
        && here.ai == *ai
}

fn is_same_check(here: &CheckEntry, there: &Check) -> bool {
    let definition = &here.definition;
    definition.name == there.name
        && here.status == there.status
        && definition.notes == there.notes
        && definition.service_id == there.service_id
        && definition.check.kind() == there.kind
        && definition.interval_text == there.interval
        && definition.timeout_text == there.timeout
}
