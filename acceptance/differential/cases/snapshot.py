"""/v1/snapshot: saving, restoring, and archives that are none. Runs last: a restore replaces all state."""

from story import case


@case
def what_is_no_archive(both):
    both.put("/v1/kv/kept", "x")
    both.put("/v1/snapshot", "garbage")
    both.put("/v1/snapshot", "")
    both.put("/v1/snapshot")
    both.put("/v1/snapshot", bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF, 1, 2, 3]))
    both.get("/v1/kv/kept")


@case
def saving(both):
    both.get("/v1/snapshot", opaque=True)
    both.get("/v1/snapshot?stale", opaque=True)
    both.get("/v1/snapshot?consistent", opaque=True)
    both.get("/v1/snapshot?dc=dc1", opaque=True)
    both.get("/v1/snapshot/")


@case
def an_archive_cut_short(both):
    both.put("/v1/kv/kept", "x")
    archives = both.get("/v1/snapshot", opaque=True).bodies()
    both.put_each("/v1/snapshot", [archive[: len(archive) // 2] for archive in archives])
    both.get("/v1/kv/kept")


@case
def restoring_brings_all_back(both):
    session = both.put("/v1/session/create", {"Name": "saved", "TTL": "60s"}).take("ID")
    both.put("/v1/kv/saved", "x")
    both.put(f"/v1/kv/lock?acquire={session}", "x")
    both.put("/v1/kv/deleted", "x")
    both.delete("/v1/kv/deleted")
    check = {"CheckID": "c", "Name": "c", "ServiceID": "web", "Status": "passing"}
    both.put(
        "/v1/catalog/register", {"Node": "host", "Address": "10.0.0.1", "Service": {"Service": "web"}, "Check": check}
    )
    archives = both.get("/v1/snapshot", opaque=True).bodies()
    both.put("/v1/kv/saved", "changed")
    both.put("/v1/kv/later", "x")
    both.put(f"/v1/session/destroy/{session}")
    both.put("/v1/catalog/deregister", {"Node": "host"})
    both.put("/v1/catalog/register", {"Node": "later", "Address": "10.0.0.2"})
    both.put_each("/v1/snapshot", archives)
    both.forget_indices()
    both.get("/v1/kv/?recurse")
    both.get(f"/v1/session/info/{session}")
    both.put(f"/v1/session/renew/{session}")
    both.get("/v1/catalog/nodes")
    both.get("/v1/catalog/services")
    both.get("/v1/health/service/web")
    both.put("/v1/kv/after", "x")
    both.get("/v1/kv/?recurse")
    both.put(f"/v1/kv/lock?release={session}", "y")
    both.get("/v1/kv/lock")


@case
def a_restore_answers_every_parked_question(both):
    both.put("/v1/kv/parked", "before")
    both.put("/v1/catalog/register", {"Node": "host", "Address": "10.0.0.1", "Service": {"Service": "web"}})
    archives = both.get("/v1/snapshot", opaque=True).bodies()
    both.put("/v1/kv/parked", "after")
    questions = ["/v1/kv/parked", "/v1/kv/?keys", "/v1/catalog/nodes", "/v1/health/service/web", "/v1/session/list"]
    both.watch_restore([*questions, "/v1/kv/absent", "/v1/health/service/absent"], "/v1/snapshot", archives)


@case
def an_archive_of_the_other_server(both):
    # The last case of all: with Consul on both sides each now holds the other's state.
    archives = both.get("/v1/snapshot", opaque=True).bodies()
    both.put_each("/v1/snapshot", archives[::-1])
    both.forget_indices()
