#!/usr/bin/env python3
"""Asks Hamgate whether a comment may appear; prints `approve` or `hold`.

Reads one comment as JSON from standard input (see ../docs/api.md). HAMGATE_URL names the service, HAMGATE_KEY the key if it wants one.
Without an answer, a comment waits for a person.
"""

import json
import os
import sys
import urllib.request

URL = os.environ.get("HAMGATE_URL", "http://127.0.0.1:8080") + "/v1/check"
KEY = os.environ.get("HAMGATE_KEY")
PATIENCE_SECONDS = 2


def verdict(comment: bytes) -> str:
    request = urllib.request.Request(URL, comment, {"Content-Type": "application/json"})
    if KEY:
        request.add_header("Authorization", f"Bearer {KEY}")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return json.load(answer)["verdict"]
    except (OSError, ValueError, KeyError) as error:
        print(f"hamgate did not answer, so the comment is held: {error}", file=sys.stderr)
        return "hold"


if __name__ == "__main__":
    print(verdict(sys.stdin.buffer.read()))
