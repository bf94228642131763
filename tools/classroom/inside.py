"""The student's side of a grading: run the cells of a notebook, then answer the grader's questions.

    python inside.py <file number of questions> <file number of answers>

It runs where nothing is worth reading: see `enter`. All that it says is taken for plain data, and
none of it is believed. `encode` and `decode` are the language of both sides: no pickle.
"""

import base64
import contextlib
import io
import json
import os
import signal
import struct
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

HEAD = struct.Struct(">Q")  # in front of each message: its bytes
WHOLE = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8")
NUMBERS = [np.dtype(name) for name in ("?", *WHOLE, "f2", "f4", "f8")]
DTYPES = {dtype.str: dtype for dtype in NUMBERS}
MOST_TEXT = 10_000  # letters that are kept of what a cell prints
MOST_PICTURES = 3_000_000  # bytes that are kept of all pictures of a notebook


def encode(value: Any) -> Any:
    """Turn numbers, texts, arrays, tensors, and lists and dicts of them into what JSON can hold.

    TypeError: something else.
    """
    if hasattr(value, "numpy"):  # a tensor
        value = value.numpy()
    if isinstance(value, np.random.SeedSequence):  # the other side gets a generator
        return {"rng": int(value.entropy)}
    if isinstance(value, np.ndarray | np.generic) and value.dtype.newbyteorder("<") in NUMBERS:
        plain = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        data = base64.b64encode(plain.tobytes()).decode()
        return {"dtype": plain.dtype.str, "shape": list(np.shape(value)), "data": data}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(item)] for key, item in value.items()]}
    raise TypeError(f"{type(value).__name__} is neither a number, a text nor an array of numbers.")


def decode(coded: Any) -> Any:
    """Turn what `encode` made into plain data again. ValueError, TypeError or KeyError: it lies."""
    if isinstance(coded, list):
        return [decode(item) for item in coded]
    if not isinstance(coded, dict):
        return coded
    if "rng" in coded:
        return np.random.default_rng(coded["rng"])
    if "dict" in coded:
        return {decode(key): decode(item) for key, item in coded["dict"]}
    raw = base64.b64decode(coded["data"], validate=True)
    shape = [size for size in coded["shape"] if type(size) is int and 0 <= size <= len(raw)]
    if len(shape) != len(coded["shape"]) or len(shape) > 8:
        raise ValueError("no shape")
    return np.frombuffer(raw, DTYPES[coded["dtype"]]).reshape(shape)


def write(file: BinaryIO, message: Any) -> None:
    """Write a message."""
    raw = json.dumps(message).encode()
    file.write(HEAD.pack(len(raw)) + raw)
    file.flush()


def read(file: BinaryIO) -> Any:
    """Read a message that the grader wrote, or return None at the end."""
    head = file.read(HEAD.size)
    return json.loads(file.read(*HEAD.unpack(head))) if len(head) == HEAD.size else None


class ShortText(io.TextIOBase):
    """Where a cell prints: the first letters are kept, the others are counted."""

    def __init__(self):
        self.text, self.lost = "", 0

    def write(self, text: str) -> int:
        kept = text[: MOST_TEXT - len(self.text)]
        self.text, self.lost = self.text + kept, self.lost + len(text) - len(kept)
        return len(text)

    def value(self) -> str:
        return self.text + (f"\n... and {self.lost:,} more letters." if self.lost else "")


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Interrupt the block after a time."""

    def stop(*_):
        raise TimeoutError(f"This took longer than {seconds:g} seconds and was stopped.")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


class Student:
    """A notebook's cells in an IPython of their own."""

    def __init__(self, sources: Sequence[str]):
        from IPython.core.displayhook import CapturingDisplayHook
        from IPython.core.displaypub import CapturingDisplayPublisher
        from IPython.core.interactiveshell import InteractiveShell

        self.shell = InteractiveShell.instance(display_pub_class=CapturingDisplayPublisher)
        self.shown = self.shell.display_pub.outputs
        self.shell.display_trap.hook = CapturingDisplayHook(self.shell, self.shown)
        self.shell.showtraceback = self.shell.showsyntaxerror = lambda *_, **__: None
        self.shell._showtraceback = self.shell.enable_gui = lambda *_, **__: None
        self.shell.system = self.shell.system_raw  # there is no terminal
        self.pictures = 0
        if any("matplotlib" in source or "plotting" in source for source in sources):
            with contextlib.redirect_stderr(ShortText()):
                self.shell.enable_matplotlib("inline")

    def run(self, source: str, seconds: float) -> list[dict]:
        """Run a cell, and return its outputs."""
        streams = {"stdout": ShortText(), "stderr": ShortText()}
        self.shown.clear()
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.redirect_stdout(streams["stdout"]))
            stack.enter_context(contextlib.redirect_stderr(streams["stderr"]))
            try:
                with at_most(seconds):
                    result = self.shell.run_cell(source, store_history=True)
                error = result.error_before_exec or result.error_in_exec
            except BaseException as stopped:
                error = stopped
        found = [
            {"output_type": "stream", "name": name, "text": stream.value()}
            for name, stream in streams.items()
            if stream.text
        ]
        found += [self.picture_or_text(item["data"]) for item in list(self.shown)[:50]]
        return found + ([error_output(error)] if error else [])

    def picture_or_text(self, data: Mapping[str, Any]) -> dict:
        """Return the picture or the plain text of something shown: no HTML and no script."""
        kept = {"text/plain": str(data.get("text/plain", ""))[:MOST_TEXT]}
        png = data.get("image/png")
        if isinstance(png, bytes):
            png = base64.b64encode(png).decode()
        if png and self.pictures + len(png) <= MOST_PICTURES:
            self.pictures += len(png)
            kept["image/png"] = png
        return {"output_type": "display_data", "data": kept, "metadata": {}}

    def answer(self, question: Mapping[str, Any]) -> dict:
        """Call a function of the notebook, or look a name up."""
        streams = ShortText()
        with contextlib.redirect_stdout(streams), contextlib.redirect_stderr(streams):
            try:
                with at_most(question["seconds"]):
                    if question["name"] not in self.shell.user_ns:
                        return {"error": f"There is no {question['name']} in your notebook."}
                    value = self.shell.user_ns[question["name"]]
                    if "args" in question:
                        value = value(*decode(question["args"]))
                    return {"answer": encode(value)}
            except BaseException as error:
                return {"error": f"{type(error).__name__}: {error}"[:500]}


def error_output(error: BaseException) -> dict:
    lines = traceback.format_exception(error, limit=-4)
    name, text = type(error).__name__, str(error)[:MOST_TEXT]
    shown = [line[:MOST_TEXT] for line in "".join(lines).splitlines()[-40:]]
    return {"output_type": "error", "ename": name, "evalue": text, "traceback": shown}


def main(questions: BinaryIO, answers: BinaryIO) -> None:
    job = read(questions)
    sys.path.insert(0, job["path"])
    student = Student(job["cells"])
    for source in job["cells"]:
        write(answers, {"outputs": student.run(source, job["cell_seconds"])})
    while question := read(questions):
        write(answers, student.answer(question))
    os._exit(0)


if __name__ == "__main__":
    main(*(os.fdopen(int(number), mode) for number, mode in zip(sys.argv[1:], ("rb", "wb"))))
