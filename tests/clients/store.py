"""A stand-in for an S3 store, on loopback: it keeps objects in memory, and takes only the requests of one session."""

import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

_LIST = (
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Name>{bucket}</Name><Prefix></Prefix><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>"
    "</ListBucketResult>"
)
_DENIED = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'


class Store:
    """Objects by path. `accepted` is the access key id and the session token of the one session that is served."""

    def __init__(self):
        self.objects = {}
        self.accepted = None
        self.refused = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Transfer-Encoding") == "chunked":
                    while length := int(self.rfile.readline(), 16):
                        body += self.rfile.read(length)
                        self.rfile.readline()
                    self.rfile.readline()
                if self.headers.get("x-amz-content-sha256", "").startswith("STREAMING"):
                    body = _unchunked(body)
                status, answer = outer.answer(self.command, self.path, self.headers, body)
                self.send_response(status)
                content = body if self.command == "PUT" else answer
                self.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
                self.send_header("Last-Modified", "Sun, 01 Mar 2026 12:00:00 GMT")
                self.send_header("Content-Type", "application/xml" if answer.startswith(b"<") else "binary/octet-stream")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_any

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method, target, headers, body):
        signed = re.search(r"Credential=([A-Z0-9]+)/", headers.get("Authorization", ""))
        found = (signed[1] if signed else None, headers.get("x-amz-security-token"))
        url = urlsplit(target)
        path = unquote(url.path)
        if found != self.accepted:
            self.refused.append((method, path, found[0]))
            return 403, _DENIED.encode()
        query = parse_qs(url.query, keep_blank_values=True)
        if method == "POST" and "uploads" in query:
            self.objects[path] = b""
            return 200, b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
        if method == "POST":
            return 200, b"<CompleteMultipartUploadResult><ETag>1</ETag></CompleteMultipartUploadResult>"
        if method == "PUT":
            # Clients of these tests send one part.
            self.objects[path] = body
            return 200, b""
        if "location" in url.query:
            return 200, b'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">us-east-1</LocationConstraint>'
        if path.strip("/").count("/") == 0:
            return 200, _LIST.format(bucket=path.strip("/")).encode()
        if path not in self.objects:
            return 404, b"<Error><Code>NoSuchKey</Code><Message>There is no such key.</Message></Error>"
        content = self.objects[path]
        ranged = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("Range", ""))
        if ranged and method == "GET":
            return 206, content[int(ranged[1]) : int(ranged[2] or len(content)) + 1]
        return 200, content


def _unchunked(body):
    """The content of a body in signed chunks."""
    content = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if not length:
            break
        content, body = content + body[:length], body[length + 2 :]
    return content
