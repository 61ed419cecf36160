"""/v1/session: every form of the create body, reading, renewal, lock delay, and what ends a session."""

import time

from story import case

# Consul's minimum; a session lives for between one and two of these.
TTL_SECONDS_MIN = 10


def register(both, **fields):
    return both.put("/v1/catalog/register", fields)


def create(both, **fields):
    return both.put("/v1/session/create", fields).take("ID")


def info(both, session):
    return both.get(f"/v1/session/info/{session}")


def create_and_look(both, body):
    """Creates a session from `body` and, where that succeeded, reads it back."""
    session = both.put("/v1/session/create", body).take("ID")
    both.get(f"/v1/session/info/{session}")
    both.put(f"/v1/session/destroy/{session}")


@case
def the_plain_one(both):
    create_and_look(both, None)
    for body in ["", "{}", "null", "{} trailing", '{"Unknown":1}', '{"ID":"mine"}', '{"CreateIndex":77}', " {} "]:
        create_and_look(both, body)
    create_and_look(both, '{"Namespace":"team","Partition":"p"}')


@case
def a_body_in_chunks_is_not_read(both):
    session = both.put("/v1/session/create", '{"Name":"chunked"}', chunked=True).take("ID")
    info(both, session)


@case
def names(both):
    for body in [
        '{"Name":"a lock"}',
        '{"name":"lower"}',
        '{"NAME":"upper"}',
        '{"Name":""}',
        '{"Name":"ünï"}',
        '{"Name":5}',
    ]:
        create_and_look(both, body)


@case
def ttls(both):
    for ttl in ["10s", "15.0s", "24h", "86400s", "0s", "0", "0h", "", "1m30s", "10000ms", "10.5s"]:
        create_and_look(both, {"TTL": ttl})
    for ttl in ["9s", "9.999s", "86401s", "25h", "1ns", "-5s", "-0s", "x", "10", "10 s", "s", "10s10", "1d", "+10s"]:
        create_and_look(both, {"TTL": ttl})
    create_and_look(both, '{"TTL":10}')
    create_and_look(both, '{"TTL":null}')


@case
def lock_delays(both):
    for delay in ["5s", "0s", "0.001s", "90s", "1m", "-1s", "0", "5", "x", "", " 5s"]:
        create_and_look(both, {"LockDelay": delay})
    for delay in [
        "0",
        "5",
        "60",
        "999",
        "1000",
        "5000000000",
        "1.5",
        "0.5",
        "-1",
        "true",
        "null",
        "[]",
        "{}",
        "1e3",
        "1e1",
    ]:
        create_and_look(both, f'{{"LockDelay":{delay}}}')
    create_and_look(both, '{"lockdelay":"15.0s"}')


@case
def behaviors(both):
    for behavior in ["release", "delete", "", "Release", "keep"]:
        create_and_look(both, {"Behavior": behavior})
    create_and_look(both, '{"Behavior":1}')
    create_and_look(both, '{"behavior":"delete"}')


@case
def nodes(both):
    register(both, Node="host", Address="10.0.0.1")
    for body in ['{"Node":"host"}', '{"Node":"nobody"}', '{"Node":""}', '{"Node":null}', '{"Node":5}']:
        create_and_look(both, body)
    for body in ['{"Node":"host","NodeChecks":[]}', '{"Node":"HOST","NodeChecks":[]}', '{"Node":"host","Checks":[]}']:
        create_and_look(both, body)


@case
def checks_in_all_their_spellings(both):
    register(both, Node="host", Address="10.0.0.1", Check={"CheckID": "alive", "Name": "alive", "Status": "passing"})
    register(both, Node="host", Address="10.0.0.1", Check={"CheckID": "serfHealth", "Name": "s", "Status": "passing"})
    for field in ["Checks", "NodeChecks"]:
        for value in [
            "[]",
            "null",
            '["alive"]',
            '["serfHealth"]',
            '["serfHealth","alive"]',
            '["missing"]',
            '[""]',
            '"alive"',
        ]:
            create_and_look(both, f'{{"Node":"host","{field}":{value}}}')
    create_and_look(both, '{"Node":"host","NodeChecks":["alive"],"Checks":["serfHealth"]}')
    create_and_look(both, '{"Node":"host","NodeChecks":["serfHealth"],"Checks":["alive"]}')
    create_and_look(both, '{"Node":"host","NodeChecks":["alive"],"Checks":["alive"]}')
    create_and_look(both, '{"Node":"host","NodeChecks":[],"Checks":["alive"]}')
    create_and_look(both, '{"Node":"host","NodeChecks":["alive"],"Checks":[]}')
    create_and_look(both, '{"Node":"host","NodeChecks":["alive","alive"]}')
    create_and_look(both, '{"Node":"host","nodechecks":["alive"]}')
    create_and_look(both, '{"Node":"host","NodeChecks":["ALIVE"]}')


