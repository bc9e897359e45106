"""What goes in and comes out: sources, how chats and documents become rows, the output, the engine."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dadeum import remote
from dadeum.errors import Mistake, RecipeError
from dadeum.settings.numbers import Count

CONTENT_FIELDS = ("text", "id", "messages", "prompt", "completion", "system", "chosen", "rejected", "label", "score", "tools", "parents")
"""What a source's `fields` may name of the record itself; any other name becomes a column of text."""

Order = Literal["given", "auto"]
"""In which order the steps run. given: as written; auto: the cheapest of the orders that provably give the same rows, measured on a
sample at the first run and kept in the run's folder."""


@dataclass(frozen=True)
class Chat:
    """How messages that people sent each other become conversations: exports of messengers, and transcripts with speakers."""

    assistant: tuple[str, ...] = ()
    """Who speaks as the assistant: names as the export shows them, or their ids; everybody else is a user. Empty: roles that the file
    itself tells; else the bot, else the second to speak where there are two; where there are more, all are users and keep their names."""
    silence: Annotated[float, Field(ge=0)] = 60.0
    """Minutes without a message after which another conversation begins (a thread is always one); 0 never cuts. An hour is a
    choice, not a finding: raise it for rooms where people answer the next day."""
    placeholders: Literal["leave_out", "keep"] = "leave_out"
    """Messages without words of their own (photos, stickers, deleted ones): counted in the row's `left_out`, or kept as the turn
    that the export wrote for them (`사진`, `Photo`)."""
    joined: bool = True
    """Messages that one person sends in a row are one turn, joined by line breaks."""


@dataclass(frozen=True)
class Sections:
    """How long documents are cut into several records, at their headings first. A code block or a table is never cut."""

    max: Annotated[int, Field(ge=0)] = 0
    """Characters of a record at most; 0 leaves documents whole. What can't be cut (a long table) is one record and longer."""
    min: Annotated[int, Field(ge=0)] = 0
    """Sections shorter than this go together with the next ones below the same heading, as far as `max` allows."""

    def __post_init__(self) -> None:
        """Raises RecipeError where no record could satisfy both."""
        if self.min and self.min >= self.max:
            raise RecipeError(Mistake("sections.min", f"is {self.min}, and max is {self.max}", "max has to be more" if self.max else "say max as well"))


@dataclass(frozen=True)
class Source:
    """Where raw rows come from."""

    path: Annotated[str, Field(min_length=1)]
    """A file, a folder or a glob, relative to the current directory, or a url (s3://, gs://, az://, https://); files are read in
    the order of their names."""
    name: str = ""
    """Goes into every record; by default the first part of the path's last name."""
    format: Literal["auto", "jsonl", "json", "csv", "tsv", "parquet", "text", "markdown", "html", "pdf", "kakaotalk", "slack", "discord", "zip"] = "auto"
    """auto: by the ending, and exports of messengers by what they hold. zip: an export as it was downloaded."""
    encoding: str = "auto"
    """auto: byte-order mark, then UTF-8, then the Korean and Western code pages by what decodes to likely text. mixed: line by line,
    UTF-8 or the code page that the other lines are in."""
    fields: dict[str, str] = field(default_factory=dict)
    """What is where: `text: review` takes the row's `review` as the text. `prompt` and `completion` make a chat of two turns.
    A name that is not the record's own becomes a column (`film: movie_id`) that steps may name."""
    layout: Literal["auto", "text", "messages", "sharegpt", "alpaca", "prompt", "dpo", "kto", "transcript", "chatgpt", "claude", "dialogue"] = "auto"
    """How rows are built; auto finds it per row. dialogue: turns with a speaker and a text under whatever names."""
    chat: Chat = field(default_factory=Chat)
    content: Literal["all", "main"] = "all"
    """main: of a web page what it is about, without menus and the like; of a PDF without the lines that stand on every page."""
    sections: Sections = field(default_factory=Sections)
    licence: str = "unknown"
    """SPDX name; goes into the card."""


def named(sources: Iterable[Source]) -> list[Source]:
    """The sources with a name each: their own, else one made of the path, numbered where two would be the same."""
    made: list[Source] = []
    for source in sources:
        path = remote.shown(source.path)
        stem = re.split(r"[*?\[.]", Path(path).name)[0].rstrip("-_ 0")
        name = source.name or stem or Path(path).parent.name.strip("*") or "source"
        taken = {s.name for s in made}
        made.append(dataclasses.replace(source, name=name if name not in taken else f"{name}-{len(made)}"))
    return made


@dataclass(frozen=True)
class Output:
    """How data/*.jsonl is written."""

    format: Literal["auto", "source", "messages", "sharegpt", "alpaca", "prompt", "dpo", "kto", "text"] = "auto"
    """auto: turns as OpenAI messages, pairs as prompt, chosen and rejected, documents as text. source: as the row came in."""
    to: str = ""
    """A url (s3://bucket/folder) that a finished run's data/ and run.json are copied to; a sample, or a run that stops before the
    split, is not."""


@dataclass(frozen=True)
class Engine:
    """How the work is cut, and where it is done. Nothing here changes the data that comes out."""

    kind: Literal["local", "ray"] = "local"
    """ray: as tasks on a Ray cluster (the extra `ray`), which has to share the run's folder among its nodes."""
    address: str = ""
    """Of a Ray cluster that runs already (host:port, or auto); else $RAY_ADDRESS, and without either one is started on this
    machine, which costs some CPU-seconds, and ended with the run."""
    shard: Count = 32_768
    """Raw rows in one unit of work: what is resumed, and about what a worker holds in memory."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Processes; 0 takes one per core, and none where the input is small. On a running Ray cluster: tasks at once, 0 as many as fit."""
    cache: str = ""
    """Folder of finished units; empty is the run's own `cache/`."""
