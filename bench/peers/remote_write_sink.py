"""Where a Prometheus in agent mode may write to: reads each request, keeps nothing, answers 204.

    remote_write_sink.py

Prints "listening PORT".  GET answers how many bytes were written to it.
"""

import http.server

MAX_BODY_BYTES = 16 * 1024 * 1024


class Sink(http.server.BaseHTTPRequestHandler):

    protocol_version = "HTTP/1.1"
    received_bytes = 0  # by all of them

    def do_GET(self):
        answer = str(Sink.received_bytes).encode()
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        if length > MAX_BODY_BYTES:
            self.send_error(413)
            self.close_connection = True
            return
        Sink.received_bytes += len(self.rfile.read(length))
        self.send_response_only(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink) as server:
        print("listening", server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
