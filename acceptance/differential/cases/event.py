"""/v1/event: firing with every filter, listing, and waiting for the next event."""

from story import case


def listed(both, query="", count=1):
    """The list once it holds `count` events; an event reaches it by gossip, a moment after it was fired."""
    return both.get(f"/v1/event/list{query}", until=lambda events: len(events) >= count)


@case
def before_the_first_event(both):
    # The list is only empty if this is the first case of the run that fires one.
    both.get("/v1/event/list?name=never-fired")
    both.get("/v1/event/list?name=never-fired&pretty")
    both.get("/v1/event/list?index=x")
    both.get("/v1/event/list?wait=x")
    both.get("/v1/event/list?name=never-fired&index=1&wait=10ms")


@case
def firing(both):
    both.put("/v1/event/fire/")
    both.put("/v1/event/fire/plain")
    both.put("/v1/event/fire/with-payload", "payload")
    both.put("/v1/event/fire/bytes", bytes(range(256)))
    both.put("/v1/event/fire/chunked", "not read", chunked=True)
    both.put("/v1/event/fire/pretty?pretty", "x")
    both.put("/v1/event/fire/a%2Fb%20c")
    both.put("/v1/event/fire/a/b")
    both.put("/v1/event/fire/empty", "")


@case
def listing_by_name(both):
    both.put("/v1/event/fire/listed-one", "1")
    listed(both, "?name=listed-one", 1)
    both.put("/v1/event/fire/listed-one", "2")
    both.put("/v1/event/fire/listed-two")
    mask = {"select": lambda events: [{**event, "LTime": event["LTime"] > 0} for event in events]}
    both.get("/v1/event/list?name=listed-one", until=lambda events: len(events) == 2, **mask)
    both.get("/v1/event/list?name=listed-two", until=lambda events: len(events) == 1, **mask)
    both.get("/v1/event/list?name=LISTED-ONE")
    both.get("/v1/event/list?name=listed", **mask)
    both.get(
        "/v1/event/list?name=", select=lambda events: [event["Name"] for event in events if "listed" in event["Name"]]
    )
    both.get("/v1/event/list?name=listed-two&node=nobody&service=none&tag=none", **mask)


@case
def filters_of_an_event(both):
    own = both.own_node()
    both.put("/v1/event/fire/to-node?node=^diff", "x")
    both.put("/v1/event/fire/to-nobody?node=nobody")
    both.put(f"/v1/event/fire/to-service?node={own}&service=web&tag=a.*")
    both.put("/v1/event/fire/filtered?service=missing")
    for query in [
        "node=(",
        "service=(",
        "service=web&tag=(",
        "tag=a",
        "node=[z-a]",
        "node=a**",
        "node=(%3F%3Da)",
        "node=%5C1",
    ]:
        both.put(f"/v1/event/fire/bad?{query}", "x")
    both.get("/v1/event/list?name=to-node", until=bool, select=lambda events: [event["NodeFilter"] for event in events])
    both.get("/v1/event/list?name=to-nobody")
    both.get("/v1/event/list?name=to-service")
    both.get("/v1/event/list?name=filtered")
    both.get("/v1/event/list?name=bad")


@case
def waiting_for_the_next_event(both):
    both.put("/v1/event/fire/awaited")
    listed(both, "?name=awaited")
    index = both.get("/v1/event/list?name=awaited", shape=True).take_header("X-Consul-Index")
    both.get(f"/v1/event/list?name=awaited&index={index}&wait=300ms", shape=True).took(0.3, 2)
    both.get("/v1/event/list?name=awaited&index=1&wait=10s", shape=True).took(0, 2)
    both.put("/v1/event/fire/awaited")
    listed(both, "?name=awaited", 2)
    both.get(f"/v1/event/list?name=awaited&index={index}&wait=10s", shape=True).took(0, 2)


@case
def only_the_last_256_are_kept(both):
    for number in range(260):
        both.put(f"/v1/event/fire/many-{number}")
    names = {f"many-{number}" for number in range(260)}
    both.get("/v1/event/list", until=lambda events: events[-1]["Name"] == "many-259", select=len)
    both.get("/v1/event/list", select=lambda events: [event["Name"] for event in events if event["Name"] in names])
    both.get("/v1/event/list?name=many-3")
    both.get("/v1/event/list?name=many-4", select=len)


@case
def a_payload_that_is_too_large(both):
    # Gossip carries no more than some 512 bytes of an event.
    both.put("/v1/event/fire/large", b"x" * 300)
    both.put("/v1/event/fire/large", b"x" * 10_000)
