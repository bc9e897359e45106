"""Which language words in Latin letters are of, by the words that hold a language's sentences together.

A word votes for its language with one voice, shared where several languages have it ("die" is German and English); a letter that
few languages have votes too, and so do parts of words where that decides nothing. Languages told apart: en, de, fr, es, it, pt, nl. No model and no training data: it knows short everyday words
and nothing else, so a row of names or terms ("PyTorch LoRA") is left undetermined instead of being called English.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from dadeum.record import put

EVERYDAY: Final = (
    "please thank thanks good great best bad movie love like hello hi know think make made get got go going come see look want need use find "
    "give take work people time day year way thing really never ever always also well much many new first last even still every nothing "
    "something ok okay one two three four five six seven eight nine ten per old man men woman women boy girl home house school money week month "
    "hour half"
)
"""English words that are not of grammar but in every short row."""
WORDS: Final[dict[str, str]] = {
    "en": "the a an and or but if of to in on at by for from with about as into over after before is are was were be been being am do does did done "
    "have has had having i you he she it we they me him her us them my your his its our their this that these those not no yes so than then too "
    "very can could will would shall should may might must there here what which who whom whose when where why how all any both each few more "
    "most other some such only own same just because while during between against again once up down out off under through until don't doesn't "
    "didn't isn't aren't wasn't won't can't couldn't i'm i've it's that's you're he's she's we're they're let's",
    "de": "der die das den dem des ein eine einen einem einer eines und oder aber wenn weil dass ob von zu zum zur im ins am an auf aus bei mit nach über unter vor für durch "
    "gegen ohne um bis ist sind war waren bin bist sein seid habe hat haben hatte hatten wird werden wurde wurden kann können könnte muss müssen soll sollte will wollen "
    "darf ich du er sie es wir ihr mich dich ihn uns euch mir dir ihm ihnen mein dein unser euer sich nicht kein keine ja nein nur auch noch schon sehr so wie "
    "was wer wo wann warum welche welcher dieser diese dieses jeder alle viel mehr hier dort dann denn doch mal immer wieder gut danke bitte als etwas nichts man heute",
    "fr": "le la les l un une des du de d et ou mais si que qui quoi dont où ne pas plus moins très est sont était étaient être suis es sommes êtes ai as a avons avez ont "
    "avait avoir fait faire peut pouvez doit je tu il elle on nous vous ils elles me te se lui leur mon ma mes ton ta tes son sa ses notre nos votre vos ce cet "
    "cette ces ça cela c'est j'ai n'est qu'il d'un d'une s'il à au aux en dans sur sous avec sans pour par chez entre vers depuis pendant comme quand comment pourquoi "
    "combien tout tous toute toutes aussi bien mal encore toujours jamais rien merci bonjour oui non même autre leurs été sera",
    "es": "el la los las un una unos unas y e o u pero si que quien cual cuyo donde cuando como porque de del al a en con sin por para sobre entre hasta desde hacia según es son "
    "era eran ser soy eres somos está están estoy estaba fue fueron ha han he hay había tiene tienen tengo puede pueden hace hacer yo tú él ella nosotros ustedes usted "
    "ellos ellas me te se lo le les nos mi mis tu tus su sus nuestro nuestra este esta esto estos estas ese esa eso aquel no sí más menos muy también ya todo "
    "todos toda todas otro otra mucho muchos poco bien mal qué quién cuál cómo dónde cuándo gracias hola nada siempre nunca",
    "it": "il lo la i gli le un uno una e o ma se che chi cui dove quando come perché di del della dei delle dello degli a al alla ai alle da dal dalla in nel nella nei con su "
    "sul sulla per tra fra è sono era erano essere sei siamo siete ho hai ha abbiamo avete hanno aveva avere fatto fare può possono deve io tu lui lei noi voi loro mi "
    "ti si ci vi mio mia tuo tua suo sua nostro questa questo questi queste quello quella non no sì più meno molto anche già tutto tutti tutta altro bene male "
    "ancora sempre mai niente grazie ciao cosa c'è un' l' dell' all' così solo",
    "pt": "o a os as um uma uns umas e ou mas se que quem qual onde quando como porque de do da dos das ao à aos às em no na nos nas com sem por pelo pela para sobre entre até "
    "desde é são era eram ser sou somos está estão estou estava foi foram há tem têm tenho tinha pode podem faz fazer eu tu ele ela nós vocês você eles elas me te "
    "lhe meu minha seu sua nosso nossa este esta isto esse essa isso aquele não sim mais menos muito também já todo todos toda todas outro outra bem mal "
    "obrigado obrigada olá nada sempre nunca ainda só depois",
    "nl": "de het een en of maar als omdat dat die dit deze van naar in op aan bij met voor door over onder uit tegen zonder tot is zijn was waren ben bent heb hebt heeft hebben had "
    "hadden wordt worden werd kan kunnen moet moeten zal zullen wil willen mag ik jij je hij zij ze wij we jullie mij hem haar ons hen mijn jouw uw onze hun niet "
    "geen ja nee ook nog al zeer zo hoe wat wie waar wanneer waarom welke elke alle veel meer hier daar dan toch altijd nooit iets niets goed dank er te om",
}  # fmt: skip
LETTERS: Final[dict[str, str]] = {"de": "[ßäöü]", "fr": "[œêèàçùûîô]", "es": "[ñ¿¡]", "it": "[èàìòù]", "pt": "[ãõçêâ]"}
"""Letters that vote, each occurrence with half a voice."""
PARTS: Final[dict[str, str]] = {
    "en": r"th|gh|wh|ck|sh|oo|ea|ow|ay\b|ing\b|ed\b|ly\b|'s\b|y\b",
    "de": r"sch|ch\b|ei|ung\b|ck|pf|tz|en\b|ig\b|ah|ie",
    "fr": r"eau|eux|oi|ou|ais\b|ez\b|qu|\b[ldnsc]'|gn|ent\b|tte|é\b|tion\b",
    "es": r"ción|ll|ue|os\b|as\b|ñ|ar\b|ado\b|ie|dad\b|qu",
    "it": r"zion|gli|tt|cc|ss|gg|zz|chi|ch|are\b|ato\b|\wo\b|\wi\b",
    "pt": r"\bo\b|ção|ções|lh|nh|ão|os\b|as\b|ei|ou\b|dade\b|ss",
    "nl": r"ij|aa|oe|ee|uu|oo|sch|en\b|je\b|gt\b|ui",
}
"""Parts of words that are frequent in one language: a quarter of a voice each, heard only where words don't tell."""
WORD: Final = r"\p{Latin}+(?:['’]\p{Latin}+)?"
WORDS_OF_TWO: Final = r"\p{Latin}{2,}(?:['’]\p{Latin}+)?"
ENOUGH: Final = 1.0
"""Voices that a language needs: one word that it alone has."""
LESS: Final = 0.65
"""Voices that it needs once parts of words are heard too."""
LEAD: Final = 1.25
"""Times the voices of the second."""
DENSE: Final = 0.2
"""Voices per word from `LONG` words on: in running text of the seven languages a third to a half; below, it is another language, or a list."""
LONG: Final = 8


