"""A UDP server: `udp_server.py PORT [--silent]` sends back what it gets, or, silent, takes it and says nothing."""

import socket
import sys


def main() -> None:
    channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    channel.bind(("127.0.0.1", int(sys.argv[1])))
    while True:
        data, sender = channel.recvfrom(2048)
        if "--silent" not in sys.argv:
            channel.sendto(data, sender)


if __name__ == "__main__":
    main()
