"""Commands that stay: what they do until they end. Each story is told by a side and gives what is compared with the others.

A story takes a `Side` of run (`start`, `ask`, `filled`, `directory`, `server`).
"""

import os
import signal
import time

# A lost lock is noticed at once; Consul's server needs some seconds to leave.
SECONDS_MAX = 30


def eventually(condition):
    """The first true value of `condition()`."""
    give_up = time.monotonic() + SECONDS_MAX
    while not (found := condition()):
        if time.monotonic() > give_up:
            raise AssertionError(f"{condition.__name__} did not come to be")
        time.sleep(0.05)  # the pace of a poll whose end is a condition
    return found


def is_running(pid: int) -> bool:
    """Whether a process that is not ours runs; one that has ended and was not waited for does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ended(side, process) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=SECONDS_MAX)
    return process.returncode, side.normal(output), side.normal(errors)


def held(side, name: str, flags: str = ""):
    """A lock that is held by a command of its own, with the process ids of both: the lock's and the command's."""
    file = side.directory / name
    process = side.start(f"lock {flags} {{p}}{name} 'echo $$ >{file}.new; mv {file}.new {file}; exec sleep 1000'")

    def runs():
        return file.exists()

    eventually(runs)
    return process, int(file.read_text())


def told_at_the_end(side, process, child: int):
    code, output, errors = ended(side, process)
    output = output.replace(f"pid {child}", "pid CHILD")
    # Consul's program also passes on what it is told itself, so that its child ends by the one signal or the other.
    errors = errors.replace("signal: interrupt", "signal: terminated")
    return code, output, errors, "the child has ended" if not is_running(child) else "the child runs on"


def lose(side, name: str) -> None:
    """Destroys the session that holds a lock."""
    session = side.ask("GET", f"/v1/kv/{side.prefix}{name}/.lock")[0]["Session"]
    side.ask("PUT", f"/v1/session/destroy/{session}", b"")


def lock_with_a_killed_session(side):
    """The session is destroyed under a lock that is held: the command's child is ended, and then the command."""
    process, child = held(side, "killed")
    lose(side, "killed")
    return told_at_the_end(side, process, child)


def lock_with_a_killed_session_that_tells_it(side):
    """The same, and the exit code is asked for."""
    process, child = held(side, "killed-code", "-verbose -child-exit-code")
    lose(side, "killed-code")
    return told_at_the_end(side, process, child)


def lock_whose_key_is_deleted(side):
    """Who deletes the key takes the lock, and the session is still there."""
    process, child = held(side, "deleted", "-verbose")
    side.ask("DELETE", f"/v1/kv/{side.prefix}deleted/.lock")
    return told_at_the_end(side, process, child)


def lock_that_is_interrupted(side):
    process, child = held(side, "interrupted", "-verbose")
    process.send_signal(signal.SIGINT)
    code, output, errors, child_is = told_at_the_end(side, process, child)
    # Consul's program both passes the signal on and ends the child, which may be gone before it is told to go.
    by_chance = ("Child terminated", "Failed to terminate")
    sure = [[line for line in text.splitlines() if not line.startswith(by_chance)] for text in (output, errors)]
    return code, *sure, child_is


def watch_with_a_handler(side):
    """The handler gets the first answer and each that differs, on its standard input; SIGINT ends the watch."""
    file = side.directory / "handled"
    side.ask("PUT", f"/v1/kv/{side.prefix}handled", b"one")
    process = side.start(f"watch -type=key -key={{p}}handled 'cat >>{file}'")

    def lines():
        return file.read_text().splitlines() if file.exists() else []

    def first():
        return len(lines()) == 1

    def second():
        return len(lines()) == 2

    eventually(first)
    side.ask("PUT", f"/v1/kv/{side.prefix}handled", b"two")
    eventually(second)
    process.send_signal(signal.SIGINT)
    return ended(side, process), side.normal(file.read_bytes())


def monitor_until_interrupted(side):
    """The log comes as it is written, also after a silence; SIGINT ends it in order."""
    process = side.start("monitor -log-level=debug")
    os.set_blocking(process.stdout.fileno(), False)
    told = b""

    def says(mark):
        nonlocal told
        told += process.stdout.read() or b""
        return f"{side.own_id}-{mark}".encode() in told

    def says_what_is_asked():
        # Only what is asked after the log is followed is told there.
        side.ask("GET", f"/v1/agent/services?{side.own_id}-now")
        return says("now")

    def says_what_is_asked_late():
        return says("late")

    eventually(says_what_is_asked)
    # The silence itself is what is tried: longer than a server takes to think a connection quiet.
    time.sleep(1)
    side.ask("GET", f"/v1/agent/services?{side.own_id}-late")
    eventually(says_what_is_asked_late)
    os.set_blocking(process.stdout.fileno(), True)
    process.send_signal(signal.SIGINT)
    code, _, errors = ended(side, process)
    return code, errors


STORIES = [
    lock_with_a_killed_session,
    lock_with_a_killed_session_that_tells_it,
    lock_whose_key_is_deleted,
    lock_that_is_interrupted,
    watch_with_a_handler,
    monitor_until_interrupted,
]


def leave(side):
    """The agent stops in order. The server is this story's own."""
    code, output, errors = ended(side, side.start("leave"))
    return code, output, errors, f"the agent ends with {side.server.process.wait(SECONDS_MAX)}"
