"""Something at the gate's port that does not speak AGI."""

from __future__ import annotations

import asyncio
import sys


async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\xff garbage 200 result=pass\nSET VARIABLE\nAST_EXT_VERDICT pass\n\n")
    await writer.drain()
    writer.close()


async def main(port: int) -> None:
    server = await asyncio.start_server(babble, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
