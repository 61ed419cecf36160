"""Programs on top of py-consul: kombu's queues, and py-consul's own asyncio client."""

import asyncio
import time

import consul.aio
import kombu
import pytest
from conftest import ANSWER_SECONDS_MAX


@pytest.fixture
def broker():
    """kombu with Consul as its broker."""
    host, port = consul.Consul().http.base_uri.removeprefix("http://").split(":")
    with kombu.Connection(f"consul://{host}:{port}") as connection:
        yield connection


def test_kombu_queue_gives_each_message_once_and_in_order(broker, name):
    # Each message is taken under a lock: session create or renew, acquire, read, delete with cas, delete of the lock.
    with broker.SimpleQueue(name) as queue:
        for number in range(5):
            queue.put({"number": number})
            # kombu names a message by the millisecond it was put in.
            time.sleep(0.002)
        for number in range(5):
            message = queue.get(timeout=ANSWER_SECONDS_MAX)
            message.ack()
            assert message.payload == {"number": number}


def test_kombu_transport_leaves_a_held_queue_alone(client, broker, name):
    with broker.SimpleQueue(name) as queue:
        queue.put("mine")
        other = client.session.create()
        assert client.kv.put(f"kombu/{name}.lock", "other", acquire=other) is True
        with pytest.raises(queue.Empty):
            queue.get(block=False)
        assert client.kv.put(f"kombu/{name}.lock", "other", release=other) is True
        assert queue.get(timeout=ANSWER_SECONDS_MAX).payload == "mine"
        client.session.destroy(other)


def test_asyncio_client_parks_many_queries_at_once(name):
    async def story():
        async with consul.aio.Consul() as client:
            index, _ = await client.kv.get(name)
            parked = [asyncio.ensure_future(client.kv.get(name, index=index, wait="60s")) for _ in range(50)]
            assert await client.kv.put(name, "value") is True
            answers = await asyncio.wait_for(asyncio.gather(*parked), ANSWER_SECONDS_MAX)
            assert {entry["Value"] for _, entry in answers} == {b"value"}
            assert (await client.txn.put([{"KV": {"Verb": "delete", "Key": name}}]))["Errors"] is None
            assert (await client.catalog.nodes(consistency="stale"))[1]

    asyncio.run(story())
