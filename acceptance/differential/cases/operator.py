"""/v1/operator/raft/configuration."""

from story import case


@case
def the_raft_configuration(both):
    both.get("/v1/operator/raft/configuration")
    both.get("/v1/operator/raft/configuration?stale")
    both.get("/v1/operator/raft/configuration?consistent")
    both.get("/v1/operator/raft/configuration?pretty")
    both.get("/v1/operator/raft/configuration/")
    both.get("/v1/operator/raft")
    both.get("/v1/operator")
