"""A server on the loopback that lists a bucket of any number of keys, which it makes as they are asked for. It answers
ListObjectsV2, and HEAD as if there was nothing: enough for scans and dry runs, at no cost on a disk.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SHAPES: dict[str, Callable[[int], str]] = {
    "flat": lambda number: f"inbox/picture-{number:08}.jpg",
    "folders": lambda number: f"inbox/{number // 1000:05}/picture-{number:08}.jpg",
}
"""Names of keys, in the order of their bytes."""
_PAGE_KEYS = 1000
_ROW = (
    "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    "<ETag>&quot;{:032x}&quot;</ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>"
)


class GeneratedBucket:
    """The keys, and the answers to requests. `asked` counts the requests."""

    def __init__(self, keys: int, key_of: Callable[[int], str], latency_seconds: float = 0.0) -> None:
        self._numbers: Sequence[int] = range(keys)
        self._key_of = key_of
        self._latency_seconds = latency_seconds
        self.asked = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, _ = head.decode("latin-1").split("\r\n", 1)[0].split(" ", 2)
                given = parse_qs(urlsplit(target).query, keep_blank_values=True)
                query = {name: text[-1] for name, text in given.items()}
                if "requests" in query:
                    status, body = "200 OK", str(self.asked)
                elif method == "GET" and "list-type" in query:
                    self.asked += 1
                    if self._latency_seconds:
                        await asyncio.sleep(self._latency_seconds)
                    status, body = "200 OK", self.page(query)
                elif method == "HEAD":  # without a body, or the client takes it for the next answer
                    status, body = "404 Not Found", ""
                else:
                    status, body = "501 Not Implemented", "<Error><Code>NotImplemented</Code></Error>"
                content = body.encode()
                about = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(content)}\r\n\r\n"
                writer.write(about.encode() + content)
                await writer.drain()
        writer.close()

    def page(self, query: dict[str, str]) -> str:
        """Return a page of the listing."""
        prefix, after = query.get("prefix", ""), query.get("continuation-token") or query.get("start-after", "")
        start = bisect_left(self._numbers, prefix, key=self._key_of)
        start = max(start, bisect_right(self._numbers, after, key=self._key_of))
        limit = int(query.get("max-keys", _PAGE_KEYS))
        rows = []
        for number in self._numbers[start : start + limit]:
            key = self._key_of(number)
            if not key.startswith(prefix):
                break
            rows.append(_ROW.format(key, number, 1000 + number % 5000))
        there = start + len(rows)
        more = len(rows) == limit and there < len(self._numbers) and self._key_of(there).startswith(prefix)
        token = f"<NextContinuationToken>{self._key_of(there - 1)}</NextContinuationToken>" if more else ""
        return (
            '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>bucket</Name><Prefix>{prefix}</Prefix><KeyCount>{len(rows)}</KeyCount><MaxKeys>{limit}</MaxKeys>"
            f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{token}{''.join(rows)}</ListBucketResult>"
        )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="folders")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    arguments = parser.parse_args()
    bucket = GeneratedBucket(arguments.keys, SHAPES[arguments.shape], arguments.latency_ms / 1000)
    server = await asyncio.start_server(bucket.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(main())
