"""Names of categories that every loader, file system and shell takes for the same thing."""

import re
import unicodedata

# Words that Hugging Face's folder builder reads as a split wherever they stand between separators or digits.
_SPLIT_WORDS = r"(?<![a-z])(training|train|validation|valid|val|dev|testing|test|evaluation|eval|unseen)(?![a-z])"
# Device names of Windows, and words that tables read as "no value".
_RESERVED = {"con", "prn", "aux", "nul", "null", "nan", "none"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in range(10)
}
_LONGEST = 60


def category_name(text: str) -> str:
    """Make a safe name: `[a-z][a-z0-9_]*`, ASCII, no reserved word, no word that loaders read as a split.

    The same text always gives the same name; letters without a Latin base become their code points.
    """
    plain = "".join(_latin(letter) for letter in unicodedata.normalize("NFKD", text.casefold()))
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:_LONGEST].strip("_")
    if not name:  # emoji and the like are dropped beside letters, and named where there is nothing else
        name = "_".join(f"u{ord(sign):x}" for sign in text if not sign.isspace())[:_LONGEST] or "unnamed"
    if re.search(_SPLIT_WORDS, name):
        name = name.replace("_", "")
    name = re.sub(_SPLIT_WORDS, r"x\1", name)
    return f"x{name}" if name in _RESERVED or not name[0].isalpha() else name


def _latin(letter: str) -> str:
    if letter.isascii():
        return letter
    if unicodedata.combining(letter):
        return ""
    return f"_u{ord(letter):x}_" if letter.isalpha() else "_"
