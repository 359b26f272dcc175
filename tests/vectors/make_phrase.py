"""Vectors of the return phrase: shown, read, refused, and its keys."""

from pathlib import Path

from fixed import box_public, derived, fixed, hashed, sign_public
from nacl import bindings as sodium

LIST = (Path(__file__).parents[2] / "vault/words/phrase.en.txt").read_text("utf-8").split()
LIMIT = 2**77
DAMM = [
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
]


def make():
    numbers = [0, LIMIT - 1, *(int.from_bytes(fixed(f"phrase {i}", 10)) % LIMIT for i in range(3))]
    main = numbers[2]
    return {
        "good": [_shown(number) for number in numbers],
        "read": _read(main),
        "refused": _refused(main),
        "fingerprint": [
            {"fingerprint": value, "words": _words(int.from_bytes(value), 256, 8)}
            for value in (bytes(32), fixed("fingerprint"))
        ],
    }


def _words(number, bits, count):
    return [LIST[number >> (bits - 11 * (i + 1)) & 2047] for i in range(count)]


def _check_word(phrase):
    return _words(int.from_bytes(hashed("check", phrase)), 256, 1)[0]


def _with_check_digit(plain):
    interim = 0
    for digit in plain:
        interim = int(DAMM[interim][int(digit)])
    return f"{plain}{interim}"


def _digits(number):
    return _with_check_digit(f"{number:024}")


def _all_words(number):
    return [*_words(number, 77, 7), _check_word(number.to_bytes(10, "big"))]


def _shown(number):
    phrase = number.to_bytes(10, "big")
    root = sodium.crypto_pwhash_alg(
        32, phrase, b"havenline-phrase", 1, 8 * 1024 * 1024, sodium.crypto_pwhash_ALG_ARGON2ID13
    )
    shown = _digits(number)
    return {
        "phrase": phrase,
        "words": _all_words(number),
        "digits": [shown[i : i + 5] for i in range(0, 25, 5)],
        "lookup_tag": derived(root, "phrase/lookup")[:16],
        "box_public": box_public(derived(root, "phrase/box")),
        "sign_public": sign_public(derived(root, "phrase/sign")),
    }


def _in_script(digits, zero):
    return "".join(chr(zero + int(digit)) for digit in digits)


def _near(word):
    """A slip of each sort that can only mean `word`, and that is not told by its first letters."""
    slips = {
        "a letter wrong": "q" + word[1:],
        "a letter missing": word[1:],
        "a letter too many": "q" + word,
        "two exchanged": word[1] + word[0] + word[2:],
    }
    return {why: slip for why, slip in slips.items() if _meant(slip) == [word]}


def _meant(typed):
    """Which listed words `typed` may mean, by the rules and by the slow and plain way."""
    if typed in LIST:
        return [typed]
    starts = [word for word in LIST if word[:4] == typed[:4]]
    if len(starts) == 1:
        return starts
    return [word for word in LIST if _distance(typed, word) == 1] or starts


def _distance(a, b):
    """Damerau-Levenshtein distance (optimal string alignment), as the textbook has it."""
    rows = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            rows[i][j] = min(
                rows[i - 1][j] + 1,
                rows[i][j - 1] + 1,
                rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]),
            )
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


def _cut(word):
    """The first four letters, unless they are one slip away from another listed word."""
    near = {other for other in LIST if _distance(word[:4], other) <= 1}
    return word[:4] if near <= {word} else word


