"""Fetching data sets into the cache: the one place that touches the network, and only on request."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from coderl_env.datasets.dataset import DatasetError
from coderl_env.datasets.locate import cache_folder
from coderl_env.datasets.rows import read_rows
from coderl_env.naming import unknown_name

__all__ = ["SOURCES", "Download", "Source", "fetch"]

Download = Callable[["Source", Path], Path]


@dataclass(frozen=True, slots=True)
class Source:
    """Where one file of a data set comes from.

    Attributes:
        file: its name in the cache.
        location: its URL, or its name in the Hub's repository.
        repository: the Hub's data set repository, or None where `location` is a URL.
        revision: commit of the repository, so that the data stays the same.
    """

    file: str
    location: str
    repository: str | None = None
    revision: str | None = None


def _apps(file: str) -> Source:
    return Source(file, file, "codeparrot/apps", "21e74ddf8de1a21436da12e3e653065c5213e9d1")


SOURCES: Mapping[str, tuple[Source, ...]] = {
    "apps": (_apps("train.jsonl"), _apps("test.jsonl")),
    "mbpp": (
        Source(
            "mbpp.jsonl", "https://raw.githubusercontent.com/google-research/google-research/master/mbpp/mbpp.jsonl"
        ),
    ),
    "humaneval": (
        Source("humaneval.jsonl", "https://raw.githubusercontent.com/openai/human-eval/master/data/HumanEval.jsonl.gz"),
    ),
}


def fetch(name: str, cache: Path | None = None, download: Download | None = None) -> Path:
    """Fetch a data set into the cache; files that are there already are kept.

    APPS comes from the Hub (`codeparrot/apps`, 1.4 GB) and needs the extra `hub`; MBPP and HumanEval are small files
    on GitHub. Each file appears in the cache whole or not at all.

    Args:
        name: `apps`, `mbpp` or `humaneval`.
        cache: the cache folder; by default that of `coderl_env.datasets.locate`.
        download: gets one file into a folder and returns its path; stands for the network in tests.

    Returns:
        The folder of the data set, fit for `data_dir`.

    Raises:
        ValueError: no data set that can be fetched has that name.
        DatasetError: the network, the disk or the extra is missing, or what came is no JSON Lines file.
    """
    if name not in SOURCES:
        raise ValueError(unknown_name("data set to fetch", name, SOURCES))
    folder = (cache_folder() if cache is None else cache) / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in SOURCES[name]:
            if not (folder / source.file).is_file():
                _fetch_file(source, folder, _download if download is None else download)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(
            f"cannot fetch {name} into {folder} ({error}); check the network and the disk, and run the command again"
        ) from None
    return folder


def _fetch_file(source: Source, folder: Path, download: Download) -> None:
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as temporary:
        got = download(source, Path(temporary))
        if source.location.endswith(".gz"):
            got = _unpacked(got)
        if next(read_rows(got), None) is None:
            raise DatasetError(f"what came for {source.file} is empty; run the command again")
        got.replace(folder / source.file)


def _unpacked(path: Path) -> Path:
    target = path.with_name(path.name + ".unpacked")
    with gzip.open(path) as packed, target.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)
    return target


def _download(source: Source, folder: Path) -> Path:
    if source.repository is None:
        import urllib.request  # 20 ms that only this needs

        target = folder / source.file
        with urllib.request.urlopen(source.location, timeout=60) as response, target.open("wb") as file:
            shutil.copyfileobj(response, file)
        return target
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise DatasetError(
            f"fetching {source.repository} needs huggingface_hub; `pip install 'coderl-env[hub]'` installs it"
        ) from None
    return Path(
        hf_hub_download(
            repo_id=source.repository,
            filename=source.location,
            repo_type="dataset",
            revision=source.revision,
            local_dir=folder,
        )
    )
