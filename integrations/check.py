#!/usr/bin/env python3
"""Asks Hamgate whether a comment may appear; prints `approve` or `hold`.

Reads one comment as JSON from standard input (see ../docs/api.md). HAMGATE_URL names the service, HAMGATE_KEY the key if it wants one.
Without an answer, a comment waits for a person.

With `ham` or `spam` as its argument it says instead what the comment is, and prints what that changed; it fails unless Hamgate has it on the disk.
"""

import json
import os
import sys
import urllib.request

URL = os.environ.get("HAMGATE_URL", "http://127.0.0.1:8080")
KEY = os.environ.get("HAMGATE_KEY")
PATIENCE_SECONDS = 2
CORRECTION_PATIENCE_SECONDS = 5


def ask(path: str, body: bytes, patience: float) -> dict:
    request = urllib.request.Request(URL + path, body, {"Content-Type": "application/json"})
    if KEY:
        request.add_header("Authorization", f"Bearer {KEY}")
    with urllib.request.urlopen(request, timeout=patience) as answer:
        return json.load(answer)


def verdict(comment: bytes) -> str:
    try:
        return ask("/v1/check", comment, PATIENCE_SECONDS)["verdict"]
    except (OSError, ValueError, KeyError) as error:
        print(f"hamgate did not answer, so the comment is held: {error}", file=sys.stderr)
        return "hold"


def correct(comment: bytes, label: str) -> str:
    feedback = json.dumps({"comment": json.loads(comment), "label": label}).encode()
    return ask("/v1/feedback", feedback, CORRECTION_PATIENCE_SECONDS)["message"]


if __name__ == "__main__":
    typed = sys.stdin.buffer.read()
    print(correct(typed, sys.argv[1]) if len(sys.argv) > 1 else verdict(typed))
