"""Files of programs that were made elsewhere: their formats, and the predictions that they hold.

    human-eval  JSON Lines with `task_id` and `completion`: what follows the prompt (openai/human-eval)
    evalplus    JSON Lines with `task_id` and `solution`: the whole program; `completion` as above (evalplus)
    apps        one JSON object: index of the problem -> list of programs (hendrycks/apps)
    coderl      a folder of `<index>.json`, each index -> {"code": list of programs} (salesforce/CodeRL), or of
                `<index>/gen_solutions.json`, each a list of {"code": program}; or one such file
    plain       JSON Lines with `task_id` and `program` or `code`: the whole program

Files are read piece by piece, so their size does not matter; `.gz` is unpacked. Pickles are never read: to read one is
to run what it says. Whole programs are judged as they are, except that in the formats of APPS a call-based program gets
the well-known imports that it uses and lacks, which its own harness gives it too.

Not here: judging them (`coderl_env.experiment.judging`).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from coderl_env.datasets import Dataset, DatasetError
from coderl_env.datasets.imports import with_imports
from coderl_env.datasets.rows import Row, parse_rows, shown
from coderl_env.experiment.json_pieces import JsonPieces, first_character, members
from coderl_env.naming import unknown_name
from coderl_env.problem import Problem

__all__ = ["PREDICTION_FORMATS", "Prediction", "ProblemFinder", "detect_format", "read_predictions"]

PREDICTION_FORMATS = ("human-eval", "evalplus", "apps", "coderl", "plain")

_BY_LINE = ("human-eval", "evalplus", "plain")
# Which fields of a line hold the program, and whether what they hold goes on after the prompt.
_FIELDS = {
    "human-eval": {"completion": True},
    "evalplus": {"solution": False, "completion": True},
    "plain": {"program": False, "code": False},
}
_HOW = f"say what it is with --format ({', '.join(PREDICTION_FORMATS)})"


@dataclass(frozen=True, slots=True)
class Prediction:
    """One program of a file.

    Attributes:
        task_id: the problem's id as the file has it; in the formats of APPS, its number.
        text: the program, or what follows the prompt.
        continues: whether `text` follows the prompt.
        adds_imports: whether a call-based program gets the imports that it lacks.
        where: file and line, or file and problem, for messages.
    """

    task_id: str
    text: str
    continues: bool
    adds_imports: bool
    where: str

    def program(self, problem: Problem) -> str:
        """Return the program to judge for `problem`."""
        if self.continues:
            return problem.starter_code + self.text
        if self.adds_imports and problem.entry_point is not None:
            return with_imports(self.text)
        return self.text


class ProblemFinder:
    """Finds the problems that predictions are for, by id in any case or by number.

    Args:
        dataset: where the problems are.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._ids: dict[str, str] = {}
        if dataset.size >= 0:
            numbers: dict[str, list[str]] = {}
            for problem in dataset:
                self._ids[problem.id.lower()] = problem.id
                numbers.setdefault(_number(problem.id.rpartition("/")[2]), []).append(problem.id)
            # A number names a problem where no two have it.
            self._ids |= {number: ids[0] for number, ids in numbers.items() if number and len(ids) == 1}

    def find(self, prediction: Prediction) -> Problem:
        """Return the problem of a prediction.

        Raises:
            DatasetError: the data set has no such problem; the message has the line and the nearest ids.
        """
        wanted = prediction.task_id
        known = self._ids.get(wanted.lower()) or self._ids.get(_number(wanted))
        try:
            return self._dataset.get(known or wanted)
        except ValueError as error:
            raise DatasetError(f"{prediction.where}: {error}") from None


def detect_format(path: Path) -> str:
    """Return the format of a file or folder of predictions, judged by its first record.

    Raises:
        DatasetError: it is missing, empty, a pickle, or none of the formats.
    """
    _check_readable(path)
    if path.is_dir():
        return "coderl"
    with _opened(path) as file:
        first = next((line for line in file if line.strip()), "")
    if not first:
        raise DatasetError(f"{path} is empty; there is no program in it to judge")
    try:
        row = json.loads(first)
    except (ValueError, RecursionError):
        row = None
    if isinstance(row, dict) and "task_id" in row:
        for name in ("human-eval", "evalplus", "plain"):
            if any(field in row for field in _FIELDS[name]):
                # A file of EvalPlus may hold both fields; then the whole program is the one to take.
                return "evalplus" if name == "human-eval" and "solution" in row else name
        raise DatasetError(
            f"{path}, line 1: no program under 'completion', 'solution', 'program' or 'code'; the fields are "
            f"{', '.join(map(str, row))}"
        )
    return _detect_object(path, first)


def _detect_object(path: Path, first: str) -> str:
    if first.lstrip().startswith("["):
        return "coderl"
    if not first.lstrip().startswith("{"):
        raise DatasetError(f"{path} holds neither JSON Lines nor a JSON object; {_HOW}")
    with _opened(path) as file:
        value = next((value for _, value in members(file, str(path))), None)
    if isinstance(value, list):
        return "apps"
    if isinstance(value, Mapping) and "code" in value:
        return "coderl"
    raise DatasetError(f"{path} is none of the known formats: its first value is {shown(value)}; {_HOW}")


