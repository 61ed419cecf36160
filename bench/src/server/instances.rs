//! The instances of the service that health and DNS are asked for.

/// Instances of the service.
pub(crate) const INSTANCES: usize = 10;

/// The node of an instance.
pub(crate) fn node_name(instance: usize) -> String {
    format!("quorate-bench-node-{instance}")
}
