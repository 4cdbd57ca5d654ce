"""What one would take instead of Hamgate, brought up for `benches/http/run --peers DIR`.

DIR has the peers' own files: `app.py` and `train.py` for FastAPI with scikit-learn, `rspamd/rspamd.conf`. They learn the comments of data/,
are started once, listen on free ports of 127.0.0.1, and write into the folder they are given. FastAPI runs in the interpreter that the
environment variable PYTHON names, which needs fastapi, uvicorn, scikit-learn and joblib; rspamd and redis-server are Debian's packages.
"""

import email.message
import email.utils
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import NamedTuple

import measured
from measured import HOST

# rspamd compiles its patterns when it first starts.
PATIENCE_S = 600
# An end of work is half a second in which processes take less than this share of a core.
IDLE_SHARE = 0.02
# So many mails of each kind rspamd learns.
MAILS = 300
FOLDER_IN_CONF = "/tmp/hamgate-peers/rspamd"
PORTS_IN_CONF = {"worker": 11333, "controller": 11334, "redis": 16379}


class Peer(NamedTuple):
    """A program that answers, and the processes it consists of, with what came of them."""

    name: str
    address: str
    path: str
    media_type: str
    bodies: list
    is_verdict: object  # says of a body whether it is one
    roots: list


@contextmanager
def fastapi(name, folder, scratch, comments, rows, features):
    """The web framework of most tutorials before a pipeline of scikit-learn; one process a core."""
    python = os.environ.get("PYTHON", sys.executable)
    needed = "fastapi, uvicorn, sklearn, joblib"
    if subprocess.run([python, "-c", f"import {needed}"], stderr=subprocess.DEVNULL, check=False).returncode:
        sys.exit(f"error: `{python}` lacks one of {needed}\nhint: install them with pip into a venv and name its interpreter in the environment variable PYTHON")
    corpus, model = scratch / "corpus.jsonl", scratch / f"{features}.joblib"
    corpus.write_text("".join(json.dumps({"text": row["content"], "spam": row["label"] == "spam"}) + "\n" for row in rows), encoding="utf-8")
    # Nothing is written beside the peer's own files.
    environment = measured.clean_environment(MODEL=str(model), PYTHONDONTWRITEBYTECODE="1")
    subprocess.run([python, folder / "train.py", corpus, model, features], env=environment, stdout=subprocess.DEVNULL, check=True)
    port = measured.free_port()
    command = [python, "-m", "uvicorn", "app:app", "--host", HOST, "--port", str(port), "--workers", str(os.cpu_count()), "--no-access-log"]
    with measured.running(command, f"{HOST}:{port}", "/openapi.json", environment, patience_s=PATIENCE_S, cwd=folder) as service:
        bodies = [json.dumps(comment, ensure_ascii=False) for comment in comments]
        wait_until_idle([service.process.pid])
        yield Peer(name, service.address, "/v1/score", measured.JSON, bodies, lambda text: "spam" in json.loads(text), [service.process.pid])


@contextmanager
def rspamd(name, folder, scratch, comments, rows):
    """A mail filter with Bayes alone; it is asked about comments that are made mails."""
    for program in ("rspamd", "redis-server"):
        measured.require(program, program)
    place = scratch / "rspamd"
    (place / "tmp").mkdir(parents=True)
    conf = (folder / "rspamd/rspamd.conf").read_text(encoding="utf-8").replace(FOLDER_IN_CONF, str(place))
    ports = {what: measured.free_port() for what in PORTS_IN_CONF}
    for what, port in PORTS_IN_CONF.items():
        conf = re.sub(rf"\b{port}\b", str(ports[what]), conf)
    (place / "rspamd.conf").write_text(conf, encoding="utf-8")
    redis = ["redis-server", "--port", str(ports["redis"]), "--bind", HOST, "--save", "", "--dir", place]
    server = ["rspamd", "--no-fork", "--insecure", "--config", place / "rspamd.conf"]
    with measured.running(redis, f"{HOST}:{ports['redis']}", path=None) as memory, \
            measured.running(server, f"{HOST}:{ports['worker']}", "/ping", patience_s=PATIENCE_S) as service:
        password = {"Password": re.search(r'\bpassword = "([^"]*)"', conf).group(1)}
        for label in ("ham", "spam"):
            for row in [row for row in rows if row["label"] == label][:MAILS]:
                ask(ports["controller"], f"learn{label}", mail(row), password)
        mails = [mail(comment) for comment in comments]
        some = mails[::len(mails) // 100]
        # Bayes is silent where it is not sure; if it is silent everywhere, nothing of it would be measured.
        if sum("BAYES_" in ask(ports["worker"], "checkv2", one, {}) for one in some) < len(some) / 10:
            sys.exit("error: Bayes of rspamd says nothing; look at its log")
        roots = [service.process.pid, memory.process.pid]
        wait_until_idle(roots)
        yield Peer(name, service.address, "/checkv2", "message/rfc822", mails, lambda text: "action" in json.loads(text), roots)


def ask(port, path, text, headers):
    request = urllib.request.Request(f"http://{HOST}:{port}/{path}", text.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        sys.exit(f"error: rspamd answers {error.code} to /{path}: {error.read()[:200]}")


def mail(comment):
    """A comment as a blog's mail to its owner would have it."""
    message = email.message.EmailMessage()
    author = " ".join((comment.get("author") or "a visitor").split())
    message["From"] = email.utils.formataddr((author, f"visitor@{comment.get('email_domain') or 'example.com'}"))
    message["To"] = "blog@example.org"
    message["Subject"] = " ".join((comment.get("post_title") or "comment").split())
    message["Date"] = "Mon, 23 Nov 2026 00:00:00 +0000"
    message["Message-ID"] = f"<{comment['id']}@example.com>"
    message.set_content(comment["content"])
    return bytes(message).decode("utf-8")


def wait_until_idle(roots):
    """Some processes are ready before all of a server's are; all are when none of them has anything left to do."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        pids = [pid for root in roots for pid in measured.family(root)]
        before = measured.cpu_ns(*pids)
        time.sleep(0.5)
        if measured.cpu_ns(*pids) - before < IDLE_SHARE * 0.5e9:
            return
    sys.exit("error: a peer is still busy after its start; look at it by hand")
