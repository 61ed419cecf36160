//! A member: joins consensus and state; propose, query, watch; leader-only duties.
