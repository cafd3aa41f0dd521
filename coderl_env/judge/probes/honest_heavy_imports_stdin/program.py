import asyncio, concurrent.futures, decimal, email, html.parser, http.client, json, logging, sqlite3, typing, unittest, xml.dom.minidom  # noqa

print(2 * int(input()))
