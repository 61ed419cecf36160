"""/v1/status: the leader and the peers."""

from story import case


@case
def leader_and_peers(both):
    both.get("/v1/status/leader")
    both.get("/v1/status/peers")
    both.get("/v1/status/peers?pretty")
    both.get("/v1/status/leader?stale")
    both.get("/v1/status/peers?consistent")
    both.get("/v1/status/leader?token=x&filter=x&near=x")
    both.get("/v1/status/leader/x")
    both.get("/v1/status/")
    both.get("/v1/status")
