"""What every story shares: a client, names of its own, and a way to wait that cannot wait for ever.

No test sleeps and hopes. Where a server may take its time, the test parks a blocking query, as users do.
"""

import concurrent.futures
import itertools
import os
import time

import consul
import pytest

# A change must reach a parked query within this; the server needs milliseconds, a busy CI machine may need seconds.
ANSWER_SECONDS_MAX = 10
IS_CONSUL = os.environ.get("SERVER") == "consul"

# Marks a story about something that Quorate gives and Consul 1.13.9 does not.
beyond_consul_1_13 = pytest.mark.skipif(IS_CONSUL, reason="Consul 1.13.9 does not have this")


@pytest.fixture
def client():
    """py-consul as its users make it: the address comes from CONSUL_HTTP_ADDR."""
    return consul.Consul()


@pytest.fixture(scope="session")
def server_node():
    """The name of the node on which the server itself runs."""
    return os.environ["SERVER_NODE"]


_numbers = itertools.count(1)


@pytest.fixture
def name(request):
    """A name that no other test uses, for keys, nodes, services, sessions and events."""
    return f"{request.node.originalname.removeprefix('test_').replace('_', '-')}-{next(_numbers)}"


@pytest.fixture
def background():
    """Runs calls in threads; the test must collect each result."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=8) as executor:
        yield executor.submit


def eventually(read, accepts):
    """Repeats the blocking query `read(index)`, which gives (index, data), until `accepts(data)`; gives that data."""
    give_up = time.monotonic() + ANSWER_SECONDS_MAX
    index, data = read(None)
    while not accepts(data):
        assert time.monotonic() < give_up, f"in {ANSWER_SECONDS_MAX} s the answer became only {data!r}"
        earlier = int(index)
        index, data = read(index)
        assert int(index) >= earlier, "X-Consul-Index went backwards"
    return data


_outcomes = {"passed": 0, "failed": 0, "skipped": 0}


def pytest_runtest_logreport(report):
    """Counts a test once: as failed when any phase of it failed, as passed when its call did."""
    if report.failed:
        _outcomes["failed"] += 1
    elif report.skipped:
        _outcomes["skipped"] += 1
    elif report.when == "call":
        _outcomes["passed"] += 1


def pytest_collectreport(report):
    """A file that cannot be read is a failure too."""
    if report.failed:
        _outcomes["failed"] += 1


def pytest_unconfigure(config):
    """The closing line, after everything that pytest prints itself."""
    skipped = f", {_outcomes['skipped']} skipped" if _outcomes["skipped"] else ""
    print(f"{_outcomes['passed']} passed, {_outcomes['failed']} failed{skipped}")
