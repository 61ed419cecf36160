//! The layout itself: fields in their order, variants with their tags. Order and tags are what is on people's disks.
//! Whatever is added says since which format it exists, and comes last.

use std::sync::Arc;

use quorate_state::*;

use super::wire::{Malformed, Reader, Wire, Writer, put_bytes, wire_enum, wire_field, wire_struct};

wire_struct!(Command { now_ms, operation });
wire_enum!(Operation {
    1 = Key(operation),
    2 = Txn(operations),
    3 = SessionCreate(session),
    4 = SessionDestroy(id),
    5 = Register(registration),
    6 = Deregister(deregistration),
    7 = Reap(index),
    8 = Restore(step),
    9 = ActivateFormat(format) since 2,
});
wire_struct!(KeyOperation { key, verb });
wire_enum!(KeyVerb {
    1 = Set(value),
    2 = Cas(value, index),
    3 = Lock(value, session),
    4 = Unlock(value, session),
    5 = Delete,
    6 = DeleteCas(index),
    7 = DeleteTree,
    8 = Get,
    9 = GetOrEmpty,
    10 = GetTree,
    11 = CheckIndex(index),
    12 = CheckSession(session),
    13 = CheckNotExists,
});
wire_struct!(KeyValue { value, flags });
wire_enum!(TxnOperation {
    1 = Key(operation),
    2 = Node(verb, node),
    3 = Service(verb, service),
    4 = Check(verb, check),
});
wire_enum!(CatalogVerb { 1 = Set, 2 = Cas(index), 3 = Get, 4 = Delete, 5 = DeleteCas(index) });
wire_struct!(Registration { node, skip_node_update, service, checks });
wire_struct!(Deregistration { node, service_id, check_id });
wire_enum!(RestoreStep {
    1 = Begin(id),
    2 = Add { id, number, records },
    3 = Commit { id, steps },
    4 = Abandon(id),
});

wire_struct!(Stamp { created, modified });
wire_struct!(KeyEntry { value, flags, session, lock_index, stamp });
wire_struct!(Node { id, name, address, tagged_addresses, meta, locality, stamp });
wire_struct!(Service {
    node,
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
    stamp,
});
wire_struct!(ServiceAddress { address, port });
wire_struct!(Weights { passing, warning });
wire_enum!(CheckStatus { 1 = Passing, 2 = Warning, 3 = Critical });
wire_struct!(Check {
    node,
    id,
    name,
    status,
    notes,
    output,
    service_id,
    service_name,
    service_tags,
    kind,
    interval,
    timeout,
    exposed_port,
    definition,
    stamp,
});
wire_struct!(Session {
    id,
    name,
    node,
    lock_delay_ns,
    behavior,
    ttl,
    ttl_ms,
    node_checks,
    checks,
    service_checks,
    stamp,
});
wire_enum!(SessionBehavior { 1 = Release, 2 = Delete });
wire_struct!(ServiceCheckReference { id, namespace });
wire_enum!(Topic {
    1 = Key(key),
    2 = KeysUnder(key),
    3 = Nodes,
    4 = Node(name),
    5 = NodeChecks(name),
    6 = Services,
    7 = Service(name),
    8 = Health(name),
    9 = Checks,
    10 = ChecksIn(status),
    11 = Sessions,
    12 = NodeSessions(name),
    13 = Session(id),
    14 = Instances,
});
wire_struct!(Header { index, offset, floor, restored, clock_ms, format since 2 else FORMAT_FIRST });

impl Wire for SessionReference {
    fn put(&self, out: &mut Writer<'_>) {
        put_bytes(self.0.as_bytes(), out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        String::take(from).map(Self)
    }
}

/// The tag of a record inside the state that is being restored. It holds another record, never one of its own kind.
const STAGED: u8 = 11;

impl Wire for Record {
    fn put(&self, out: &mut Writer<'_>) {
        match self {
            Self::Header(header) => tagged(1, header, out),
            Self::Key(key, entry) => {
                tagged(2, key, out);
                entry.put(out);
            }
            Self::Tombstone(key, index) => {
                tagged(3, key, out);
                index.put(out);
            }
            Self::Node(node) => tagged(4, node, out),
            Self::Service(service) => tagged(5, service, out),
            Self::Check(check) => tagged(6, check, out),
            Self::Session(session) => tagged(7, session, out),
            Self::LockDelay(key, until_ms) => {
                tagged(8, key, out);
                until_ms.put(out);
            }
            Self::Mark(topic, index) => {
                tagged(9, topic, out);
                index.put(out);
            }
            Self::Staging(id, steps) => {
                tagged(10, id, out);
                steps.put(out);
            }
            Self::Staged(record) => tagged(STAGED, record, out),
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match from.byte()? {
            1 => Self::Header(Wire::take(from)?),
            2 => Self::Key(Wire::take(from)?, Arc::new(Wire::take(from)?)),
            3 => Self::Tombstone(Wire::take(from)?, Wire::take(from)?),
            4 => Self::Node(Wire::take(from)?),
            5 => Self::Service(Wire::take(from)?),
            6 => Self::Check(Wire::take(from)?),
            7 => Self::Session(Wire::take(from)?),
            8 => Self::LockDelay(Wire::take(from)?, Wire::take(from)?),
            9 => Self::Mark(Wire::take(from)?, Wire::take(from)?),
            10 => Self::Staging(Wire::take(from)?, Wire::take(from)?),
            // Peeked before it is entered, so that nested tags can't nest the stack.
            STAGED if from.peek() == Some(STAGED) => return Err(Malformed::Tag(STAGED)),
            STAGED => Self::Staged(Wire::take(from)?),
            tag => return Err(Malformed::Tag(tag)),
        })
    }
}

fn tagged(tag: u8, value: &impl Wire, out: &mut Writer<'_>) {
    out.push(tag);
    value.put(out);
}
