"""Prints today's count of each event of the stream, or "strange" and the event: sse.py CLIENT URL."""

import json
import sys
import time

import httpx
import requests
from httpx_sse import connect_sse
from requests_sse import EventSource
from sseclient import SSEClient


def by_sseclient(url):
    # It does not decode chunks, and takes the last one for an event: each end of a stream is an empty message.
    for event in SSEClient(url):
        if event.data:
            yield event.event, event.data


def by_requests_sse(url):
    with EventSource(url) as events:
        for event in events:
            yield event.type, event.data


def by_httpx_sse(url):
    with httpx.Client(timeout=None) as client, connect_sse(client, "GET", url) as source:
        for event in source.iter_sse():
            yield event.event, event.data


CLIENTS = {"sseclient": by_sseclient, "requests-sse": by_requests_sse, "httpx-sse": by_httpx_sse}
client, url = sys.argv[1:]
last = None
while True:
    try:
        for name, data in CLIENTS[client](url):
            line = json.loads(data)["total"] if name in ("init", "update") else f"strange: {name} {data!r}"
            if line != last:
                print(line, flush=True)
            last = line
    # All but requests-sse leave it to their user to come back while nobody listens; httpx-sse always.
    except (requests.ConnectionError, httpx.TransportError) as error:
        print("again after", type(error).__name__, file=sys.stderr, flush=True)
    time.sleep(3)
