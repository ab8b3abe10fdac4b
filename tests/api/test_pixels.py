"""What imago-pixels draws, judged by its pixels: readable text, pictures that differ, words that count."""

import itertools
import json
import os
import random
import subprocess

import pytest

from pixel_worker import Picture, Worker, contrast, find_worker, luminance

PROGRAM = find_worker()
pytestmark = pytest.mark.skipif(not PROGRAM or not PROGRAM.exists(), reason="imago-pixels is not built")

PROMPTS = [
    "bright snow in the mountains at noon", "the sea at sunset, a boat", "city at night", "un jardin au printemps, le matin",
    "замок в тумане", "gato na praia", "desert at noon", "космос, планета", "forest in the rain", "azulejo", "vitrail", "abstract",
    "узор", "white sky, white snow, white everything", "a", "Привет, мир",
]


@pytest.fixture(scope="module")
def worker():
    with Worker(PROGRAM) as w:
        assert w.hello == {"ready": True}
        yield w


def band(picture, box, inset, depth):
    """Pixels of the upper padding of a panel, away from its round corners."""
    x, y, width, _ = box
    return [picture.at(i, j) for j in range(y + inset, y + inset + depth) for i in range(x + width // 8, x + width * 7 // 8)]


def inside(picture, box):
    x, y, width, height = box
    return [picture.at(i, j) for j in range(y, y + height) for i in range(x, x + width)]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_text_has_contrast(worker, prompt):
    answer, data = worker.draw(prompt=prompt, seed=len(prompt), width=480, height=400)
    picture = Picture(data)
    for name in ("panel", "label"):
        ground = max(map(luminance, band(picture, answer[name], 2, 3)))
        ink = max(map(luminance, inside(picture, answer[name])))
        assert contrast(ink, ground) >= 7, f"{name}: ink {ink:.3f} on {ground:.3f}"


def ink_of(worker, prompt):
    """Where the text is bright, row by row, without the empty rows and columns around it."""
    answer, data = worker.draw(prompt=prompt, width=480, height=320)
    picture, (x, y, width, height) = Picture(data), answer["panel"]
    # The round corners show what is behind.
    rows = ["".join("#" if luminance(picture.at(i, j)) > 0.45 else "." for i in range(x + 5, x + width - 5))
            for j in range(y + 5, y + height - 5)]
    rows = [r for r in rows if "#" in r]
    left = min(r.index("#") for r in rows)
    return [r[left:].rstrip(".") for r in rows]


def differs(worker, one, other):
    """Which part of the text's field differs; the edges of letters depend on what is behind."""
    a, b = ink_of(worker, one), ink_of(worker, other)
    width = max(map(len, a + b))
    cells = [p != q for r, s in itertools.zip_longest(a, b, fillvalue="") for p, q in zip(r.ljust(width, "."), s.ljust(width, "."))]
    return sum(cells) / len(cells)


def test_cyrillic_is_drawn(worker):
    # The same shapes: in boxes with numbers they would differ.
    assert differs(worker, "ACEHMOPTX", "АСЕНМОРТХ") < 0.04
    assert differs(worker, "Жщ", "Щж") > 0.15


def test_markup_is_text(worker):
    def width(prompt):
        return max(map(len, ink_of(worker, prompt)))

    assert width("<b>aa</b>") > 2 * width("aa")
    assert width("&amp;&amp;") > 2 * width("&&")
    assert differs(worker, "a\u202ebcd", "abcd") < 0.04
    assert differs(worker, "a\x01 \n\t bcd", "a bcd") < 0.04


def test_long_prompt_is_cut(worker):
    answer, _ = worker.draw(prompt="слово " * 660, width=480, height=480)
    x, y, width, height = answer["panel"]
    assert 480 // 8 < height < 480 * 0.36
    assert x >= 0 and x + width <= 480 and y + height <= 480


@pytest.mark.parametrize("prompt", ["", "a quiet lake in the mountains", "sunset over the sea", "кот", "cidade à noite"])
def test_ten_seeds_ten_pictures(worker, prompt):
    seen = [Picture(worker.draw(prompt=prompt, seed=s, width=256, height=256)[1]).small() for s in range(10)]
    for (i, a), (j, b) in itertools.combinations(enumerate(seen), 2):
        apart = sum(abs(p - q) for p, q in zip(a, b)) / len(a)
        assert apart > 6, f"seeds {i} and {j} of {prompt!r} look alike: {apart:.1f}"


def test_same_order_same_bytes(worker):
    order = {"prompt": "замок", "seed": 5, "number": 2, "width": 300, "height": 200}
    first = worker.draw(**order)[1]
    with Worker(PROGRAM) as other:
        assert other.draw(**order)[1] == first
    assert worker.draw(**{**order, "number": 3})[1] != first
    assert worker.draw(**{**order, "seed": 6})[1] != first
    assert worker.draw(**{**order, "style": "oil"})[1] != first


@pytest.mark.parametrize("night,day", [("night", "noon"), ("ночь", "полдень"), ("la nuit", "midi"), ("noite", "meio-dia")])
@pytest.mark.parametrize("scene", ["sea", "forest", "desert"])
def test_words_count(worker, night, day, scene):
    def light(prompt):
        fields = Picture(worker.draw(prompt=prompt, seed=3, width=128, height=128)[1]).small(8)
        return sum(fields) / len(fields)

    assert light(f"{scene}, {night}") < 0.75 * light(f"{scene}, {day}")


def test_no_bytes_can_stop_it(worker):
    chance = random.Random(7)
    good = json.dumps({"op": "draw", "prompt": "x", "width": 64, "height": 64, "format": "png", "seed": 1, "number": 1}).encode()
    with open(os.devnull, "r+b") as sink:
        for turn in range(300):
            request = bytearray(good)
            for _ in range(chance.randrange(1, 6)):
                request[chance.randrange(len(request))] = chance.randrange(256)
            answer = worker.ask(bytes(request), sink.fileno() if turn % 2 else None)
            assert answer["ok"] in (True, False)
    assert worker.draw(width=64, height=64)[0]["ok"]


def test_ends_with_the_server():
    worker = Worker(PROGRAM)
    worker.socket.close()
    assert worker.process.wait(10) == 0


def test_explains_itself():
    done = subprocess.run([str(PROGRAM), "--help"], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and "the server starts it" in done.stderr
    done = subprocess.run([str(PROGRAM)], capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and "descriptor 3" in done.stderr
