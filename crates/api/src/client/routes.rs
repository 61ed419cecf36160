//! The routes, one method each.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde::de::IgnoredAny;

use super::connection::{Content, decode, json, read_all, refused};
use super::query::Target;
use super::{Answer, Client, Delete, Error, PutCondition, Query, Write};
use crate::{
    AgentSelf, CatalogService, Deregistration, HealthCheck, HealthEntry, KvPair, Member, Node, NodeServices,
    RaftConfiguration, Registration, Session, SessionCreate, SessionCreated, TxnOperation, TxnResponse, UserEvent,
};

const OCTETS: &str = "application/octet-stream";

/// Keys and values.
impl Client {
    /// One key.
    pub async fn kv_get(&self, key: &str, query: &Query) -> Result<Answer<Option<KvPair<'static>>>, Error> {
        let pairs = self.read::<Vec<KvPair<'static>>>(Target::new("/v1/kv/").path(key), query).await?;
        Ok(pairs.map(|pairs| pairs.and_then(|pairs| pairs.into_iter().next())))
    }

    /// All keys that begin with `prefix`, in order.
    pub async fn kv_list(&self, prefix: &str, query: &Query) -> Result<Answer<Vec<KvPair<'static>>>, Error> {
        let target = Target::new("/v1/kv/").path(prefix).parameter("recurse", "");
        Ok(self.read(target, query).await?.map(Option::unwrap_or_default))
    }

    /// The names of all keys that begin with `prefix`; up to the next separator, unless that is empty.
    pub async fn kv_keys(&self, prefix: &str, separator: &str, query: &Query) -> Result<Answer<Vec<String>>, Error> {
        let target = Target::new("/v1/kv/").path(prefix).parameter("keys", "");
        let target = target.parameter_if(!separator.is_empty(), "separator", separator);
        Ok(self.read(target, query).await?.map(Option::unwrap_or_default))
    }

    /// Writes a key; false if the condition did not hold.
    pub async fn kv_put(&self, key: &str, value: impl AsRef<[u8]>, write: &Write) -> Result<bool, Error> {
        let target = Target::new("/v1/kv/").path(key);
        let target = target.parameter_if(write.flags != 0, "flags", &write.flags.to_string());
        let target = match &write.condition {
            PutCondition::None => target,
            PutCondition::Cas(index) => target.parameter("cas", &index.to_string()),
            PutCondition::Acquire(session) => target.parameter("acquire", session),
            PutCondition::Release(session) => target.parameter("release", session),
        };
        let body = Content::Whole(Bytes::copy_from_slice(value.as_ref()));
        Ok(is_true(&self.write(Method::PUT, target, Some((OCTETS, body))).await?))
    }

    /// Deletes keys; false if the condition did not hold.
    pub async fn kv_delete(&self, key: &str, delete: Delete) -> Result<bool, Error> {
        let target = Target::new("/v1/kv/").path(key);
        let target = match delete {
            Delete::Key => target,
            Delete::Cas(index) => target.parameter("cas", &index.to_string()),
            Delete::Recurse => target.parameter("recurse", ""),
        };
        Ok(is_true(&self.write(Method::DELETE, target, None).await?))
    }

    /// All of the operations or none. A transaction that fails is an answer with errors, not an error.
    pub async fn txn(&self, operations: &[TxnOperation], query: &Query) -> Result<TxnResponse<'static>, Error> {
        let target = Target::new("/v1/txn").query(query);
        let body = json("/v1/txn", &operations)?;
        let (url, response) = self.send(Method::PUT, target, Some(body), Duration::ZERO).await?;
        let status = response.status();
        let (_, body) = read_all(&url, response).await?;
        match status {
            StatusCode::OK | StatusCode::CONFLICT => decode(&url, &body),
            _ => Err(refused(status, &body)),
        }
    }
}

/// Sessions.
impl Client {
    /// Creates a session and gives its id.
    pub async fn session_create(&self, session: &SessionCreate) -> Result<String, Error> {
        let created: SessionCreated<'static> = self.call(Target::new("/v1/session/create"), Some(session)).await?;
        Ok(created.id.into_owned())
    }

    /// Ends a session; no error if there is none.
    pub async fn session_destroy(&self, id: &str) -> Result<(), Error> {
        self.write(Method::PUT, Target::new("/v1/session/destroy/").path(id), None).await?;
        Ok(())
    }

    /// Starts a session's time-to-live anew; `None` if there is no such session.
    pub async fn session_renew(&self, id: &str) -> Result<Option<Session<'static>>, Error> {
        let target = Target::new("/v1/session/renew/").path(id);
        match self.call::<Vec<Session<'static>>>(target, None::<&()>).await {
            Ok(sessions) => Ok(sessions.into_iter().next()),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One session.
    pub async fn session_info(&self, id: &str, query: &Query) -> Result<Answer<Option<Session<'static>>>, Error> {
        let target = Target::new("/v1/session/info/").path(id);
        let sessions = self.read_present::<Vec<Session<'static>>>(target, query).await?;
        Ok(sessions.map(|sessions| sessions.into_iter().next()))
    }

    /// The sessions of a node.
    pub async fn session_node(&self, node: &str, query: &Query) -> Result<Answer<Vec<Session<'static>>>, Error> {
        self.read_present(Target::new("/v1/session/node/").path(node), query).await
    }

    /// All sessions.
    pub async fn session_list(&self, query: &Query) -> Result<Answer<Vec<Session<'static>>>, Error> {
        self.read_present(Target::new("/v1/session/list"), query).await
    }
}