def read_predictions(path: Path, name: str) -> Iterator[Prediction]:
    """Yield the predictions of a file or folder, in its order.

    Args:
        path: the file, or for `coderl` the folder.
        name: the format, one of `PREDICTION_FORMATS`.

    Raises:
        ValueError: an unknown format.
        DatasetError: the file is missing, empty or malformed; the message has the line.
    """
    if name not in PREDICTION_FORMATS:
        raise ValueError(unknown_name("format of predictions", name, PREDICTION_FORMATS))
    _check_readable(path)
    if path.is_dir() != (name == "coderl") and path.is_dir():
        raise DatasetError(f"{path} is a folder, which only the format coderl has; name a file")
    found = False
    for prediction in _read(path, name):
        found = True
        yield prediction
    if not found:
        raise DatasetError(f"{path} is empty; there is no program in it to judge")


def _read(path: Path, name: str) -> Iterator[Prediction]:
    if path.is_dir():
        for item in _coderl_files(path):
            yield from _read_coderl(item)
        return
    if name == "coderl":
        yield from _read_coderl(path)
        return
    with _opened(path) as file:
        if name in _BY_LINE:
            for row in parse_rows(file, str(path)):
                yield _of_row(row, name)
        else:
            for index, programs in members(file, str(path)):
                yield from _of_list(index, programs, f"{path}, problem {index!r}")


def _of_row(row: Row, name: str) -> Prediction:
    for field, continues in _FIELDS[name].items():
        if row.has(field):
            task_id = row.fields.get("task_id")
            # MBPP's own ids are numbers.
            known = str(task_id) if isinstance(task_id, int) else row.text("task_id")
            return Prediction(known, row.text(field), continues, adds_imports=False, where=row.where)
    raise row.fault(f"there is no program under {' or '.join(map(repr, _FIELDS[name]))}")


def _of_list(index: str, programs: object, where: str) -> Iterator[Prediction]:
    if not isinstance(programs, list):
        raise DatasetError(f"{where}: its programs must be a list, not {shown(programs)}; mend or remove it")
    for number, program in enumerate(programs):
        text = program.get("code") if isinstance(program, Mapping) else program
        if not isinstance(text, str):
            raise DatasetError(f"{where}: program {number} must be text, not {shown(text)}; mend or remove it")
        yield Prediction(index, text, continues=False, adds_imports=True, where=f"{where}, program {number}")


def _read_coderl(path: Path) -> Iterator[Prediction]:
    with _opened(path) as file:
        if first_character(file) == "[":
            index = path.parent.name if path.name == "gen_solutions.json" else path.name.partition(".")[0]
            yield from _of_list(index, JsonPieces(file, str(path)).value(), f"{path}")
            return
        for index, value in members(file, str(path)):
            if not isinstance(value, Mapping) or "code" not in value:
                raise DatasetError(f'{path}, problem {index!r}: it must be {{"code": [...]}}, not {shown(value)}')
            yield from _of_list(index, value["code"], f"{path}, problem {index!r}")


def _coderl_files(folder: Path) -> list[Path]:
    files = [*folder.glob("*.json"), *folder.glob("*/gen_solutions.json")]
    if not files:
        pickled = next(iter([*folder.glob("*.pkl"), *folder.glob("*/*.pkl")]), None)
        if pickled is not None:
            raise _pickle_fault(pickled)
        raise DatasetError(f"{folder} holds neither <index>.json nor <index>/gen_solutions.json; name another folder")
    return sorted(files, key=lambda file: (_number(file.stem).zfill(12), str(file)))


def _check_readable(path: Path) -> None:
    if not path.exists():
        raise DatasetError(f"there is no file of predictions {path}; check the path")
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(2)
        # The first byte of every pickle since protocol 2, and the number of its protocol.
        if path.suffix in (".pkl", ".pickle") or (start[:1] == b"\x80" and start[1:2] <= b"\x0f"):
            raise _pickle_fault(path)


def _pickle_fault(path: Path) -> DatasetError:
    return DatasetError(
        f"{path} is a pickle, and to read a pickle is to run what it says, so it is not read; CodeRL writes the same "
        "programs as JSON into outputs/codes"
    )


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            yield file
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not UTF-8 text ({error.reason}); write the programs as JSON in UTF-8") from None
    except (gzip.BadGzipFile, EOFError) as error:
        raise DatasetError(f"{path} cannot be unpacked ({error}); make the file again") from None
    except OSError as error:
        raise DatasetError(f"cannot read {path} ({error.strerror}); check the path and its permissions") from None


def _number(text: str) -> str:
    """Return a number without its leading zeros, or an empty text where it is none."""
    return str(int(text)) if text.isascii() and text.isdigit() and len(text) < 12 else ""
