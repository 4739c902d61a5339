"""Writes alice.npz from alice.txt: sentences of a book as windows of 64 characters, and words of its next chapter as queries.

A row reads up to 64 characters and has the character after each as its target; -1 is a target that does not count. A row never
leaves its sentence, and begins with a line break at the sentence's start. Long sentences are several rows, which overlap by 16
characters, so that what a row has to guess always stands after some text; a character is a target once.
"""

import re
from pathlib import Path

import numpy as np

LENGTH, OVERLAP = 64, 16
ASKED = [  # where the next chapter says a word, and the word
    ("`It isn't mine,' said the ", "Hatter"),
    ("`Yes, but I grow at a reasonable pace,' said the ", "Dormouse"),
    ("`I deny it!' said the ", "March Hare"),
    ("`Collar that Dormouse,' the ", "Queen"),
    ("Alice whispered to the ", "Gryphon"),
    ("`Call the first witness,' said the ", "King"),
    ("`I can't help it,' said ", "Alice"),
    ("the Dormouse denied nothing, being fast ", "asleep"),
]

folder = Path(__file__).parent
chapters = re.split(r"\n\s*CHAPTER [IVX]+\n+[^\n]*\n", "\n" + (folder / "alice.txt").read_text())[1:]


def sentences(chapter):
    """Sentences end at a mark, with what closes after it, before a capital or what opens."""
    text = re.sub(r"[\s*]+", " ", chapter).strip()
    return re.sub(r"([.!?]['\")]*) (?=[A-Z`('\"])", r"\1\n", text).split("\n")


train, held = [s for chapter in chapters[:-1] for s in sentences(chapter)], sentences(chapters[-1])
alphabet = "\n" + "".join(sorted(set("".join(train + held))))


def row(text, first, start, end):
    """Characters `start` to `end` as targets behind those before them; targets before `first` do not count."""
    before = "\n" + text
    x = np.zeros(LENGTH, np.uint8)
    y = np.full(LENGTH, -1, np.int8)
    for place, at in enumerate(range(start, end)):
        x[place] = alphabet.index(before[at])
        y[place] = alphabet.index(text[at]) if at >= first else -1
    return x, y


rows, groups = [], []
for number, text in enumerate(train):
    for first in [0, *range(LENGTH, len(text), LENGTH - OVERLAP)]:
        start = max(0, first - OVERLAP)
        rows.append(row(text, first, start, min(len(text), start + LENGTH)))
        groups.append(number)

queries = []
for before, word in ASKED:
    text = next(sentence for sentence in held if before + word in sentence)
    at = text.index(before + word) + len(before)
    end = at + len(word)
    queries.append(row(text, at, max(0, end - LENGTH), end))

if __name__ == "__main__":
    np.savez_compressed(
        folder / "alice.npz",
        train_x=np.stack([x for x, _ in rows]), train_y=np.stack([y for _, y in rows]), groups=np.array(groups, np.int16),
        query_x=np.stack([x for x, _ in queries]), query_y=np.stack([y for _, y in queries]),
    )
    print(len(train), "sentences,", len(rows), "rows,", len(alphabet), "characters:", alphabet)