@case
def service_checks(both):
    service = {"ID": "web1", "Service": "web"}
    check = {"CheckID": "web-ok", "Name": "web", "Status": "passing", "ServiceID": "web1"}
    register(both, Node="host", Address="10.0.0.1", Service=service, Check=check)
    for value in ['[{"ID":"web-ok"}]', '[{"ID":"missing"}]', "[]", "null", '["web-ok"]', '[{"ID":""}]', "[{}]"]:
        create_and_look(both, f'{{"Node":"host","NodeChecks":[],"ServiceChecks":{value}}}')
    create_and_look(both, '{"Node":"host","NodeChecks":[],"ServiceChecks":[{"ID":"web-ok","Namespace":"team"}]}')
    create_and_look(both, '{"Node":"host","NodeChecks":["web-ok"]}')
    create_and_look(both, '{"Node":"host","NodeChecks":[],"servicechecks":[{"id":"web-ok"}]}')


@case
def a_critical_check_is_refused(both):
    for status in ["critical", "warning", "passing"]:
        register(both, Node="host", Address="10.0.0.1", Check={"CheckID": "c", "Name": "c", "Status": status})
        create_and_look(both, {"Node": "host", "NodeChecks": ["c"]})
    register(both, Node="host", Address="10.0.0.1", Check={"CheckID": "unknown", "Name": "no status"})
    create_and_look(both, {"Node": "host", "NodeChecks": ["unknown"]})


@case
def a_check_in_no_known_state(both):
    register(both, Node="host", Address="10.0.0.1", Check={"CheckID": "c", "Name": "c", "Status": "maintenance"})
    both.put("/v1/session/create", {"Node": "host", "NodeChecks": ["c"]})


@case
def bodies_that_are_no_session(both):
    for body in ["{bad", "[]", '"x"', "5", "true", "{", '{"Name":}', "{'Name':'x'}", '{"Name":"x",}', '{"Name":"x"']:
        both.put("/v1/session/create", body)
    for body in [
        '{"NodeChecks":5}',
        '{"Checks":{}}',
        '{"ServiceChecks":5}',
        '{"NodeChecks":[5]}',
        '{"Name":"\\ud800"}',
    ]:
        both.put("/v1/session/create", body)
    both.get("/v1/session/list", select=len)


@case
def reading(both):
    one = create(both, Name="one", TTL="60s")
    create(both, Name="two", Behavior="delete")
    both.get("/v1/session/list")
    both.get(f"/v1/session/node/{both.own_node()}")
    both.get("/v1/session/node/nobody")
    both.get("/v1/session/node/")
    both.get("/v1/session/info/")
    both.get("/v1/session/info/nosuch")
    both.get("/v1/session/info/00000000-0000-0000-0000-000000000000")
    both.get(f"/v1/session/info/{one}?pretty")
    both.get(f"/v1/session/info/{one}/")
    both.get("/v1/session/list?filter=Name==one")
    both.put(f"/v1/session/destroy/{one}")
    info(both, one)
    both.get("/v1/session/list")


@case
def sessions_of_a_node(both):
    register(both, Node="host", Address="10.0.0.1", ID="aaaaaaaa-2222-3333-4444-555555555555")
    register(both, Node="other", Address="10.0.0.2")
    for number in range(3):
        create(both, Node="host", Name=f"on-host-{number}", NodeChecks=[])
    create(both, Node="other", Name="on-other", NodeChecks=[])
    for name in ["host", "HOST", "other", "aaaaaaaa", "aaaaaaaa-2222-3333-4444-55555555555"]:
        both.get(f"/v1/session/node/{name}")
    both.get("/v1/session/node/host?pretty")
    both.get("/v1/session/node/a/b")


@case
def lists_with_nothing_in_them(both):
    for path in ["session/list", "session/node/nobody", "session/info/nosuch"]:
        both.get(f"/v1/{path}")
        both.get(f"/v1/{path}?pretty")


@case
def destroying(both):
    session = create(both)
    both.put(f"/v1/session/destroy/{session}", "a body is ignored")
    both.put(f"/v1/session/destroy/{session}")
    both.put("/v1/session/destroy/nosuch")
    both.put("/v1/session/destroy/")


