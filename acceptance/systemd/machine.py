"""The machine that systemd runs: commands inside of it, and its units."""

import pathlib
import shutil
import subprocess
import time

# It boots in less than a second.
BOOT_SECONDS_MAX = 30
COMMAND_SECONDS_MAX = 60


class Machine:
    """What `boot` made, known by its first process."""

    def __init__(self, holder: int, directory: pathlib.Path):
        # The same directory, as it is called outside and inside.
        self.outside, self.inside = directory / "shared", pathlib.Path("/shared")
        give_up = time.monotonic() + BOOT_SECONDS_MAX
        while not self._has_booted(holder):
            if time.monotonic() > give_up:
                raise AssertionError("systemd has not booted")
            time.sleep(0.05)  # the pace of a poll whose end is a condition

    def _has_booted(self, holder: int) -> bool:
        children = pathlib.Path(f"/proc/{holder}/task/{holder}/children").read_text().split()
        if not children:
            return False
        self.first = children[0]
        return self.run("systemctl", "is-active", "basic.target").stdout == "active\n"

    def run(self, *command: str) -> subprocess.CompletedProcess:
        """Runs a command to its end."""
        enter = ["nsenter", f"--target={self.first}", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--"]
        return subprocess.run([*enter, *command], capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX)

    def must(self, *command: str) -> str:
        """Runs a command that must succeed."""
        done = self.run(*command)
        assert done.returncode == 0, f"{command}: exit {done.returncode}, {done.stdout}{done.stderr}"
        return done.stdout

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.must("systemctl", "show", f"--property={name}", "--value", "--", unit).strip()

    def put(self, path: str, text: str) -> None:
        """Writes a file, with the directories above it."""
        (self.outside / "file").write_text(text)
        self.must("install", "-D", "--mode=644", "/shared/file", path)

    def put_program(self, source: str, path: str) -> None:
        shutil.copy(source, self.outside / "file")
        self.must("install", "-D", "--mode=755", "/shared/file", path)
