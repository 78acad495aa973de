"""Every text becomes a name that loaders, file systems and shells agree on, and two texts seldom become one."""

import re
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from negbuild.names import category_name

LONGEST = 64
# https://huggingface.co/docs/datasets/repository_structure: keywords of split names; `unseen` is negbuild's own.
SPLIT_WORDS = {
    *("train", "training", "validation", "valid", "val", "dev", "test", "testing", "eval", "evaluation", "unseen"),
}
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
NO_VALUE = {"null", "nan", "none"}


def check_safe(name: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name
    assert not SPLIT_WORDS & set(re.split(r"[^a-z]+", name)), name
    assert name not in DEVICES | NO_VALUE
    assert len(name) <= LONGEST
    assert category_name(name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hotdog", "hotdog"),
        ("Hot Dog", "hot_dog"),
        ("hot-dog", "hot_dog"),
        ("  hot   dog! ", "hot_dog"),
        ("hot_dog_2", "hot_dog_2"),
        ("café", "cafe"),
        ("cafe\u0301", "cafe"),
        ("Ünïcödé", "unicode"),
        ("ﬁsh & chips", "fish_chips"),
        ("../x", "x"),
        ("a/b\\c.d", "a_b_c_d"),
        ("a\x00b\nc", "a_b_c"),
        ("$(rm -rf ~)", "rm_rf"),
        ("", "unnamed"),
        (" \t", "unnamed"),
        ("0_na", "x0_na"),
        ("7up", "x7up"),
        ("train", "xtrain"),
        ("Test", "xtest"),
        ("dev", "xdev"),
        ("unseen", "xunseen"),
        ("trainer", "trainer"),
        ("latest", "latest"),
        ("test tube", "testtube"),
        ("valid 3", "xvalid3"),
        ("val_1_train", "xval1xtrain"),
        ("2 dev", "x2xdev"),
        ("NUL", "xnul"),
        ("COM1", "xcom1"),
        ("\uff23\uff2f\uff2d1", "xcom1"),
        ("com10", "com10"),
        ("con.txt", "con_txt"),
        ("null", "xnull"),
        ("None", "xnone"),
        ("NaN", "xnan"),
        ("猫", "u732b"),
        ("猫 cat", "u732b_cat"),
        ("🐱", "u1f431"),
        ("cat 🐱", "cat"),
    ],
)
def test_odd_names(text: str, name: str) -> None:
    assert category_name(text) == name
    check_safe(name)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 300,
        "1" * 300,
        "test 1 " * 40,
        "a" * 54 + " trainer",
        "a" * 59 + " b",
        "猫" * 300,
        "☕" * 300,
        "🐱" * 300,
        "com1" * 300,
        "é" * 300,
    ],
    ids=lambda text: text[:8],
)
def test_long_names_are_cut_to_a_safe_name(text: str) -> None:
    check_safe(category_name(text))


def test_cut_never_leaves_a_split_word() -> None:
    for length in range(1, 70):
        check_safe(category_name("a" * length + " trainer" + " of people" * 9))


@settings(deadline=None)
@given(
    st.text()
    | st.text(alphabet=string.ascii_letters + string.digits + " _-./", max_size=90)
    | st.lists(
        st.sampled_from([*SPLIT_WORDS, *DEVICES, *NO_VALUE, "_", " ", "1", "x", "é", "猫", "a" * 25]), max_size=12
    ).map("".join)
)
@example("\ud800")
def test_any_text_becomes_a_safe_name(text: str) -> None:
    check_safe(category_name(text))


@settings(deadline=None)
@given(st.text(alphabet=string.ascii_lowercase + " ", max_size=40))
def test_case_and_spacing_make_no_difference(text: str) -> None:
    assert category_name(f"  {text.upper().replace(' ', ' - ')} ") == category_name(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("猫", "犬"),
        ("🐱", "🐶"),
        ("кот", "кит"),
        ("かき", "かぎ"),
        ("パン", "バン"),
        ("ปี", "ปู"),
        ("कल", "काला"),
        ("한국음식사진", "한국음식점"),
        ("красные помидоры", "красные помидорчики"),
        ("中国传统节日食物照片大全", "中国传统节日食物照片大集"),
        ("a" * 70 + "b", "a" * 70 + "c"),
    ],
    ids=[
        "Chinese",
        "emoji",
        "Russian",
        "Japanese, voiced",
        "Japanese, half voiced",
        "Thai vowels",
        "Hindi vowels",
        "Korean",
        "Russian, long",
        "Chinese, long",
        "Latin, long",
    ],
)
def test_two_texts_do_not_become_one_name(one: str, other: str) -> None:
    assert category_name(one) != category_name(other)
    check_safe(category_name(one))