@case
def renewing(both):
    session = create(both, TTL="10s", Name="renewed")
    both.put(f"/v1/session/renew/{session}")
    both.put(f"/v1/session/renew/{session}?pretty")
    plain = create(both)
    both.put(f"/v1/session/renew/{plain}")
    both.put("/v1/session/renew/")
    both.put("/v1/session/renew/nosuch")
    both.put("/v1/session/renew/00000000-0000-0000-0000-000000000000")
    both.put("/v1/session/renew/nosuch?index=x")
    both.put(f"/v1/session/destroy/{session}")
    both.put(f"/v1/session/renew/{session}")


@case
def release_frees_keys(both):
    session = create(both, LockDelay=0)
    for key in ["end/a", "end/b"]:
        both.put(f"/v1/kv/{key}?acquire={session}", "x")
    both.put("/v1/kv/end/free", "x")
    both.put(f"/v1/session/destroy/{session}")
    both.get("/v1/kv/end/?recurse")
    other = create(both, LockDelay=0)
    both.put(f"/v1/kv/end/a?acquire={other}", "y")
    both.get("/v1/kv/end/a")


@case
def delete_removes_keys(both):
    session = create(both, LockDelay=0, Behavior="delete")
    for key in ["end/a", "end/b"]:
        both.put(f"/v1/kv/{key}?acquire={session}", "x")
    both.put("/v1/kv/end/free", "x")
    both.put(f"/v1/kv/end/b?release={session}", "x")
    both.put(f"/v1/session/destroy/{session}")
    both.get("/v1/kv/end/?recurse")
    both.get("/v1/kv/end/a")


@case
def the_lock_delay_holds_after_a_destroy(both):
    session = create(both, LockDelay="1s")
    other = create(both)
    both.put(f"/v1/kv/delay/destroyed?acquire={session}", "x")
    both.put(f"/v1/session/destroy/{session}")
    both.put(f"/v1/kv/delay/destroyed?acquire={other}", "y")
    both.put("/v1/kv/delay/destroyed", "a plain write passes")
    both.put(f"/v1/kv/delay/other?acquire={other}", "y")
    both.get("/v1/kv/delay/?recurse")
    both.put(f"/v1/kv/delay/destroyed?acquire={other}", "y", until=bool).took(0.8, 3)
    both.get("/v1/kv/delay/destroyed")


@case
def no_lock_delay_after_a_release(both):
    session = create(both, LockDelay="30s")
    other = create(both)
    both.put(f"/v1/kv/delay/released?acquire={session}", "x")
    both.put(f"/v1/kv/delay/released?release={session}", "x")
    both.put(f"/v1/kv/delay/released?acquire={other}", "y")
    both.put(f"/v1/kv/delay/released?release={other}", "y")
    both.put(f"/v1/session/destroy/{session}")
    both.put(f"/v1/kv/delay/released?acquire={other}", "z")
    both.get("/v1/kv/delay/released")


@case
def no_lock_delay_of_zero(both):
    session = create(both, LockDelay="0s")
    other = create(both)
    both.put(f"/v1/kv/delay/zero?acquire={session}", "x")
    both.put(f"/v1/session/destroy/{session}")
    both.put(f"/v1/kv/delay/zero?acquire={other}", "y")


@case
def the_lock_delay_of_a_deleted_key(both):
    session = create(both, LockDelay="30s", Behavior="delete")
    other = create(both)
    both.put(f"/v1/kv/delay/deleted?acquire={session}", "x")
    both.put(f"/v1/session/destroy/{session}")
    both.get("/v1/kv/delay/deleted")
    both.put(f"/v1/kv/delay/deleted?acquire={other}", "y")
    both.put("/v1/kv/delay/deleted?cas=0", "y")
    both.get("/v1/kv/delay/deleted")


@case
def the_lock_delay_after_the_holder_deleted_the_key(both):
    session = create(both, LockDelay="30s")
    other = create(both)
    both.put(f"/v1/kv/delay/dropped?acquire={session}", "x")
    both.delete("/v1/kv/delay/dropped")
    both.put(f"/v1/kv/delay/dropped?acquire={other}", "y")
    both.get("/v1/kv/delay/dropped")


