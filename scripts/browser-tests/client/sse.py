"""Prints today's count of each event of the stream, or "strange" and the event: sse.py CLIENT URL."""

import json
import sys
import time


def by_sseclient(url):
    import requests
    from sseclient import SSEClient

    try:
        # It does not decode chunks, and takes the last one for an event: each end of a stream is an empty message.
        for event in SSEClient(url):
            if event.data:
                yield event.event, event.data
    except requests.ConnectionError:
        pass  # While nobody listens.


def by_requests_sse(url):
    from requests_sse import EventSource

    with EventSource(url) as events:
        for event in events:
            yield event.type, event.data


def by_httpx_sse(url):
    import httpx
    from httpx_sse import connect_sse

    try:
        with httpx.Client(timeout=None) as client, connect_sse(client, "GET", url) as source:
            for event in source.iter_sse():
                yield event.event, event.data
    except httpx.TransportError:
        pass  # While nobody listens. It does not come back after the end of a stream either.


CLIENTS = {"sseclient": by_sseclient, "requests-sse": by_requests_sse, "httpx-sse": by_httpx_sse}
client, url = sys.argv[1:]
last = None
while True:
    for name, data in CLIENTS[client](url):
        line = json.loads(data)["total"] if name in ("init", "update") else f"strange: {name} {data!r}"
        if line != last:
            print(line, flush=True)
        last = line
    time.sleep(3)
