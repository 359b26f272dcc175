"""In which language somebody is answered: a guess from what they wrote, or none.

By script and letters where they tell, by common short words where they do not, accents or not.
A guess decides only in which of our own fixed texts a person is answered, never how urgent they
are; screening reads every message in every language and guesses for itself. A text that fits two
languages equally well, or none, is no guess: then the language of the page is spoken.
"""

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["LANGUAGES", "guess_language"]

_MOST: Final = 2_000  # characters that are looked at
_SHARE: Final = 5  # of so many words at least one must be a common one
_SHORT: Final = 2  # letters; one such word alone is one of many languages
_WORD: Final = re.compile(r"[^\W\d_]+")

_SCRIPTS: Final = (
    ("th", 0x0E00, 0x0E7F),
    ("my", 0x1000, 0x109F),
    ("km", 0x1780, 0x17FF),
    ("ar", 0x0600, 0x06FF),
)
_NOT_ARABIC: Final = frozenset("پچژگڤکیےٹڈڑںھ")
"""Letters of Persian, Urdu and others in Arabic script."""

_LETTERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "uk": "іїєґ",
        "ru": "ыэё",
        "sr": "јљњћђџ",
        "ro": "șțşţăâî",
        "pl": "łżąęśźńó",
        "vi": "ơưđạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ",
        "es": "ñ¿¡",
        "pt": "ãõ",
        "de": "ß",
        "fr": "œèêû",
    }
)
"""Letters that speak for a language; those that others have too count as little as one word."""

_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "en": (
            "i you he she we they my me the a is am are was and not no do don can cannot to of in "
            "it that this have has will with for please help hello hi yes need want who what how "
            "thank thanks work boss afraid scared home here there from at on but so"
        ),
        "es": (
            "yo el la los las un una es soy estoy esta y no de del que en mi me con por para "
            "tengo tiene puedo ayuda ayudame ayudenme hola gracias quiero necesito favor miedo "
            "trabajo casa pero muy si donde como cuando nos ellos aqui buenas buenos"
        ),
        "fr": (
            "je tu il elle nous vous ils le les un une est suis et ne pas de du des que qui en mon "
            "ma me moi avec pour dans au ai peux aide aidez bonjour salut merci veux besoin plait "
            "peur travail maison mais tres oui non ou comment quand ici chez c j sil svp"
        ),
        "de": (
            "ich du er sie wir ihr der die das ein eine ist bin und nicht kein keine von zu mit "
            "fur mein meine mir mich in im auf habe hat kann hilfe bitte hallo danke will brauche "
            "angst arbeit haus aber sehr ja nein wo wie wann hier was helfen"
        ),
        "pt": (
            "eu ele ela nos voce voces o os um uma e sou estou esta nao de do da que em meu minha "
            "me com por para tenho tem posso ajuda ajude socorro ola oi obrigado obrigada quero "
            "preciso medo trabalho casa mas muito sim onde como quando aqui bom boa"
        ),
        "ro": (
            "eu tu el ea noi voi ei un o este e sunt si nu de din la cu pe pentru in mea meu mi ma "
            "am are pot ajutor ajutati buna salut multumesc vreau nevoie rog frica munca casa dar "
            "foarte da unde cum cand aici ce sa va"
        ),
        "pl": (
            "ja ty on ona my wy oni jest jestem i nie to w na z do ze sie mi moj moja mnie mam ma "
            "moge pomoc pomocy pomozcie prosze czesc dzien dobry dziekuje chce potrzebuje boje "
            "praca pracy dom domu ale bardzo tak gdzie jak kiedy tutaj co"
        ),
        "vi": (
            "toi ban anh chi em no chung la va khong co cua cho voi o trong nay do minh muon can "
            "giup cuu xin chao cam on lam viec nha so nhung rat vang dau nhu khi ai gi duoc bi"
        ),
        "id": (
            "saya aku kamu dia kami kita mereka yang adalah dan tidak tak bukan di ke dari untuk "
            "dengan ini itu ada bisa mau ingin perlu tolong bantu bantuan halo hai terima kasih "
            "takut kerja rumah tapi sangat ya mana bagaimana kapan sini apa majikan"
        ),
        "sr": (
            "ja ti on ona mi vi oni je sam smo i ne nije u na sa za od da moj moja me mene imam "
            "mogu pomoc pomozite molim zdravo cao hvala hocu zelim treba bojim strah posao kuca "
            "ali vrlo jako gde kako kada ovde sta "
            "ја ти он она ми ви они је сам смо и не није у на са за од да мој моја ме имам могу "
            "помоћ помозите молим здраво хвала хоћу желим треба бојим посао кућа али где како шта"
        ),
        "ru": (
            "я ты он она мы вы они это и не в на с у из от что мой моя меня мне есть могу можно "
            "помощь помогите помоги пожалуйста привет здравствуйте спасибо хочу нужно нужна боюсь "
            "работа работе дом дома но очень да нет где как когда здесь стоп"
        ),
        "uk": (
            "я ти він вона ми ви вони це і й не в у на з від що мій моя мене мені є можу можна "
            "допомога допоможіть допоможи ласка привіт вітаю дякую хочу треба потрібна боюся "
            "робота роботі дім вдома але дуже так ні де як коли тут"
        ),
        "bg": (
            "аз ти той тя ние вие те е съм са и не в на с от за че моя моят ме ми имам мога "
            "помощ помогнете помогни моля здравейте здравей благодаря искам трябва страх ме "
            "работа вкъщи но много да къде как кога тук какво се"
        ),
    }
)