def session_on_a_host(both, key, **fields):
    """A node with a service and a check each, and a session that hangs on all of it and holds `key`.

    Each case has a key of its own, since its lock delay outlives the case.
    """
    checks = [{"CheckID": "node-ok", "Name": "n", "Status": "passing"}]
    checks.append({"CheckID": "web-ok", "Name": "w", "Status": "passing", "ServiceID": "web1"})
    register(both, Node="host", Address="10.0.0.1", Service={"ID": "web1", "Service": "web"}, Checks=checks)
    session = create(
        both, Node="host", NodeChecks=["node-ok"], ServiceChecks=[{"ID": "web-ok"}], LockDelay="30s", **fields
    )
    both.put(f"/v1/kv/{key}?acquire={session}", "x")
    return session


def look_after_the_end(both, key, session):
    info(both, session)
    both.put(f"/v1/session/renew/{session}")
    both.get(f"/v1/kv/{key}")
    other = create(both)
    both.put(f"/v1/kv/{key}?acquire={other}", "y")
    both.get("/v1/session/node/host")


@case
def a_node_check_turning_critical_ends_it(both):
    session = session_on_a_host(both, "end/by-node-check")
    check = {"CheckID": "node-ok", "Name": "n", "Status": "warning"}
    register(both, Node="host", Address="10.0.0.1", Check=check)
    info(both, session)
    register(both, Node="host", Address="10.0.0.1", Check={**check, "Status": "critical"})
    look_after_the_end(both, "end/by-node-check", session)


@case
def a_service_check_turning_critical_ends_it(both):
    session = session_on_a_host(both, "end/by-service-check")
    check = {"CheckID": "web-ok", "Name": "w", "Status": "critical", "ServiceID": "web1"}
    register(both, Node="host", Address="10.0.0.1", Check=check)
    look_after_the_end(both, "end/by-service-check", session)


@case
def an_unrelated_check_turning_critical_does_not(both):
    session = session_on_a_host(both, "end/never")
    register(both, Node="host", Address="10.0.0.1", Check={"CheckID": "else", "Name": "e", "Status": "critical"})
    info(both, session)
    both.get("/v1/kv/end/never")


@case
def deregistering_a_check_ends_it(both):
    session = session_on_a_host(both, "end/by-check-gone", Behavior="delete")
    both.put("/v1/catalog/deregister", {"Node": "host", "CheckID": "node-ok"})
    look_after_the_end(both, "end/by-check-gone", session)


@case
def deregistering_the_service_ends_it(both):
    session = session_on_a_host(both, "end/by-service-gone")
    both.put("/v1/catalog/deregister", {"Node": "host", "ServiceID": "web1"})
    look_after_the_end(both, "end/by-service-gone", session)


@case
def deregistering_the_node_ends_it(both):
    session = session_on_a_host(both, "end/by-node-gone")
    both.put("/v1/catalog/deregister", {"Node": "host"})
    look_after_the_end(both, "end/by-node-gone", session)


@case
def a_transaction_ends_it_as_well(both):
    session = session_on_a_host(both, "end/by-txn")
    check = {"Node": "host", "CheckID": "node-ok", "Name": "n", "Status": "critical"}
    both.put("/v1/txn", [{"Check": {"Verb": "set", "Check": check}}])
    look_after_the_end(both, "end/by-txn", session)


@case
def a_ttl_ends_what_is_not_renewed(both):
    dead = create(both, TTL=f"{TTL_SECONDS_MIN}s", LockDelay="30s", Name="dead")
    gone = create(both, TTL=f"{TTL_SECONDS_MIN}s", LockDelay=0, Behavior="delete", Name="gone")
    kept = create(both, TTL=f"{TTL_SECONDS_MIN}s", Name="kept")
    plain = create(both, Name="plain")
    for name, session in [("dead", dead), ("gone", gone), ("kept", kept), ("plain", plain)]:
        both.put(f"/v1/kv/ttl/{name}?acquire={session}", "x")
    # Three quarters of the TTL pass: all must live. Then one is renewed, and the others end before two TTLs are over.
    time.sleep(TTL_SECONDS_MIN * 0.75)
    both.get("/v1/session/list")
    both.put(f"/v1/session/renew/{kept}")
    for session in (dead, gone):
        both.get(f"/v1/session/info/{session}", until=lambda found: found == [])
    both.get("/v1/session/list")
    both.get("/v1/kv/ttl/?recurse")
    both.put(f"/v1/kv/ttl/dead?acquire={plain}", "lock delay")
    both.put(f"/v1/kv/ttl/gone?acquire={plain}", "no lock delay")
    both.put(f"/v1/session/renew/{dead}")
