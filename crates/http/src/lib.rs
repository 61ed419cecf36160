//! The /v1 server.
