import asyncio


async def main():
    n = await asyncio.to_thread(input)
    values = await asyncio.gather(*(asyncio.to_thread(int, n) for _ in range(2)))
    print(sum(values))


asyncio.run(main())
