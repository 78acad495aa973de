"""Names of categories that every loader, file system and shell takes for the same thing."""

import hashlib
import re
import unicodedata

# Words that Hugging Face's folder builder reads as a split wherever they stand between separators or digits.
_SPLIT_WORDS = r"(?<![a-z])(training|train|validation|valid|val|dev|testing|test|evaluation|eval|unseen)(?![a-z])"
# Device names of Windows, and words that tables read as "no value".
_RESERVED = {"con", "prn", "aux", "nul", "null", "nan", "none"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in range(10)
}
_LONGEST = 60
_KEPT = 40  # characters of a longer name, before the digest that tells it from others


def category_name(text: str) -> str:
    """Make a safe name: `[a-z][a-z0-9_]*`, ASCII, no reserved word, no word that loaders read as a split.

    The same text always gives the same name; letters without a Latin base become their code points.
    """
    letters = unicodedata.normalize("NFKC", text.casefold())
    plain = "".join(_latin(before, letter) for before, letter in zip(" " + letters, letters, strict=False))
    if not re.search(r"[a-z0-9]", plain):  # emoji and the like are dropped beside letters, else named
        plain = "_".join(f"u{ord(sign):x}" for sign in letters if not sign.isascii())
    name = _safe(re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "unnamed")
    if len(name) > _LONGEST:
        digest = hashlib.sha256(letters.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        name = _safe(f"{name[:_KEPT].rstrip('_')}_{digest}")
    return name


def whole_characters(text: str) -> str:
    """Replace halves of characters, which services and old file systems give and UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()


def _safe(name: str) -> str:
    if re.search(_SPLIT_WORDS, name):
        name = name.replace("_", "")
    name = re.sub(_SPLIT_WORDS, r"x\1", name)
    return f"x{name}" if name in _RESERVED or not name[0].isalpha() else name


def _latin(before: str, letter: str) -> str:
    """Reduce a letter to ASCII: itself, its base, or its code point; an accent on a Latin letter is dropped."""
    base = unicodedata.normalize("NFKD", letter)[0]
    kind = unicodedata.category(letter)[0]
    if base.isascii():
        return base
    if kind == "M" and before.isascii():
        return ""
    return f"_u{ord(letter):x}_" if kind in "LM" else "_"
