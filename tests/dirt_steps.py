"""Dirt for the steps whose generators lie in other modules or are a line or two: what goes into docs/truth.md beside them.

The texts are combinations of three of the sentences of dirt_clean.py: any two of them share at most two sentences.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import tempfile
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import dirt_annotate
import dirt_clean
import dirt_pairs
import dirt_pii
from dirt import Planted

LANGUAGES: Final = {"ko": dirt_clean.KO, "en": dirt_clean.EN}
Change = Callable[[str, random.Random], str]


def texts(language: str, n: int) -> list[str]:
    """`n` different texts of three sentences each, in a fixed random order."""
    made = [" ".join(three) for three in itertools.combinations(LANGUAGES[language], 3)]
    random.Random(f"texts/{language}").shuffle(made)
    return made[:n]


def apart(language: str, half: int) -> list[str]:
    """Texts of three sentences, of which any two share at most one; those of the two halves share none."""
    sentences = LANGUAGES[language][6 * half : 6 * half + 6]
    made: list[tuple[str, ...]] = []
    for three in itertools.combinations(sentences, 3):
        if all(len(set(three) & set(other)) < 2 for other in made):
            made.append(three)
    return [" ".join(three) for three in made]


def halves(language: str, half: int) -> list[str]:
    """Texts of three sentences of one half: 20, which share none with those of the other half."""
    return [" ".join(three) for three in itertools.combinations(LANGUAGES[language][6 * half : 6 * half + 6], 3)]


def truth() -> Iterator[Planted]:
    """Everything."""
    yield from _cleaned()
    yield from _personal()
    yield from _annotated()
    yield from _filtered()
    yield from _answered()
    yield from _compared()
    yield from _tested()


def _edited(step: str, language: str, pairs: Iterable[tuple[str, str]], kind: str, **params: Any) -> Planted:
    """(dirty, clean) pairs among clean texts that should stay as they are."""
    dirty = [(a, b) for a, b in pairs if a != b]
    clean = texts(language, 60)
    rows = [{"text": a} for a, _ in dirty] + [{"text": t} for t in clean]
    return Planted(step, language, kind, rows, {i: b for i, (_, b) in enumerate(dirty)}, params)


def _cleaned() -> Iterator[Planted]:
    for language, given in LANGUAGES.items():
        draw = random.Random(f"clean/{language}")
        made: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        for p in dirt_clean.lossless(given, language):
            made["clean.mojibake", "twice misread" if "twice" in p.kind else f"{p.kind.split(' ')[0]} misread"].append((p.dirty, p.clean))
        made["clean.markdown", "emphasis, links, heads"] = [(p.dirty, p.clean) for p in dirt_clean.marked(given)]
        for p in dirt_clean.framed(given, language, draw):
            made["clean.boilerplate", p.kind].append((p.dirty, p.clean))
        made["clean.noise", "laughter and marks"] = [(p.dirty, p.clean) for p in dirt_clean.laughing(given * 5, language, draw)]
        made["clean.unicode", "decomposed, invisible, full width"] = [(_odd(t, draw), t) for t in texts(language, 120)]
        made["clean.markup", "tags and entities"] = [(_tagged(t, draw), t) for t in texts(language, 120)]
        made["clean.whitespace", "runs of spaces"] = [(t.replace(" ", "   ", draw.randint(1, 3)) + " ", t) for t in texts(language, 120)]
        for (step, kind), pairs in made.items():
            yield _edited(step, language, pairs, kind)
        yield _edited("clean.terms", language, ((p.dirty, p.clean) for p in dirt_clean.varied(language)), "variants of a term", map=dirt_clean.TERMS)
        missing = [*dirt_clean.NOTHING[language], *dirt_clean.SOMETHING[language]]
        yield Planted("clean.missing", language, "nothing said", [{"text": t} for t in missing], dict.fromkeys(range(len(dirt_clean.NOTHING[language])), "1"), column="missing")
        lossy = list(dirt_clean.lossy(given, language))
        rows = [{"text": p.dirty} for p in lossy] + [{"text": t} for t in texts(language, 60)]
        yield Planted("clean.mojibake", language, "lossy, told as such", rows, dict.fromkeys(range(len(lossy)), "lossy"), column="mojibake")
        thinned = list(dirt_clean.thinned([*given, *(dirt_clean.SPACED if language == "ko" else ())], language))
        rows = [{"text": p.dirty} for p in thinned] + [{"text": t} for t in texts(language, 60)]
        yield Planted("clean.mojibake", language, "lossy, left out without a trace", rows, dict.fromkeys(range(len(thinned)), "lossy"), column="mojibake")
        word = {"ko": "사내코드명", "en": "Project Falcon"}[language]
        hidden = [(_within(t, word, random.Random(t)), _within(t, "[BLOCKED]", random.Random(t))) for t in texts(language, 60)]
        yield _edited("guard.policy", language, hidden, "a forbidden word", words=[word], mode="mask")
        rows = [{"text": a} for a, _ in hidden] + [{"text": t} for t in texts(language, 60)]
        yield Planted("annotate.toxicity", language, "a word of the user's list", rows, dict.fromkeys(range(60), "1"), {"terms": [word], "builtin": False}, "toxicity_terms")
    draw, given = random.Random("spacing"), dirt_clean.SPACED
    graded = {
        "3 words as one": dirt_clean.glued(given, 3, draw), "4 words as one": dirt_clean.glued(given, 4, draw), "a sentence as one word": dirt_clean.unspaced(given), "half of the spaces gone": dirt_clean.sparse(given, draw),
        "three sentences as one word": dirt_clean.unspaced([re.sub(r"[.,!?]", "", t) for t in texts("ko", 60)]), "every syllable alone": dirt_clean.overspaced(given),
    }  # fmt: skip
    for kind, planted in graded.items():
        pairs = [(p.dirty, p.clean) for p in planted]
        yield _edited("clean.spacing", "ko", pairs, f"{kind}, as its writer had it")
        yield replace(_edited("clean.spacing", "ko", pairs, f"{kind}, changed at all"), seen=True)


def _within(text: str, word: str, draw: random.Random) -> str:
    words = text.split(" ")
    at = draw.randint(1, len(words) - 1)
    return " ".join([*words[:at], word, *words[at:]])


def _odd(text: str, draw: random.Random) -> str:
    at = draw.randint(1, len(text) - 1)
    way = draw.randrange(3)
    if way == 0 and unicodedata.normalize("NFD", text) != text:
        return unicodedata.normalize("NFD", text)
    return text[:at] + draw.choice("\u200b\ufeff\u00ad\u2060") + text[at:]


def _tagged(text: str, draw: random.Random) -> str:
    one, *rest = text.split(" ")
    told = " ".join(rest).replace("&", "&amp;").replace("'", "&#39;").replace("“", "&ldquo;").replace("”", "&rdquo;")
    return draw.choice((f"<b>{one}</b> {told}", f"<p>{one} {told}</p>", f"{one}&nbsp;{told}", f'<a href="https://example.com">{one}</a> <i>{told}</i>'))


def _personal() -> Iterator[Planted]:
    clean: dict[str, list[str]] = defaultdict(list)
    for _, language, text in dirt_pii.clean(20, seed=17):
        clean[language].append(text)
    levels: dict[tuple[str, int], list[dirt_pii.Planted]] = defaultdict(list)
    for p in dirt_pii.suite(40, seed=17):
        levels[p.language, p.level].append(p)
    told = {1: "plainly written:", 2: "glued, other separators:", 3: "hidden:"}
    for (language, level), found in levels.items():
        rows = [{"text": p.text} for p in found] + [{"text": t} for t in clean[language]]
        yield Planted("guard.pii", language, told[level], rows, {i: p.kind for i, p in enumerate(found)}, {"mode": "flag"}, "pii")


def _annotated() -> Iterator[Planted]:
    known = list(dirt_annotate.languages())
    yield Planted("annotate.language", "all", "", [{"text": p.text} for p in known], {i: p.truth for i, p in enumerate(known)}, column="language")
    for language in LANGUAGES:
        homes = list(dirt_annotate.defaulted(language, random.Random(f"defaults/{language}")))
        yield Planted("annotate.defaults", language, "the same value put in by a form", [row for row, _ in homes], {i: "home" for i, (_, put) in enumerate(homes) if put}, {"columns": ["home", "kind"]}, "defaulted")
    for language in LANGUAGES:
        varied = list(dirt_annotate.varied(language))
        yield Planted("annotate.variants", language, "spelling, blanks, hyphens, case", [{"text": t} for t, _ in varied], {i: "variant" for i, (_, other) in enumerate(varied) if other}, {"least": 2}, "variants")
    levels = list(dirt_annotate.registers())
    yield Planted("annotate.register", "ko", "", [{"text": p.text} for p in levels], {i: p.truth for i, p in enumerate(levels)}, column="register")


def _filtered() -> Iterator[Planted]:
    for language in LANGUAGES:
        draw = random.Random(f"filter/{language}")
        base = texts(language, 120)
        odd = [base[0] * 12, "=" * 70 + "#" * 20, "3141592653 58979 3238462643 383279", "ha" * 60]
        rows = [{"text": t} for t in (*odd, *base)]
        yield Planted("annotate.outlier", language, "far too long, signs, figures, repetition", rows, dict.fromkeys(range(len(odd)), "odd"), column="outlier_cause")
        other = texts("en" if language == "ko" else "ko", 40)
        sound = [{"text": t} for t in base[40:]]
        runaway = [{"text": f"{t} {' '.join([t.split()[-1]] * 90) if i % 2 else t.split()[-1][0] * 400}"} for i, t in enumerate(base[:40])]
        yield Planted("filter.repetition", language, "the same word or letter without end", runaway + sound, dict.fromkeys(range(40), "repetition"))
        empty = [{"text": draw.choice(("", " ", "\u3164", "\u200b", "\n\t"))} for _ in range(20)]
        yield Planted("filter.length", language, "empty, to the eye too", empty + sound, dict.fromkeys(range(20), "empty"))
        rows = [{"text": t} for t in [*other, *base]]
        yield Planted("filter.language", language, "another language", rows, dict.fromkeys(range(40), "other"), {"keep": [language]}, before=("annotate.language",))
        broken = list(dirt_annotate.broken(language, draw))
        rows = [{"text": p.text} for p in broken] + [{"text": t} for t in dirt_annotate.sound(language, draw)]
        yield Planted("filter.quality", language, "broken records", rows, dict.fromkeys(range(len(broken)), "broken"), before=("annotate.quality",))


def _chat(question: str, answer: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def _answered() -> Iterator[Planted]:
    for language in LANGUAGES:
        pairs = dirt_pairs.pairs(language, 23, 60)
        good = [p for p in pairs if p.reason is None]
        for reason in dict.fromkeys(p.reason for p in pairs if p.reason):
            bad = [p for p in pairs if p.reason == reason]
            rows = [_chat(p.question, p.answer) for p in (*bad, *good)]
            yield Planted("filter.pairs", language, reason.replace("_", " "), rows, dict.fromkeys(range(len(bad)), reason), {"rules": [reason]})
        base = texts(language, 100)
        rows = [_chat(q, a) for q, a in zip(base[:50], base[50:])] + [_chat(f"{q}?", base[99]) for q in base[60:90]]
        # The first five questions with the answer may keep it; one of the pairs above has it too.
        yield Planted("filter.answers", language, "one answer for 31 questions", rows, dict.fromkeys(range(54, 80), "one_answer"))


CHANGES: Final[dict[str, Change]] = {
    "spacing": lambda t, d: t.replace(" ", ""),
    "punctuation": lambda t, d: re.sub(r"[.,](?!\d)", "!", t) + "!!",
    "case": lambda t, d: t.upper(),
    "two typos": lambda t, d: _typos(t, d, 2),
    "ending": lambda t, d: t.rstrip(".!?요다 ") + ("습니다만" if any("가" <= c <= "힣" for c in t) else " indeed"),
}


def _typos(text: str, draw: random.Random, n: int) -> str:
    made = list(text)
    for at in draw.sample([i for i, c in enumerate(made) if c.isalpha()], n):
        made[at] = "ㅇ" if "가" <= made[at] <= "힣" else "q"
    return "".join(made)


def _compared() -> Iterator[Planted]:
    for language in LANGUAGES:
        base = texts(language, 160)
        copied = base[:80]
        for kind, change in CHANGES.items():
            draw = random.Random(f"copies/{language}/{kind}")
            # A copy is a letter shorter or as long, so that `keep: longest` and `keep: first` both let the original stay.
            rows = [{"text": t} for t in base] + [{"text": change(t, draw)} for t in copied]
            planted = dict.fromkeys(range(len(base), len(rows)), kind)
            if kind in ("spacing", "punctuation", "case"):
                yield Planted("dedup.exact", language, kind, rows, planted)
                yield Planted("dedup.semantic", language, kind, rows, planted, {"threshold": 0.9, "keep": "first"})
            yield Planted("dedup.near", language, kind, rows, planted, {"keep": "first"})
        said = [(f"{t}\n\n{extra}\n\n{extra}", f"{t}\n\n{extra}") for t, extra in zip(base[:60], reversed(base))]
        yield _edited("dedup.inside", language, said, "a paragraph said twice")
        long, alone = apart(language, 0), apart(language, 1)
        rows = [{"text": t} for t in (*long, *alone)] + [{"text": f"{i}. {t} {i}"} for i, t in enumerate(long)]
        yield Planted("dedup.substring", language, "a text again inside another", rows, dict.fromkeys(range(len(long) + len(alone), len(rows)), "span"), {"min": 60}, "repeated")
        for kind, change in (("verbatim", lambda t, d: t), ("spacing", CHANGES["spacing"])):
            draw = random.Random(f"stream/{language}")
            path = _file(f"stream-{language}-{kind}", [{"text": change(t, draw)} for t in copied])
            yield Planted("dedup.stream", language, kind, [{"text": t} for t in base], dict.fromkeys(range(80), kind), {"against": [str(path)]})


def _tested() -> Iterator[Planted]:
    for language in LANGUAGES:
        items, clean = halves(language, 0), halves(language, 1)
        path = _file(f"benchmark-{language}", [{"question": t, "answer": "A"} for t in items])
        kinds: dict[str, Change] = {
            "verbatim": lambda t, d: t,
            "inside a longer row": lambda t, d, clean=clean: f"{clean[0]} {t} {clean[1]}",  # type: ignore[misc]
            "spacing": CHANGES["spacing"],
            "two typos": CHANGES["two typos"],
        }
        for kind, change in kinds.items():
            draw = random.Random(f"tested/{language}/{kind}")
            rows = [{"text": change(t, draw)} for t in items] + [{"text": t} for t in clean]
            yield Planted("guard.contamination", language, kind, rows, dict.fromkeys(range(len(items)), kind), {"against": [str(path)]})
        base = texts(language, 160)
        rows = [{"text": t, "part": "train" if i < 100 else "test"} for i, t in enumerate(base)] + [{"text": t.replace(" ", ""), "part": "train"} for t in base[100:140]]
        yield Planted("mix.split", language, "a test prompt in training, spaced otherwise", rows, dict.fromkeys(range(160, 200), "leak"), {"check": "part"})


_FOLDER: Final = tempfile.TemporaryDirectory(prefix="dadeum-truth-")


def _file(name: str, rows: Iterable[dict[str, Any]]) -> Path:
    path = Path(_FOLDER.name) / f"{name.replace(' ', '_')}.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path
