"""A program that appends reports until it is killed, and says which ones were acknowledged.

Run by test_crash.py: python -m tests.store.crash URL
"""

import asyncio
import sys

from sre_portal.store.database import open_store
from tests.store.samples import at, report, second


async def main(url: str) -> None:
    async with await open_store(url) as store:

        async def agent(instance: str) -> None:
            for offset in range(3000):
                await store.reports.append(report(second(offset), instance=instance, seq=offset), at(offset))
                sys.stdout.write(f"{instance} {offset}\n")
                sys.stdout.flush()

        await asyncio.gather(*(agent(f"payments-{number}") for number in range(5)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
