"""A real gRPC server with the health service v1: `grpc_server.py PORT`. Each line of its input is a status to tell from
then on (SERVING, NOT_SERVING); it ends with its input.
"""

import sys
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

# The empty name stands for the whole server.
SERVICES = ["", "shop"]


def main() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    server.start()
    for line in sys.stdin:
        status = health_pb2.HealthCheckResponse.ServingStatus.Value(line.strip())
        for service in SERVICES:
            servicer.set(service, status)
    server.stop(grace=None)


if __name__ == "__main__":
    main()
