"""A closed loop of keep-alive clients in a process of its own. Knows nothing of Payguard."""

import argparse
import http.client
import json
import sys
import threading
import time


def main() -> None:
    """Send the body until the time is over; print counts and latencies as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--key", default="none")
    parser.add_argument("--tag", default="0")
    parser.add_argument("--bad", action="store_true")
    given = parser.parse_args()
    body = sys.stdin.read()
    counts: dict[int, int] = {}
    latencies: list[float] = []
    guard = threading.Lock()
    end = time.perf_counter() + given.seconds

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", given.port)
        mine: list[float] = []
        seen: dict[int, int] = {}
        turn = 0
        while time.perf_counter() < end:
            turn += 1
            once = f"bench-{given.tag}-{number:04d}-{turn:08d}"
            sent = body.replace("@@", once).replace("@payer@", f"c{(turn * 7 + number) % 5_000}")
            headers = {
                "Authorization": f"Bearer {given.key}",
                "Content-Type": "application/json",
                "Idempotency-Key": once,
            }
            start = time.perf_counter()
            connection.request("POST", "/v1/payments", body=sent.encode(), headers=headers)
            answer = connection.getresponse()
            answer.read()
            mine.append(time.perf_counter() - start)
            seen[answer.status] = seen.get(answer.status, 0) + 1
        with guard:
            latencies.extend(mine)
            for status, count in seen.items():
                counts[status] = counts.get(status, 0) + count

    threads = [threading.Thread(target=client, args=(n,)) for n in range(given.clients)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    latencies.sort()
    json.dump(
        {"counts": counts, "latencies_ms": [round(x * 1e3, 3) for x in latencies]}, sys.stdout
    )


if __name__ == "__main__":
    main()
