//! The replicated data: a Command in, a Response and the Changes out.
