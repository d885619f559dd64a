"""A Hugging Face Hub of one process, for tests: repositories in memory, over HTTP."""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN, COMMIT = "hf_test", "0" * 40


class FakeHub(ThreadingHTTPServer):
    """The repositories, by name: {file: bytes}; and what was asked for."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories, self.large, self.asked, self.private = {}, {}, [], {}

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        """Print nothing."""

    def answer(self, status, value=None, **headers):
        content = value if isinstance(value, bytes) else json.dumps(value or {}).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def allowed(self):
        if self.headers.get("Authorization") == f"Bearer {TOKEN}":
            return True
        self.body()
        self.answer(401, {"error": "Invalid username or password."})
        return False

    def do_POST(self):
        hub, path = self.server, self.path.partition("?")[0]
        hub.asked.append(("POST", path))
        if path == "/api/validate-yaml":
            self.body()
            self.answer(200, {"errors": [], "warnings": []})
        elif not self.allowed():
            return
        elif path == "/api/repos/create":
            made = json.loads(self.body())
            name = (
                f"{made['organization']}/{made['name']}"
                if made.get("organization")
                else made["name"]
            )
            hub.private[name] = made.get("private") or made.get("visibility") == "private"
            status = 409 if name in hub.repositories else 200
            hub.repositories.setdefault(name, {})
            self.answer(status, {"url": f"{hub.address}/{name}"})
        elif path.endswith("/preupload/main"):
            files = json.loads(self.body())["files"]
            modes = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular",
                    "shouldIgnore": False,
                }
                for file in files
            ]
            self.answer(200, {"files": modes})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = json.loads(self.body())["objects"]
            actions = [
                {**each, "actions": {"upload": {"href": f"{hub.address}/lfs/{each['oid']}"}}}
                for each in objects
            ]
            self.answer(200, {"transfer": "basic", "objects": actions})
        elif path.endswith("/commit/main"):
            name = path.removeprefix("/api/models/").removesuffix("/commit/main")
            for line in self.body().splitlines():
                entry = json.loads(line)
                value = entry["value"]
                if entry["key"] == "file":
                    hub.repositories[name][value["path"]] = base64.b64decode(value["content"])
                elif entry["key"] == "lfsFile":
                    hub.repositories[name][value["path"]] = hub.large[value["oid"]]
            url = f"{hub.address}/{name}/commit/{COMMIT}"
            self.answer(200, {"success": True, "commitOid": COMMIT, "commitUrl": url})
        else:
            self.answer(404)

    def do_PUT(self):
        content = self.body()
        self.server.large[hashlib.sha256(content).hexdigest()] = content
        self.answer(200)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        hub, path = self.server, self.path.partition("?")[0]
        hub.asked.append((self.command, path))
        name, _, file = path.strip("/").partition("/resolve/")
        content = hub.repositories.get(name, {}).get(file.partition("/")[2])
        if content is None:
            kind = "EntryNotFound" if name in hub.repositories else "RepoNotFound"
            self.answer(404, {"error": kind}, X_Error_Code=kind, X_Error_Message=kind)
            return
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        self.answer(200, content, ETag=etag, X_Repo_Commit=COMMIT)


@contextmanager
def fake_hub():
    """A Hub that runs while the block does."""
    hub = FakeHub()
    thread = threading.Thread(target=hub.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        thread.join()
        hub.server_close()