def _read(number):
    words, digits = _all_words(number), _digits(number)
    groups = [digits[i : i + 4] for i in range(0, 25, 4)]
    accented = " ".join(words).replace("a", "á").replace("e", "ê").replace("u", "u\u0308")
    texts = {
        "words": " ".join(words),
        "capitals, commas, lines": ",\r\n".join(word.upper() for word in words) + ".",
        "hyphens and spaces around": f"  {'-'.join(words)}\n",
        "accents": accented,
        "full width": "".join(
            chr(ord(char) + 0xFEE0) if char.isalpha() else char for char in " ".join(words)
        ),
        "numbered": " ".join(f"{i}. {word}" for i, word in enumerate(words, 1)),
        "first four letters, where no other word is near": " ".join(map(_cut, words)),
        "endings wrong": " ".join(word[:4] + "xyz" if len(word) > 3 else word for word in words),
        "digits in one": digits,
        "digits in fours": " ".join(groups),
        "digits with dashes and dots": "-".join(groups) + ".",
        "Arabic-Indic digits": _in_script(digits, 0x660),
        "Persian digits": _in_script(digits, 0x6F0),
        "Devanagari digits": _in_script(digits, 0x966),
        "Bengali digits": _in_script(digits, 0x9E6),
        "full-width digits": _in_script(digits, 0xFF10),
        "mathematical digits": _in_script(digits, 0x1D7EC),
        "Adlam digits": _in_script(digits, 0x1E950),
        "digits between marks of direction": f"\u200f{digits}\u200e",
        "digits with a letter": f"no {digits}",
    }
    for why, slip in _near(words[4]).items():
        texts[f"word 5: {why}"] = " ".join([*words[:4], slip, *words[5:]])
    assert len([why for why in texts if why.startswith("word 5")]) > 1, "choose another word"
    return [
        {"why": why, "text": text, "phrase": number.to_bytes(10, "big")}
        for why, text in texts.items()
    ]


def _refused(number):
    words, digits = _all_words(number), _digits(number)

    def case(why, text, reason, found, *, digits=False, position=0, candidates=()):
        return {
            "why": why,
            "text": text,
            "reason": reason,
            "digits": digits,
            "found": found,
            "position": position,
            "candidates": list(candidates),
        }

    other = LIST[(LIST.index(words[7]) + 5) % 2048]
    several = next(
        typed
        for word in LIST
        for typed in (word[:-1] + "q", "q" + word[1:])
        if typed not in LIST and len(_meant(typed)) > 1
    )
    swapped = [words[1], words[0], *words[2:]]
    large = [f"{value:024}" for value in (LIMIT, 10**24 - 1)]
    wrong = str((int(digits[3]) + 1) % 10)
    return [
        case("nothing", "", "count", 0, digits=True),
        case("signs only", " -.!\n", "count", 0, digits=True),
        case("seven words", " ".join(words[:7]), "count", 7),
        case("nine words", " ".join([*words, words[0]]), "count", 9),
        case("24 digits", digits[:24], "count", 24, digits=True),
        case("26 digits", digits + "0", "count", 26, digits=True),
        case("a letter in place of a digit", "l" + digits[1:], "count", 24, digits=True),
        case("superfluous text", " ".join(words) + " " * 1000, "count", 8),
        case(
            "unknown word",
            " ".join([*words[:2], "zzzzzz", *words[3:]]),
            "unknown word",
            8,
            position=3,
        ),
        case(
            "several near words",
            " ".join([several, *words[1:]]),
            "unknown word",
            8,
            position=1,
            candidates=_meant(several),
        ),
        case(
            "word of another script",
            " ".join([*words[:7], "слово"]),
            "unknown word",
            8,
            position=8,
        ),
        case("wrong check word", " ".join([*words[:7], other]), "check word", 8),
        case("two words exchanged", " ".join(swapped), "check word", 8),
        case("wrong digit", digits[:3] + wrong + digits[4:], "check digit", 25, digits=True),
        case(
            "two neighbouring digits exchanged", _exchanged(digits), "check digit", 25, digits=True
        ),
        case(
            "wrong check digit",
            digits[:24] + str((int(digits[24]) + 1) % 10),
            "check digit",
            25,
            digits=True,
        ),
        *[
            case("2^77 or more", _with_check_digit(value), "too large", 25, digits=True)
            for value in large
        ],
    ]


def _exchanged(digits):
    at = next(i for i in range(5, 20) if digits[i] != digits[i + 1])
    return digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]