/// The catalog and the health of what is in it.
impl Client {
    /// Registers a node, and on it a service and checks.
    pub async fn catalog_register(&self, registration: &Registration) -> Result<(), Error> {
        self.call::<IgnoredAny>(Target::new("/v1/catalog/register"), Some(registration)).await?;
        Ok(())
    }

    /// Removes a node, or one service or check of it.
    pub async fn catalog_deregister(&self, deregistration: &Deregistration) -> Result<(), Error> {
        self.call::<IgnoredAny>(Target::new("/v1/catalog/deregister"), Some(deregistration)).await?;
        Ok(())
    }

    /// The datacenters that are known.
    pub async fn catalog_datacenters(&self) -> Result<Vec<String>, Error> {
        let answer = self.read_present(Target::new("/v1/catalog/datacenters"), &Query::default()).await?;
        Ok(answer.value)
    }

    /// All nodes.
    pub async fn catalog_nodes(&self, query: &Query) -> Result<Answer<Vec<Node<'static>>>, Error> {
        self.read_present(Target::new("/v1/catalog/nodes"), query).await
    }

    /// The names of all services, with all tags of their instances.
    pub async fn catalog_services(&self, query: &Query) -> Result<Answer<BTreeMap<String, Vec<String>>>, Error> {
        self.read_present(Target::new("/v1/catalog/services"), query).await
    }

    /// The instances of a service.
    pub async fn catalog_service(
        &self,
        name: &str,
        query: &Query,
    ) -> Result<Answer<Vec<CatalogService<'static>>>, Error> {
        self.read_present(Target::new("/v1/catalog/service/").path(name), query).await
    }

    /// A node with its services; `None` if there is no such node.
    pub async fn catalog_node(
        &self,
        node: &str,
        query: &Query,
    ) -> Result<Answer<Option<NodeServices<'static>>>, Error> {
        self.read_present(Target::new("/v1/catalog/node/").path(node), query).await
    }

    /// The instances of a service with their nodes and checks.
    pub async fn health_service(&self, name: &str, query: &Query) -> Result<Answer<Vec<HealthEntry<'static>>>, Error> {
        self.read_present(Target::new("/v1/health/service/").path(name), query).await
    }

    /// The instances of a service none of whose checks is warning or critical.
    pub async fn health_service_passing(
        &self,
        name: &str,
        query: &Query,
    ) -> Result<Answer<Vec<HealthEntry<'static>>>, Error> {
        self.read_present(Target::new("/v1/health/service/").path(name).parameter("passing", ""), query).await
    }

    /// The checks of a node.
    pub async fn health_node(&self, node: &str, query: &Query) -> Result<Answer<Vec<HealthCheck<'static>>>, Error> {
        self.read_present(Target::new("/v1/health/node/").path(node), query).await
    }

    /// The checks of a service.
    pub async fn health_checks(&self, name: &str, query: &Query) -> Result<Answer<Vec<HealthCheck<'static>>>, Error> {
        self.read_present(Target::new("/v1/health/checks/").path(name), query).await
    }

    /// The checks in a state: `passing`, `warning`, `critical` or `any`.
    pub async fn health_state(&self, state: &str, query: &Query) -> Result<Answer<Vec<HealthCheck<'static>>>, Error> {
        self.read_present(Target::new("/v1/health/state/").path(state), query).await
    }
}

/// Events, the agent and the group of servers.
impl Client {
    /// Fires an event and gives it back with its id.
    pub async fn event_fire(&self, event: &UserEvent<'_>) -> Result<UserEvent<'static>, Error> {
        let target = Target::new("/v1/event/fire/").path(&event.name);
        let target = target
            .parameter_if(!event.node_filter.is_empty(), "node", &event.node_filter)
            .parameter_if(!event.service_filter.is_empty(), "service", &event.service_filter)
            .parameter_if(!event.tag_filter.is_empty(), "tag", &event.tag_filter);
        let url = self.address().url(target.as_str());
        let payload =
            event.payload.as_ref().map(|payload| (OCTETS, Content::Whole(Bytes::copy_from_slice(&payload.0))));
        decode(&url, &self.write(Method::PUT, target, payload).await?)
    }

    /// The last events that the agent saw, of one name unless it is empty.
    pub async fn event_list(&self, name: &str, query: &Query) -> Result<Answer<Vec<UserEvent<'static>>>, Error> {
        self.read_present(Target::new("/v1/event/list").parameter_if(!name.is_empty(), "name", name), query).await
    }

    /// The agent about itself.
    pub async fn agent_self(&self) -> Result<AgentSelf<'static>, Error> {
        Ok(self.read_present(Target::new("/v1/agent/self"), &Query::default()).await?.value)
    }

    /// The members that the agent knows.
    pub async fn agent_members(&self) -> Result<Vec<Member<'static>>, Error> {
        Ok(self.read_present(Target::new("/v1/agent/members"), &Query::default()).await?.value)
    }

    /// The leader's address; empty if there is none.
    pub async fn status_leader(&self) -> Result<String, Error> {
        Ok(self.read_present(Target::new("/v1/status/leader"), &Query::default()).await?.value)
    }

    /// The addresses of the servers.
    pub async fn status_peers(&self) -> Result<Vec<String>, Error> {
        Ok(self.read_present(Target::new("/v1/status/peers"), &Query::default()).await?.value)
    }

    /// The members of the consensus group.
    pub async fn raft_configuration(&self, query: &Query) -> Result<RaftConfiguration<'static>, Error> {
        Ok(self.read_present(Target::new("/v1/operator/raft/configuration"), query).await?.value)
    }
}

/// Consul's own client looks for the word anywhere in the body.
fn is_true(body: &[u8]) -> bool {
    body.windows(4).any(|window| window == b"true")
}
