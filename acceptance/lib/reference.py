#!/usr/bin/env python3
"""The reference: a Consul 1.13.9 binary, built from its Go module when none is given.

1.13.9 is the last release whose server is under the MPL. Its binary is not fetched but built by name from the Go
module proxy, which takes a few minutes and some 2 GB of Go cache; the result is kept, so a machine pays once.

As a library: `reference.binary()` gives the path. As a command it prints the path, for shell programs:

    CONSUL_BIN=$(acceptance/lib/reference.py)

Environment:
    CONSUL_BIN                use this binary and build nothing
    ACCEPTANCE_CACHE          where the built binary is kept; by default target/acceptance of this checkout
"""

import fcntl
import functools
import os
import pathlib
import subprocess
import sys
import tempfile

VERSION = "1.13.9"
MODULE = "github.com/hashicorp/consul"
# Three minutes on two idle cores; a machine busy with other builds needs several times that.
BUILD_SECONDS_MAX = 45 * 60


class NoReference(Exception):
    """There is no reference binary and none could be built."""


@functools.cache
def binary() -> pathlib.Path:
    """The path of a runnable Consul 1.13.9, built on the first call on a machine."""
    given = os.environ.get("CONSUL_BIN")
    if given:
        return _checked(pathlib.Path(given))
    kept = cache_directory() / f"consul-{VERSION}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{kept}.lock", "w") as lock:
        # Two acceptance programs may start at once: one builds, the other waits for it here.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            _build(kept)
    return _checked(kept)


def cache_directory() -> pathlib.Path:
    """Where the built binary is kept between runs."""
    checkout = pathlib.Path(__file__).resolve().parent.parent.parent
    return pathlib.Path(os.environ.get("ACCEPTANCE_CACHE", checkout / "target/acceptance"))


def _build(target: pathlib.Path) -> None:
    print(f"building {MODULE}@v{VERSION} into {target}; this takes minutes once", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="reference-") as directory:
        fresh = pathlib.Path(f"{target}.new")
        # `go build PACKAGE` needs a module that requires it; an empty one does.
        _go(directory, "mod", "init", "reference")
        _go(directory, "get", f"{MODULE}@v{VERSION}")
        _go(directory, "build", "-o", str(fresh), MODULE)
        fresh.rename(target)


def _go(directory: str, *arguments: str) -> None:
    try:
        done = subprocess.run(
            ["go", *arguments], cwd=directory, capture_output=True, text=True, timeout=BUILD_SECONDS_MAX
        )
    except FileNotFoundError as error:
        raise NoReference("go is not installed; install it or name a Consul 1.13.9 in CONSUL_BIN") from error
    if done.returncode != 0:
        raise NoReference(f"go {' '.join(arguments)}: {done.stderr.strip()[-2000:]}")


def _checked(path: pathlib.Path) -> pathlib.Path:
    try:
        told = subprocess.run([path, "version"], capture_output=True, text=True, timeout=60).stdout
    except OSError as error:
        raise NoReference(f"{path}: {error}") from error
    first = told.splitlines()[0] if told else ""
    if first != f"Consul v{VERSION}":
        raise NoReference(f"{path} is {first or 'not Consul'}; the reference is Consul v{VERSION}")
    return path


if __name__ == "__main__":
    try:
        print(binary())
    except NoReference as error:
        sys.exit(f"acceptance/lib/reference.py: {error}")
