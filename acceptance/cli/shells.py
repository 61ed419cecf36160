"""Completion in real shells: each loads its script as its users do, is typed at on a terminal, and shows what may follow."""

import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import time

# A shell starts and completes within half a second.
SHOWN_SECONDS_MAX = 20
# Is in the shell's directory, and is no command.
A_FILE = "some-file"
# How a shell without start files is started, and told to load the script.
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source <(quorate completion bash)"),
    "zsh": (["zsh", "-f", "-i"], "source <(quorate completion zsh)"),
    "fish": (["fish", "--no-config", "-i"], "quorate completion fish | source"),
}
# What is typed, what must then be on the screen, and what must not. bash shows what there is after the second TAB.
CASES = [
    ("quorate kv \t\t", ["delete", "export", "get", "import", "put"], ["snapshot", A_FILE]),
    ("quorate operator raft \t", ["quorate operator raft list-peers"], ["snapshot", A_FILE]),
    ("quorate snap\t", ["quorate snapshot"], ["services"]),
    ("quorate kv get -ke\t", ["quorate kv get -keys"], ["-detailed"]),
    ("quorate kv get -stale -de\t", ["quorate kv get -stale -detailed"], ["-keys"]),
    ("consul services \t\t", ["deregister", "register"], ["snapshot", A_FILE]),
]


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, command: list[str], environment: dict):
        self.pid, self.channel = pty.fork()
        if self.pid == 0:
            os.chdir(environment["HOME"])
            os.execvpe(command[0], command, environment)
        self.screen = ""

    def type(self, text: str) -> None:
        os.write(self.channel, text.encode())

    def shows(self, accepts) -> bool:
        """Whether the screen comes to be as wanted."""
        give_up = time.monotonic() + SHOWN_SECONDS_MAX
        while not accepts(self.screen) and time.monotonic() < give_up:
            ready, _, _ = select.select([self.channel], [], [], 0.1)
            if ready:
                try:
                    self.screen += plain(os.read(self.channel, 65536).decode(errors="replace"))
                except OSError:
                    return accepts(self.screen)
        return accepts(self.screen)

    def close(self) -> None:
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self.channel)


def plain(text: str) -> str:
    """What a terminal shows, without colours and movements of the cursor."""
    return re.sub(r"\x1b(\[[0-9;?<>=]*[A-Za-z]|[\]P][^\x07\x1b]*(\x07|\x1b\\)|[()][A-Z0-9]|[=>])|[\r\x08]", "", text)


def outcomes(binary: str, directory: pathlib.Path) -> list[tuple[str, bool]]:
    """Each case in each shell, and whether it completes."""
    missing = [shell for shell in SHELLS if shutil.which(shell) is None]
    if missing:
        install = f"apt-get update -qq && apt-get install -yqq --no-install-recommends {' '.join(missing)}"
        subprocess.run(install, shell=True, check=True, stdout=subprocess.DEVNULL)
    (directory / "bin").mkdir()
    for name in ("quorate", "consul"):
        (directory / "bin" / name).symlink_to(os.path.abspath(binary))
    (directory / A_FILE).touch()
    environment = {"PATH": f"{directory}/bin:{os.environ['PATH']}", "HOME": str(directory), "TERM": "xterm", "LANG": "C.UTF-8"}
    return [(f"{shell}: {case[0]!r}", completes(shell, environment, *case)) for shell in SHELLS for case in CASES]


def completes(shell: str, environment: dict, typed: str, shown: list[str], absent: list[str]) -> bool:
    command, load = SHELLS[shell]
    terminal = Terminal(command, environment)
    try:
        # What is echoed has not the word in one piece.
        terminal.type(f"{load}; echo loa''ded\n")
        if not terminal.shows(lambda screen: re.search(r"\bloaded\b", screen)):
            print(f"{shell} does not load the script:\n{terminal.screen}", file=sys.stderr)
            return False
        terminal.screen = ""
        terminal.type(typed)
        found = terminal.shows(lambda screen: all(word in screen for word in shown))
        is_right = found and not any(word in terminal.screen for word in absent)
        if not is_right:
            print(f"{shell}: {typed!r} shows {terminal.screen!r}", file=sys.stderr)
        return is_right
    finally:
        terminal.close()
