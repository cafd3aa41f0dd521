"""Tokenizers: what they read, and that no text is changed by them."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, pre_tokenizers, trainers

from coderl_env.tokens import ObjectTokenizer, Tokenizer, encode_at_most, load_tokenizer

TEXT = "def f(x):\n\tif x != 1 , 2:\n    return 'é 😀 </s><pad>'  \n"


@pytest.fixture(scope="module")
def codet5(request: pytest.FixtureRequest) -> Tokenizer:
    return load_tokenizer(str(request.getfixturevalue("shared_data") / "codet5_tokenizer"))


def byte_level(specials: list[str]) -> Backend:
    """Return a small byte-level BPE."""
    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(["for i in range(n):\n    print(i)\n"] * 9, trainer)
    return backend


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_the_nano_tokenizer(text: str) -> None:
    tokenizer = load_tokenizer("nano")
    token_ids = tokenizer.encode(text)
    assert tokenizer.decode(token_ids) == text
    assert not tokenizer.special_ids & set(token_ids)


def test_the_nano_tokenizer_has_the_usual_special_tokens() -> None:
    tokenizer = load_tokenizer("nano")
    assert 1000 <= len(tokenizer) <= 2000
    assert (tokenizer.pad_id, tokenizer.eos_id, tokenizer.special_ids) == (0, 2, {0, 1, 2, 3})


def test_the_tokenizer_of_codet5_counts_its_sentinels(codet5: Tokenizer) -> None:
    assert len(codet5) == 32_100
    assert (codet5.pad_id, codet5.eos_id) == (0, 2)
    assert codet5.special_ids == {0, 1, 2, 3, 4, *range(32_000, 32_100)}


def test_the_tokenizer_of_codet5_equals_that_of_transformers(codet5: Tokenizer, shared_data: Path) -> None:
    roberta = pytest.importorskip("transformers").RobertaTokenizer(
        vocab=str(shared_data / "codet5_tokenizer" / "codet5-vocab.json"),
        merges=str(shared_data / "codet5_tokenizer" / "codet5-merges.txt"),
    )
    rows = (shared_data / "apps" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    for row in map(json.loads, rows):
        for text in (row["prompt"], *row["solutions"][:2], TEXT):
            assert codet5.encode(text) == roberta.encode(text, add_special_tokens=False, split_special_tokens=True)


def test_real_programs_survive_the_tokenizer_of_codet5(codet5: Tokenizer, shared_data: Path) -> None:
    rows = (shared_data / "apps" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    programs = [program for row in map(json.loads, rows) for program in row["solutions"][:3]]
    assert len(programs) > 200
    assert [codet5.decode(codet5.encode(program)) for program in programs] == programs


@pytest.mark.parametrize("name", ["nano", "codet5"])
def test_special_tokens_decode_to_nothing(name: str, request: pytest.FixtureRequest) -> None:
    tokenizer = load_tokenizer("nano") if name == "nano" else request.getfixturevalue("codet5")
    token_ids = tokenizer.encode("a = 1")
    for special in tokenizer.special_ids:
        assert tokenizer.decode([special, *token_ids, special]) == "a = 1"


def test_invalid_utf8_becomes_the_replacement_character() -> None:
    tokenizer = load_tokenizer("nano")
    byte_ids = tokenizer.encode("😀")
    assert len(byte_ids) > 1
    assert tokenizer.decode([*byte_ids[:-1], *tokenizer.encode("x")]) == "\ufffdx"


@pytest.mark.parametrize(("text", "seen"), [("a\ud800b", "a\ufffdb"), ("\ud83d\ude00", "😀"), ("\udfff", "\ufffd")])
def test_lone_surrogates_become_the_replacement_character(text: str, seen: str) -> None:
    tokenizer = load_tokenizer("nano")
    assert tokenizer.decode(tokenizer.encode(text)) == seen


def test_a_folder_with_tokenizer_json_takes_its_roles_from_the_configuration(tmp_path: Path) -> None:
    backend = byte_level(["<nil>", "<stop>", "</s>"])
    backend.enable_truncation(2)
    backend.enable_padding(length=50)
    backend.save(str(tmp_path / "tokenizer.json"))
    roles = {"eos_token": {"content": "<stop>"}, "pad_token": "<nil>", "bos_token": None}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(roles))
    tokenizer = load_tokenizer(tmp_path)
    assert (tokenizer.eos_id, tokenizer.pad_id, tokenizer.special_ids) == (1, 0, {0, 1, 2})
    assert len(tokenizer.encode("x")) == 1
    assert tokenizer.decode(tokenizer.encode(TEXT)) == TEXT


def test_without_configuration_known_names_play_the_roles(tmp_path: Path) -> None:
    byte_level(["<|endoftext|>"]).save(str(tmp_path / "tokenizer.json"))
    tokenizer = load_tokenizer(str(tmp_path / "tokenizer.json"))
    assert (tokenizer.eos_id, tokenizer.pad_id) == (0, 0)


def test_a_folder_with_a_bpe_pair_and_added_tokens(tmp_path: Path) -> None:
    backend = byte_level(["<pad>", "<s>", "</s>"])
    backend.model.save(str(tmp_path))
    size = backend.get_vocab_size()
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<two>": size + 1, "<one>": size}))
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"additional_special_tokens": ["<one>", "<three>"]}))
    tokenizer = load_tokenizer(tmp_path)
    assert len(tokenizer) == size + 3
    assert tokenizer.special_ids == {0, 1, 2, size, size + 1, size + 2}
    assert (
        tokenizer.encode(TEXT) == backend.encode(TEXT.replace("</s><pad>", "")).ids
        or tokenizer.decode(tokenizer.encode(TEXT)) == TEXT
    )


def test_unused_numbers_are_special(tmp_path: Path) -> None:
    backend = byte_level(["</s>"])
    content = json.loads(backend.to_str())
    vocabulary = content["model"]["vocab"]
    vocabulary["far"] = len(vocabulary) + 5
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    tokenizer = load_tokenizer(tmp_path)
    assert len(tokenizer) == vocabulary["far"] + 1
    holes = set(range(vocabulary["far"] - 5, vocabulary["far"]))
    assert holes <= tokenizer.special_ids
    assert tokenizer.decode(sorted(holes)) == ""


def test_changed_files_are_read_again(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    byte_level(["</s>"]).save(str(file))
    first = load_tokenizer(tmp_path)
    assert load_tokenizer(tmp_path) is first
    time.sleep(0.02)
    byte_level(["<pad>", "</s>"]).save(str(file))
    assert load_tokenizer(tmp_path).eos_id == 1


def test_objects_are_taken_without_being_changed() -> None:
    backend = byte_level(["<pad>", "</s>"])
    tokenizer = load_tokenizer(backend)
    assert tokenizer.decode(tokenizer.encode("</s>")) == "</s>"
    assert backend.encode("</s>").ids == [1]
    assert load_tokenizer(tokenizer) is tokenizer


def test_tokenizers_of_transformers_are_taken(codet5: Tokenizer, shared_data: Path) -> None:
    roberta = pytest.importorskip("transformers").RobertaTokenizer(
        vocab=str(shared_data / "codet5_tokenizer" / "codet5-vocab.json"),
        merges=str(shared_data / "codet5_tokenizer" / "codet5-merges.txt"),
    )
    tokenizer = load_tokenizer(roberta)
    slow = ObjectTokenizer(roberta, "slow", roberta.eos_token_id, roberta.pad_token_id)
    for taken in (tokenizer, slow):
        assert isinstance(taken, Tokenizer)
        assert (len(taken), taken.eos_id, taken.pad_id) == (32_000, 2, 0)
        assert taken.special_ids == {0, 1, 2, 3, 4}
        assert taken.encode(TEXT) == codet5.encode(TEXT)
        assert taken.decode([2, *taken.encode(TEXT), 0]) == TEXT


def test_a_pickled_tokenizer_is_the_same() -> None:
    tokenizer = load_tokenizer("nano")
    again = pickle.loads(pickle.dumps(tokenizer))
    assert again.encode(TEXT) == tokenizer.encode(TEXT)
    assert (len(again), again.special_ids, again.name) == (len(tokenizer), tokenizer.special_ids, "nano")


class TransformersLike:
    """The attributes by which a transformers tokenizer is known."""

    name_or_path = "endless"
    all_special_ids = (0,)
    pad_token_id = 0
    eos_token_id: Any = None


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "none", "there is no such folder or file"),
        (lambda folder: "./none", "no tokenizer at './none'"),
        (lambda folder: folder, "holds no tokenizer: neither tokenizer.json nor vocab.json with merges.txt"),
        (lambda folder: write(folder, "vocab.json", "{}"), "holds no tokenizer"),
        (lambda folder: write(folder, "tokenizer.json", "{"), "is no tokenizer file"),
        (lambda folder: write(write(folder, "vocab.json", "["), "merges.txt", ""), "are no BPE vocabulary"),
        (lambda folder: write(folder, "tokenizer_config.json", "["), "is not JSON"),
        (lambda folder: write(folder, "tokenizer_config.json", "[]"), "must hold a JSON object, not list"),
        (lambda folder: byte_level(["<pad>"]), "has no end token: its vocabulary holds none of </s>"),
        (lambda folder: TransformersLike(), "tokenizer 'endless' has no end token; set its eos_token"),
        (lambda folder: 3, "a tokenizer must be 'nano', a folder, a Hub name or a tokenizer object, not int 3"),
        (lambda folder: None, "not NoneType None"),
    ],
)
def test_unusable_tokenizers(tmp_path: Path, make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        load_tokenizer(make(tmp_path))
    assert "\n" not in str(raised.value)


def test_a_hub_name_is_looked_up_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    byte_level(["<pad>", "</s>"]).save(str(tmp_path / "tokenizer.json"))
    asked = []

    def snapshot_download(name: str, **settings: Any) -> str:
        asked.append(name)
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    tokenizer = load_tokenizer("Some/model-1.5")
    assert (asked, tokenizer.name, tokenizer.eos_id) == (["Some/model-1.5"], "Some/model-1.5", 1)


@pytest.mark.parametrize(("name", "hint"), [("Some/model", "hf download Some/model"), ("nanno", "did you mean 'nano'")])
def test_a_hub_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, name: str, hint: str) -> None:
    hub = pytest.importorskip("huggingface_hub")

    def snapshot_download(name: str, **settings: Any) -> str:
        raise ConnectionError("no network\nat all")

    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    with pytest.raises(ValueError, match="did not answer with it \\(ConnectionError\\)") as raised:
        load_tokenizer(name)
    assert hint in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("length", [0, 3, 700, 40_000])
def test_the_first_tokens_of_a_text(length: int) -> None:
    tokenizer = load_tokenizer("nano")
    text = ("x = y + 1\n" * length)[: 10 * length]
    token_ids = tokenizer.encode(text)
    for limit in (1, 10, 512):
        assert encode_at_most(tokenizer, text, limit) == (token_ids[:limit], len(token_ids) > limit)