def _votes() -> pl.DataFrame:
    lists = {language: set(words.split()) for language, words in WORDS.items()}
    lists["en"] |= set(EVERYDAY.split())
    every = sorted(set().union(*lists.values()))
    having = [[word in lists[language] for language in WORDS] for word in every]
    return pl.DataFrame({"word": every, **{language: [h[i] / sum(h) for h in having] for i, language in enumerate(WORDS)}})


_VOTES: Final = _votes()


SURE: Final = 1.25
"""Voices of words of two letters and more that prove a language beside another in the same letters: Che Fico is a restaurant, and y = 2 no Spanish.
Of 17,000 English dialogues and worked answers 10 seem to be answered in another language by it (96 without), of 336 that are it finds 290."""


def language(texts: pl.Series) -> pl.Series:
    """The language of each text's words in Latin letters; null where the words don't tell.

    >>> language(pl.Series(["what is this?", "Wo ist das Buch?", "PyTorch LoRA", ""])).to_list()
    ['en', 'de', None, None]
    """
    small = _small(texts)
    table = _voices(small, WORD)
    beyond = small.str.contains(r"[^\x00-\x7F]").arg_true()
    table = _heard(table, small, beyond, LETTERS, 0.5)
    told = table.select(_decided(ENOUGH)).to_series()
    unsure = (told.is_null() & (table.get_column("words") > 0)).arg_true()
    if unsure.is_empty():
        return told
    table = _heard(table, small, unsure, PARTS, 0.25)
    return put(told, unsure, table[unsure].select(_decided(LESS)).to_series())


def sure(texts: pl.Series) -> pl.Series:
    """As `language`, by whole words of two letters and more, where they say it beyond doubt; null for the rest.

    >>> sure(pl.Series(["what is this that you have?", "Dumpling Era in San Bruno", "x = 3, y = 2"])).to_list()
    ['en', None, None]
    """
    return _voices(_small(texts), WORDS_OF_TWO).select(_decided(SURE)).to_series()


def _small(texts: pl.Series) -> pl.Series:
    return texts.fill_null("").str.to_lowercase().str.replace_all("’", "'", literal=True)


def _voices(small: pl.Series, word: str) -> pl.DataFrame:
    """`at`, `words` and the voices for each language, a line per text."""
    frame = pl.DataFrame({"at": pl.int_range(len(small), dtype=pl.UInt32, eager=True), "word": small.str.extract_all(word)})
    words = frame.explode("word").filter(pl.col("word").is_not_null())
    voices = words.join(_VOTES, on="word", how="left").group_by("at").agg(pl.len().alias("words"), *(pl.col(n).sum() for n in WORDS))
    return frame.select("at").join(voices, on="at", how="left", maintain_order="left").fill_null(0)


def _heard(table: pl.DataFrame, small: pl.Series, at: pl.Series, patterns: dict[str, str], voice: float) -> pl.DataFrame:
    """The votes with those that patterns add to some of the texts."""
    if at.is_empty():
        return table
    texts = pl.DataFrame({"text": small.gather(at)})
    more = table[at].with_columns((pl.col(n) + voice * texts.get_column("text").str.count_matches(p)).alias(n) for n, p in patterns.items())
    return table.with_columns(put(table.get_column(n), at, more.get_column(n)) for n in patterns)


def _decided(enough: float) -> pl.Expr:
    names = list(WORDS)
    best = pl.max_horizontal(names)
    second = pl.concat_list(names).list.sort(descending=True).list.get(1)
    sure = (best >= enough) & (best >= LEAD * second) & ((pl.col("words") < LONG) | (best >= DENSE * pl.col("words")))
    which = pl.coalesce(pl.when(pl.col(n) == best).then(pl.lit(n)) for n in names)
    return pl.when(sure).then(which).alias("language")
