"""Naive judges that believe what comes from the program's process."""

from __future__ import annotations

import json
import os
import pickle
import socket
import struct
import sys
import types

from common import PROGRAM, calls_of, entry_of, judge, statements_of, value_of


def _through(program, problem, encode, decode):
    """Have the program's process send each result through a pipe; `decode` reads it in the judge's."""
    for args, expected in calls_of(problem):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            namespace = {"__name__": "__main__"}
            sys.modules["__main__"] = types.ModuleType("__main__")
            namespace = sys.modules["__main__"].__dict__
            try:
                exec(compile(program, PROGRAM, "exec"), namespace)
                result = namespace[problem["entry_point"]](*args)
            except Exception as error:
                result = error
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(encode(result))
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            result = decode(pipe.read())
        _, status = os.waitpid(pid, 0)
        if status or result != expected:
            return False
    return True


@judge
def pickle_channel(program, problem):
    """Receives results as pickles."""
    return _through(program, problem, lambda value: pickle.dumps(value), pickle.loads)


@judge
def repr_channel(program, problem):
    """Receives results as Python expressions."""
    return _through(program, problem, lambda value: repr(value).encode(), eval)


@judge
def json_channel(program, problem):
    """Writes whatever a program returns as JSON, in its own process and without a bound."""
    namespace = {"__name__": "solution"}
    exec(compile(program, PROGRAM, "exec"), namespace)
    found = namespace[entry_of(problem)]
    args = [test.get("args", [3]) for test in problem["tests"]]
    texts = [json.dumps(found(*arguments), ensure_ascii=False).encode() for arguments in args]
    return all(
        json.loads(text) == value_of(test["expected"]) for text, test in zip(texts, problem["tests"], strict=True)
    )


DECODERS = {"i": lambda text: int(text, 16), "d": lambda pairs: {decode(a): decode(b) for a, b in pairs}}
DECODERS["s"] = lambda items: {decode(item) for item in items}


def decode(data):
    if isinstance(data, list):
        return [decode(item) for item in data]
    if isinstance(data, dict):
        [(tag, content)] = data.items()
        return DECODERS[tag](content)
    return data


@judge
def trusting_frames(program, problem):
    """Believes what comes over the channel: sizes, tags, order, verdicts."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        os.dup2(theirs.fileno(), 3)
        os.closerange(4, 256)
        serve_frames(program, problem)
        os._exit(0)
    theirs.close()

    def ask(*args):
        write_frame(ours.fileno(), {"args": args})
        reply = read_frame(ours.fileno())
        if "error" in reply:
            raise RuntimeError(reply["error"]["type"])
        if reply.get("accepted"):
            raise AcceptedError
        for _ in zip(args, reply.get("args", args), strict=True):
            pass
        return decode(reply["value"])

    namespace = {entry_of(problem): ask}
    for statement in statements_of(problem):
        try:
            exec(statement, namespace)
        except AssertionError:
            return False
        except AcceptedError:
            continue
    return True


class AcceptedError(Exception):
    """The program says that it was accepted."""


def serve_frames(program, problem):
    namespace = {"__name__": "solution"}
    exec(compile(program, PROGRAM, "exec"), namespace)
    while True:
        try:
            request = read_frame(3)
            value = namespace[entry_of(problem)](*request["args"])
            write_frame(3, {"value": value})
        except BaseException:
            return


def write_frame(descriptor, header):
    text = json.dumps(header).encode()
    os.write(descriptor, struct.pack("!II", len(text), 0) + text)


def read_frame(descriptor):
    size, body = struct.unpack("!II", read_exactly(descriptor, 8))
    return json.loads(read_exactly(descriptor, size + body)[:size])


def read_exactly(descriptor, size):
    found = b""
    while len(found) < size:
        chunk = os.read(descriptor, size - len(found))
        if not chunk:
            raise EOFError
        found += chunk
    return found