LANGUAGES: Final = frozenset({*_WORDS, *(code for code, _, _ in _SCRIPTS)})
"""All that can be guessed (ISO 639-1)."""


def guess_language(text: str) -> str | None:
    """Return the language code of what somebody wrote; None where nothing tells."""
    text = unicodedata.normalize("NFC", text[:_MOST]).casefold()
    script = _script(text)
    if script is not None:
        return script or None
    words = [_plain(word) for word in _WORD.findall(text)]
    letters = frozenset(text)
    scores = {
        code: 2 * sum(word in known for word in words) + bool(letters & _OWN.get(code, frozenset()))
        for code, known in _KNOWN.items()
    }
    best, second = sorted(scores, key=lambda code: -scores[code])[:2]
    enough = scores[best] * _SHARE >= 2 * len(words) or scores[best] % 2 == 1
    known = "".join(word for word in words if word in _KNOWN[best])
    is_scant = len(known) <= _SHORT and scores[best] % 2 == 0
    return best if scores[best] > scores[second] and enough and not is_scant else None


def _script(text: str) -> str | None:
    """The language of the script most is written in; empty: of one we do not know."""
    counts = {
        code: sum(first <= ord(sign) <= last for sign in text) for code, first, last in _SCRIPTS
    }
    letters = sum(sign.isalpha() for sign in text)
    most = max(counts, key=lambda code: counts[code])
    if counts[most] == 0 or 2 * counts[most] < letters:
        return None
    return "" if most == "ar" and _NOT_ARABIC & frozenset(text) else most


def _plain(word: str) -> str:
    """A word without accents; Cyrillic letters stay whole."""
    if any("\u0400" <= sign <= "\u04ff" for sign in word):
        return word
    apart = unicodedata.normalize("NFD", word)
    bare = "".join(one for one in apart if not unicodedata.combining(one))
    return bare.translate(_BARE)


_BARE: Final = str.maketrans({"đ": "d", "ł": "l", "ß": "ss", "ı": "i", "œ": "oe"})
_KNOWN: Final = MappingProxyType({code: frozenset(words.split()) for code, words in _WORDS.items()})
_OWN: Final = MappingProxyType({code: frozenset(letters) for code, letters in _LETTERS.items()})
