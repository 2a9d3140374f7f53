"""AWS Lambda on loopback for tests: AWS's own runtime client runs the handler, this module stands for the service.

One warm process serves one call after another, as in AWS. Behind two interfaces: the Runtime API, which the process
asks for events, and the Invoke API, which boto3 calls.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LOG_BYTES = 4096
ANSWER_SECONDS = 60


@dataclass
class Call:
    """One invocation on its way."""

    event: bytes
    is_error: bool = False
    answer: bytes = b""
    done: threading.Event = field(default_factory=threading.Event)


class Service(ThreadingHTTPServer):
    """The calls that wait, the calls that run, and the log of the process."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), Api)
        self.name = name
        self.waiting: queue.Queue[tuple[str, Call]] = queue.Queue()
        self.running: dict[str, Call] = {}
        self.events: list[bytes] = []
        self.throttles = 0
        self.log = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def follow(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout
        for line in process.stdout:
            self.log += line


class Api(BaseHTTPRequestHandler):
    """Both interfaces."""

    protocol_version = "HTTP/1.1"
    server: Service

    def do_GET(self) -> None:
        """The process asks for the next event."""
        request_id, call = self.server.waiting.get()
        self.server.running[request_id] = call
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + ANSWER_SECONDS) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:::function:{self.server.name}",
        }
        self._send(200, call.event, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = self.path.split("/")
        if parts[1:4] == ["2018-06-01", "runtime", "init"]:
            # The code does not load: every call that waits is answered with why.
            self._send(202, b"{}", {})
            while True:
                _, call = self.server.waiting.get()
                call.answer, call.is_error = body, True
                call.done.set()
        elif parts[1] == "2018-06-01":
            call = self.server.running.pop(parts[-2])
            call.answer, call.is_error = body, parts[-1] == "error"
            call.done.set()
            self._send(202, b"{}", {})
        elif self.server.throttles:
            self.server.throttles -= 1
            self._send(429, b'{"Type":"User"}', {"x-amzn-errortype": "TooManyRequestsException"})
        elif parts[3] != self.server.name:
            self._send(404, b'{"Message":"Function not found"}', {"x-amzn-errortype": "ResourceNotFoundException"})
        else:
            self._invoke(body)

    def _invoke(self, event: bytes) -> None:
        log_from = len(self.server.log)
        call = Call(event)
        self.server.events.append(event)
        self.server.waiting.put((str(uuid.uuid4()), call))
        assert call.done.wait(ANSWER_SECONDS), self.server.log.decode()
        time.sleep(0.05)  # What the process wrote last may still be in the pipe.
        headers = {"X-Amz-Function-Error": "Unhandled"} if call.is_error else {}
        if self.headers.get("X-Amz-Log-Type") == "Tail":
            tail = self.server.log[log_from:][-LOG_BYTES:]
            headers["X-Amz-Log-Result"] = base64.b64encode(tail).decode()
        self._send(200, call.answer, headers)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the test output quiet."""


@contextmanager
def lambda_function(
    name: str, handler: str, task_root: Path, environ: Mapping[str, str], *arguments: str
) -> Iterator[Service]:
    """A function whose code is a folder; its process ends with the block.

    Args:
        name: what callers name.
        handler: module and function.
        task_root: folder of the code, first on the path.
        environ: the function's environment, besides what finds Python's own packages.
        arguments: of the interpreter.
    """
    service = Service(name)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    inherited = {key: os.environ[key] for key in ("PATH", "HOME", "LD_LIBRARY_PATH", "TMPDIR") if key in os.environ}
    process = subprocess.Popen(
        [sys.executable, *arguments, "-m", "awslambdaric", handler],
        env={
            **inherited,
            "AWS_LAMBDA_RUNTIME_API": service.url.removeprefix("http://"),
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "LAMBDA_TASK_ROOT": str(task_root),
            "PYTHONPATH": str(task_root),
            "PYTHONUNBUFFERED": "1",
            **environ,
        },
        cwd=task_root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    threading.Thread(target=service.follow, args=(process,), daemon=True).start()
    try:
        yield service
    finally:
        process.kill()
        process.wait()
        service.shutdown()
        service.server_close()


def events_of(service: Service) -> list[dict[str, object]]:
    """The events that the function was called with."""
    return [json.loads(event) for event in service.events]
