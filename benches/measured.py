"""What the benchmarks share: a service of their own, what it costs by the system's account, our comments, and the page of figures.

Scripts find it beside their own folder:

    sys.dont_write_bytecode = True
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import measured

Needs Linux, for /proc and the processor clocks of other processes, and Python 3.9.
"""

import ctypes
import json
import math
import os
import re
import socket
import subprocess
import sys
import time
import urllib.parse
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/performance.md"
HOST = "127.0.0.1"
CHECK = "/v1/check"
AKISMET_CHECK = "/1.1/comment-check"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

# What a corpus says about a row and a blog does not say about a comment.
NOT_SENT = {"label", "source", "split", "family", "topic"}
FEWEST_COMMENTS = 1000

START_PATIENCE_S = 10
STOP_PATIENCE_S = 15


# Processes


class Service(NamedTuple):
    """A program that answers, and how long it took from exec to its first `200`."""

    process: subprocess.Popen
    address: str
    ready_ms: float

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])


def build_hamgate():
    """Builds the program as it is shipped, and says where it is."""
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    return ROOT / "target/release/hamgate"


def require(program, package):
    """Ends with a hint if a program of Debian's is missing."""
    try:
        subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        sys.exit(f"error: {program} is not installed\nhint: apt-get install {package}")


def clean_environment(**more):
    """Ours, without what is set for a Hamgate of the developer's: that is not what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HAMGATE_")} | more


def tunables():
    """How the image and the systemd unit set the allocator up."""
    found = re.search(r"^ENV GLIBC_TUNABLES=(\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        sys.exit("error: the Dockerfile has no line `ENV GLIBC_TUNABLES=…`; benches set the allocator up as the image does")
    return found[1]


def free_port():
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return listener.getsockname()[1]


@contextmanager
def hamgate(program, *arguments, store="none", cores=None, log=None):
    """`hamgate serve` on a free port, stopped in the end. On so many `cores` it has as many threads."""
    address = f"{HOST}:{free_port()}"
    environment = {"GLIBC_TUNABLES": tunables()} | clean_environment(HAMGATE_LISTEN=address, HAMGATE_STORE=str(store))
    if cores:
        environment["HAMGATE_THREADS"] = str(len(cores))
    with running([program, "serve", *arguments], address, environment=environment, cores=cores, log=log) as service:
        yield service


@contextmanager
def running(command, address, path="/readyz", environment=None, cores=None, log=None, patience_s=START_PATIENCE_S, cwd=None):
    """Runs a program until it is no longer needed; yields it as soon as it answers `path` with 200, or without one, takes a connection."""
    out = log or subprocess.DEVNULL
    started = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment or clean_environment(), cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,
    )
    try:
        while not is_ready(address, path):
            if process.poll() is not None or time.perf_counter() - started > patience_s:
                sys.exit(f"error: `{' '.join(map(str, command))}` does not get ready; start it by hand to see why")
            time.sleep(0.0005)
        yield Service(process, address, (time.perf_counter() - started) * 1000)
    finally:
        stop(process)


def is_ready(address, path="/readyz"):
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), timeout=1) as connection:
            if path is None:
                return True
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            return re.match(rb"HTTP/1\.[01] 200", connection.recv(64)) is not None
    except OSError:
        return False


def stop(process):
    """Ends a process, gently first; returns how it ended."""
    process.terminate()
    try:
        process.wait(STOP_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return process.returncode


def two_cores():
    """One core for a server, another one for what sends it requests."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("error: server and generator need a core each")
    return {cores[0]}, {cores[1]}


# What a process costs


def cpu_ns(*pids):
    """Processor time of processes so far, in nanoseconds.

    This is each process's own clock, as the system keeps it: it counts threads that have ended, which a sum over
    /proc/PID/task does not, and is as fine as the scheduler, which the ticks of /proc/PID/stat are not.
    """
    return sum(time.clock_gettime_ns(cpu_clock(pid)) for pid in pids)


def cpu_clock(pid):
    clock = ctypes.c_int()
    failed = ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock))
    if failed:
        raise ProcessLookupError(failed, os.strerror(failed), str(pid))
    return clock.value


def memory_mib(pid, key):
    """Memory of a process: VmRSS is what it has now, VmHWM the most it ever had; nan if it has none."""
    found = re.search(rf"^{key}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(encoding="ascii"), re.MULTILINE)
    return int(found.group(1)) / 1024 if found else float("nan")


def family(pid):
    """A process and all that came of it and still run."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                # The name in brackets may hold anything.
                parents[int(folder.name)] = int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = [pid]
    for parent in found:
        found += [child for child, its in parents.items() if its == parent]
    return found


def quantile(values, share):
    """The value that so large a share of the values does not exceed; nan of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else float("nan")


# What is sent


def read_comments():
    """Every comment of ours as a blog would send it: with address and browser, without what only a corpus knows."""
    comments = []
    for row in read_rows():
        comment = {name: value for name, value in row.items() if name not in NOT_SENT}
        comment["ip"] = f"192.0.2.{len(comments) % 256}"
        comment["user_agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"
        comments.append(comment)
    if len(comments) < FEWEST_COMMENTS:
        sys.exit(f"error: data/comments has {len(comments)} comments; {FEWEST_COMMENTS} are needed")
    return comments


def read_rows():
    """The comments of ours, with everything that is known of them."""
    for file in sorted((ROOT / "data/comments").glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def form(comment, key="any"):
    """A comment as Akismet's clients send it."""
    names = {"author": "comment_author", "author_url": "comment_author_url", "content": "comment_content", "ip": "user_ip",
             "user_agent": "user_agent", "post_url": "permalink"}
    fields = {"blog": "https://blog.example", "api_key": key, "comment_type": "comment"}
    return urllib.parse.urlencode({**fields, **{names[name]: value for name, value in comment.items() if name in names and value}})


# What is told


def write_table(name, text):
    """Puts text into docs/performance.md, between the markers that name it."""
    page = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- table: {name} -->\n", "<!-- end -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    if not rest:
        sys.exit(f"error: {PAGE} has no {begin.strip()}")
    PAGE.write_text(f"{before}{begin}\n{text}\n\n{end}{after}", encoding="utf-8")
