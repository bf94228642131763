"""Emoji as a set of pictures: which are near copies of one another, and which the test gets.

OpenMoji's table names each symbol. Symbols of one group are all for training or all for the test:

- those of one base code point: cat and black cat, man and woman in a lotus position;
- those whose names have the same main word: closed book and green book, racing car and police car;
- large families that differ in details only, such as faces, people and signs (FAMILIES);
- those that looked alike when each picture of the test was compared with its nearest (ALIKE).
"""

import csv
import hashlib
import re
from collections import Counter, namedtuple
from collections.abc import Iterable

Symbol = namedtuple("Symbol", "code name part file")
FAMILIES = {  # main word: parts of the table. Always for training, with all that is joined to them
    "face": "face-(?!costume)|extras-openmoji/smileys",
    "heart": "/heart",
    "person": "/person$|/person-(gesture|role|fantasy|symbol)|/family|/people",
    "hand": "/hand|/interaction",
    "button": "symbols|/symbol|/ui-element",
}
ALIKE = """
face flatbread coin
heart suit envelope mail
person people man woman worker doctor nurse barista dj elbow room massage haircut explorer
person standing levitating horse donkey unicorn racing
button sign stencil strip garage pawn moon sun 9000 disk dvd phone info message jar
button fire tsunami volcano
clock o’clock thirty
car truck taxi automobile vehicle ambulance minibus railway tram train
bus trolleybus
boat speedboat
airplane departure arrival
cityscape night sunset sunrise mountain bridge way firework sparkler
cityscape foggy desert fuji volcano star ceremony
building bank
church wedding
umbrella beach
book notebook ledger
page up tab memo notepad calendar
pen nib crayon paintbrush pencil
chart increasing decreasing
computer laptop
speaker volume
locked unlocked
left right
glasses sunglasses goggles
bath bathtub
broom kehrwoche
axe hammer pick
spade shovel trowel
bag kit
bandage plaster
africa america australia globe
droplet drop
bubble balloon
ice broken cream
cake pie
mushroom white brown
dove pigeon
dolphin porpoise whale orca beluga narwhal
parrot macaw
bear panda koala
cow ox buffalo bison
tiger leopard
ewe ram goat
mouse rat hamster
hibiscus blossom flower
biking bicycle
swimming polo
"""
LEFT_OUT = "flag|queer-symbols|component|brand|regional"  # parts of the table
LIVING = {"trump", "Greta Thunberg"}  # names of persons; left out, too
PEOPLE = {"1f468", "1f469", "1f9d1"}  # man, woman, person: what they have or do comes after
SHARE, LARGEST = 0.2, 10  # of the groups of at most ten: of all pictures it is a tenth


def read_table(lines: Iterable[str]) -> dict[str, Symbol]:
    """Return {code: symbol} of OpenMoji's table, without flags, skin tones and logos."""
    symbols = {}
    for row in csv.DictReader(lines):
        part = f"{row['group']}/{row['subgroups']}"
        name = row["annotation"].strip()
        if not (row["skintone"] or re.search(LEFT_OUT, part) or name in LIVING):
            code = plain_code(row["hexcode"])
            symbols[code] = Symbol(code, name, part, row["hexcode"])
    return symbols


def plain_code(code: str) -> str:
    """Return code points as all packages can have them: in small letters, without fe0f."""
    return "-".join(point for point in code.lower().split("-") if point != "fe0f")


def main_word(name: str) -> str:
    """Return "boot" for "woman’s boot", "bell" for "bell with slash", "dog" for "dog face"."""
    name = re.split(r" (?:with|without|of|at|behind|on|and)\b|:| \(", name.lower())[0]
    return re.split(r"[ -]", name.removesuffix(" face"))[-1].rstrip("s")


def group_symbols(symbols: Iterable[Symbol]) -> dict[str, str]:
    """Return {code: name of its group}; a family's group is named after it."""
    parents: dict[str, str] = {}

    def find(key: str) -> str:
        while key in parents:
            key = parents[key]
        return key

    keys = {symbol.code: keys_of(symbol) for symbol in symbols}
    alike = [[main_word(word) for word in line.split()] for line in ALIKE.split("\n")[1:-1]]
    for joined in [*alike, *keys.values()]:
        first, *others = sorted({find(key) for key in joined}, key=rank)
        parents.update(dict.fromkeys(others, first))
    return {code: find(own[0]) for code, own in keys.items()}


def rank(key: str) -> tuple[bool, bool, str]:
    """Return what names a group: a family before a word, and a word before a code point."""
    return key not in FAMILIES, key.startswith("u+"), key


def keys_of(symbol: Symbol) -> list[str]:
    """Return the words and code points that a symbol shares with those of its group."""
    for family, pattern in FAMILIES.items():
        if re.search(pattern, symbol.part):
            return [family]
    points = symbol.code.split("-200d-")
    base = points[1] if points[0] in PEOPLE and len(points) > 1 else points[0]
    return [main_word(symbol.name), f"u+{base}"]


def for_test(groups: dict[str, str]) -> set[str]:
    """Return the codes that the test gets: those of small groups, drawn by the group's name."""
    sizes = Counter(groups.values())
    small = {group for group, size in sizes.items() if size <= LARGEST} - FAMILIES.keys()
    return {code for code, group in groups.items() if group in small and draw(group) < SHARE}


def draw(group: str) -> float:
    """Return a number from 0 to 1, always the same one for a name."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:4]) / 2**32
