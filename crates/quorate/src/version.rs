//! The two versions that are told.

/// The version of the Consul API that is served: what clients compare.
pub(crate) const CONSUL_API: &str = "1.13.9";

/// Quorate's own.
pub(crate) const QUORATE: &str = env!("CARGO_PKG_VERSION");
