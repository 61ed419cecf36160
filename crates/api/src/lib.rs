//! The wire types of /v1 and a typed async client.
