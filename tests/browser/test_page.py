"""The page as people have it: seen, measured and used in a real browser, with no script of its own.

What is measured is in measure.mjs: text >= 18 px, contrast >= 7, targets >= 48 px that do not overlap, nothing
cut or scrolling sideways, no inline style or script, axe without findings.
"""
import itertools
import signal
import time

import psycopg2
import pytest

from fal_sim import FalSim
from imago_server import Imago

THEMES = ("light", "dark")
LANGUAGES = {"en-GB": "en", "fr-FR": "fr"}
LOADED = "(e => Boolean(e && e.complete && e.naturalWidth))(document.querySelector({!r}))"
HOSTILE = ['<img src=x onerror="document.title=1">', '"><script>document.title=1</script>', "' onclick='document.title=1",
           "javascript:document.title=1", "</figcaption></figure><h1>x</h1>", "\u202egnihtyna", "قطة على القمر تحت النجوم",
           "Маяк в сумерках", "日本の灯台", "W" * 4000, "a b " * 1000]


def until(what, within_s=5):
    end = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < end, "it has not come about"
        time.sleep(0.02)


def url(imago, path="/"):
    return f"http://localhost:{imago.port}{path}"


def text(chromium, css):
    return chromium.evaluate(expression=f"document.querySelector({css!r})?.innerText ?? null")


def counts(chromium):
    """{type: count} of the four filters."""
    rows = chromium.evaluate(expression="[...document.querySelectorAll('.filters a')].map(a => [a.search, a.querySelector('.count').innerText])")
    return {search.removeprefix("?type="): count for search, count in rows}


def tiles(chromium):
    return chromium.evaluate(expression="document.querySelectorAll('.tiles > li').length")


def assert_good(chromium, status=200, lang="en", **how):
    found = chromium.audit(**how)
    noise = found["noise"]
    if status >= 400:       # the browser reports that of the page itself
        noise = [line for line in noise if f"status of {status} " not in line]
    assert found["problems"] == [] and noise == []
    assert found["status"] == status and found["lang"] == lang
    assert found["texts"] >= 4 and found["targets"] >= 3 and (found["axe_passes"] >= 15 or how), found


@pytest.fixture(scope="module")
def imago(new_database):
    """Anybody on this machine; nothing in its gallery yet. Tests run in the order of the file, and fill it."""
    with Imago(new_database(), IMAGO_DEMO="on") as server:
        yield server


@pytest.fixture(scope="module")
def full(new_database):
    """A gallery of 45 pictures: one for each hostile description, and copies of the last."""
    with Imago(new_database(), IMAGO_DEMO="on") as server:
        jobs = [server.generate(prompt, size="512x512").json()["job_id"] for prompt in HOSTILE]
        for job in jobs:
            assert server.wait_for(job)["status"] == "COMPLETED"
        server.sql("""insert into images (user_id, id, job_id, n, object_id, generation_type, created_at)
                      select user_id, id || copy, job_id, copy, object_id, generation_type, created_at - copy * interval '1 minute'
                      from images, generate_series(2, %s) copy where job_id = %s""", 46 - len(HOSTILE), jobs[-1])
        yield server


# ---- empty ----

@pytest.mark.parametrize("theme,lang", itertools.product(THEMES, LANGUAGES))
def test_empty(chromium, imago, theme, lang):
    assert chromium.open(url=url(imago), theme=theme, lang=lang) == 200
    assert_good(chromium, lang=LANGUAGES[lang])
    assert counts(chromium) == {"avatar": "0", "imagen4": "0", "video": "0", "all": "0"}
    words = {"en": ("Nothing here yet", "Create, 1 credit", "You have 1,000 credits"),
             "fr": ("Rien pour l'instant", "Créer, 1 crédit", "Il vous reste 1\u202f000 crédits")}[LANGUAGES[lang]]
    assert text(chromium, ".notice").startswith(words[0])
    assert (text(chromium, ".create button"), text(chromium, ".balance")) == words[1:]


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_all_by_keyboard(chromium, imago, key):
    before = imago.sql("select count(*) from image_generation_jobs")[0][0]
    chromium.open(url=url(imago))
    stops = chromium.press(keys=["Tab"] * 8)
    assert [(s["tag"], s["text"].split("\n")[0].split(" ")[0]) for s in stops] == [
        ("a", "Skip"), ("a", "Gallery"), ("textarea", ""), ("button", "Create,"),
        ("a", stops[4]["text"].split()[0]), ("a", stops[5]["text"].split()[0]), ("a", stops[6]["text"].split()[0]), ("a", stops[7]["text"].split()[0])]
    assert ["with me" in stops[4]["text"], "Images" in stops[5]["text"], "Videos" in stops[6]["text"], "All" in stops[7]["text"]] == [True] * 4
    assert all(s["visible"] and s["outline"] >= 3 for s in stops), stops
    skipped = (chromium.goto(url=url(imago)), chromium.press(keys=["Tab", "Enter"]))[1]
    assert skipped[-1]["id"] == "pictures"
    chromium.goto(url=url(imago))
    chromium.press(keys=["Tab"] * 3)
    chromium.press(keys=list("cat"))
    chromium.press(keys=["Tab", key])
    chromium.wait(until="location.search.startsWith('?made=') && " + LOADED.format(".tiles img"))
    assert imago.sql("select count(*), max(prompt) from image_generation_jobs") == [(before + 1, "cat")]


# ---- creating ----

def test_from_description_to_picture(chromium, imago):
    had = imago.sql("select count(*) from images")[0][0]
    chromium.open(url=url(imago))
    credits = imago.get("/api/v1/me").json()["credits"]
    chromium.fill(on="#prompt", text="A lighthouse at dusk")
    assert chromium.click(on=".create button") == 200
    assert "?made=img_" in chromium.evaluate(expression="location.href") and tiles(chromium) == had + 1
    chromium.wait(until=LOADED.format(".tiles img"))
    assert chromium.evaluate(expression="(i => [i.naturalWidth, i.naturalHeight, i.alt])(document.querySelector('.tiles img'))") == [
        1024, 1024, "A lighthouse at dusk"]
    assert text(chromium, ".balance") == f"You have {credits - 1} credits"
    assert_good(chromium)
    chromium.goto(url=url(imago))
    assert counts(chromium) == {"avatar": "0", "imagen4": str(had + 1), "video": "0", "all": str(had + 1)}
    assert chromium.evaluate(expression="document.querySelector('#prompt').value") == ""
    chromium.click(on=".filters a[href='/?type=video']")
    assert tiles(chromium) == 0 and text(chromium, ".notice p") == f"Nothing of this kind. The filter hides {had + 1} pictures."
    assert text(chromium, ".filters a[aria-current] .word") == "Videos"
    assert_good(chromium)
    chromium.click(on=".notice a")
    assert tiles(chromium) == had + 1 and text(chromium, ".filters a[aria-current] .word") == "All"
    chromium.click(on=".filters a[href='/?type=imagen4']")
    assert tiles(chromium) == had + 1
    chromium.click(on=".tiles a")
    assert chromium.evaluate(expression="document.contentType") == "image/png"


def test_a_double_click_makes_one_picture(chromium, imago):
    for n in range(3):
        chromium.open(url=url(imago))
        chromium.fill(on="#prompt", text=f"clicked twice {n}")
        chromium.click(on=".create button", times=2)
        chromium.wait(until="location.search.startsWith('?made=') && " + LOADED.format(".tiles img"))
        assert imago.sql("select count(*) from image_generation_jobs where prompt = %s", f"clicked twice {n}") == [(1,)]


def test_what_cannot_be_created(chromium, imago):
    chromium.open(url=url(imago))
    chromium.click(on=".create button", stays=True)
    assert chromium.evaluate(expression="document.activeElement.id") == "prompt" and "?" not in chromium.evaluate(expression="location.href")
    for typed, complaint in (("   ", "Please describe"), ("x" * 4001 + "<b>", "The description has 4004 characters")):
        chromium.open(url=url(imago))
        chromium.evaluate(expression="document.querySelector('#prompt').removeAttribute('maxlength')")
        chromium.fill(on="#prompt", text=typed)
        assert chromium.click(on=".create button") == 400
        assert complaint in text(chromium, ".error")
        assert chromium.evaluate(expression="document.querySelector('#prompt').value").strip() == typed.strip()
        assert chromium.evaluate(expression="document.activeElement.id") == "prompt"
        assert_good(chromium, status=400)


# ---- a full gallery ----

@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width,zoom", [(320, 1), (360, 2), (1280, 1), (1280, 2)])
def test_reflow(chromium, full, width, zoom, theme):
    """At any width, at twice the text size, nothing is cut and nothing scrolls sideways."""
    chromium.open(url=url(full), width=width, theme=theme, height=700)
    chromium.evaluate(expression=f"""(() => {{ const s = new CSSStyleSheet(); s.replaceSync(':root {{ font-size: {112.5 * zoom}% !important }}');
                                     document.adoptedStyleSheets = [s] }})()""")
    assert_good(chromium, axe=width < 1280)
    assert chromium.evaluate(expression="parseFloat(getComputedStyle(document.querySelector('figcaption')).fontSize)") == 18 * zoom


def test_hostile_descriptions_are_text(chromium, full):
    chromium.open(url=url(full))
    shown = chromium.evaluate(expression="""[...document.querySelectorAll('.tiles li')].map(l => [l.querySelector('figcaption').textContent,
        l.querySelector('img').alt])""")
    for prompt in HOSTILE:
        clipped = prompt if len(prompt.encode()) <= 300 else prompt.encode()[:300].decode() + "…"
        assert [clipped, clipped] in shown, prompt
    assert chromium.evaluate(expression="document.title") == "Gallery · imago"
    assert chromium.evaluate(expression="document.querySelectorAll('script, h1 ~ h1, [onerror], [onclick], .tiles a:not([href^=\"/generated_images/\"])').length") == 0
    assert chromium.evaluate(expression="[...document.querySelectorAll('figcaption')].every(e => e.offsetHeight <= 18 * 1.5 * 3 + 1)")
    assert chromium.noise() == []


def test_pages_of_pictures(chromium, full):
    chromium.open(url=url(full))
    assert tiles(chromium) == 40 and counts(chromium)["all"] == "45" and text(chromium, ".pager").strip().endswith("Older pictures")
    first = chromium.evaluate(expression="[...document.querySelectorAll('.tiles a')].map(a => a.href)")
    chromium.click(on=".pager a")
    assert tiles(chromium) == 5 and text(chromium, ".pager").strip().endswith("Newest pictures")
    until(lambda: chromium.evaluate(expression="scrollY") > 0)      # the fragment's turn comes after the load event
    assert_good(chromium)
    chromium.click(on=".pager a")
    assert chromium.evaluate(expression="[...document.querySelectorAll('.tiles a')].map(a => a.href)") == first
    full.sql("update images set deleted_at = now() where id in (select id from images order by created_at limit 5)")
    chromium.goto(url=url(full))
    assert tiles(chromium) == 40 and text(chromium, ".pager") is None
    assert chromium.evaluate(expression="document.querySelector('.tiles img').loading") == "lazy"


# ---- pictures that take their time ----

def test_a_slow_picture_arrives_by_itself(chromium, new_database):
    with FalSim("--run-ms", 20) as sim, Imago(new_database(), FAL_KEY="id:secret", FAL_QUEUE_URL=sim.url) as imago:
        chromium.open(url=url(imago), theme="dark")
        sim.process.send_signal(signal.SIGSTOP)
        chromium.fill(on="#prompt", text="slow")
        chromium.click(on=".create button")
        assert tiles(chromium) == 1 and text(chromium, ".stage") and "is being made" in text(chromium, ".notice p")
        assert text(chromium, ".balance") == "You have 995 credits"
        assert_good(chromium)
        chromium.fill(on="#prompt", text="typed meanwhile")
        sim.process.send_signal(signal.SIGCONT)
        chromium.wait(until=LOADED.format(".waiting img"))
        assert chromium.evaluate(expression="document.querySelector('#prompt').value") == "typed meanwhile"
        chromium.click(on=".notice a")
        assert text(chromium, ".notice") == "Your picture is ready." and counts(chromium)["imagen4"] == "1"
        chromium.fill(on="#prompt", text="[[fail:content_policy_violation]] bad")
        sim.process.send_signal(signal.SIGSTOP)
        chromium.click(on=".create button")
        sim.process.send_signal(signal.SIGCONT)
        chromium.wait(until=LOADED.format(".waiting img"))
        chromium.click(on=".notice a")
        assert "The provider refused the content. Nothing was charged" in text(chromium, ".notice p")
        assert text(chromium, ".balance") == "You have 995 credits" and counts(chromium)["all"] == "1"
        assert_good(chromium)
        chromium.click(on=".notice a", stays=True)
        assert chromium.evaluate(expression="[document.activeElement.id, document.activeElement.value]") == [
            "prompt", "[[fail:content_policy_violation]] bad"]


# ---- people with keys, and a database that goes away ----

def test_signing_in_to_signing_out(chromium, new_database, stores):
    database = new_database()
    with Imago(database, IMAGO_DEMO="on", IMAGO_ANONYMOUS="off") as imago:
        key = imago.user("Анна <Müller>", 1)["Authorization"].split()[1]
        chromium.open(url=url(imago))
        assert_good(chromium)
        assert chromium.evaluate(expression="document.activeElement.id") == "key"
        chromium.fill(on="#key", text=key[:-1])
        assert chromium.click(on="button") == 401
        assert_good(chromium, status=401)
        chromium.fill(on="#key", text=key)
        assert chromium.click(on="button") == 200
        assert text(chromium, ".account p") == "Signed in as Анна <Müller>" and text(chromium, ".balance") == "You have 1 credit"
        cookie, = chromium.cookies()
        assert cookie["httpOnly"] and cookie["sameSite"] == "Strict" and cookie["path"] == "/"
        assert chromium.evaluate(expression="document.cookie") == ""
        assert_good(chromium)
        chromium.fill(on="#prompt", text="the last one")
        chromium.click(on=".create button")
        chromium.wait(until=LOADED.format(".tiles img"))
        chromium.fill(on="#prompt", text="one too many")
        assert chromium.click(on=".create button") == 402
        assert "This costs 1 credit, and you have 0 credits left" in text(chromium, ".error")
        assert chromium.evaluate(expression="document.querySelector('#prompt').value") == "one too many"
        assert_good(chromium, status=402)
        without_database(chromium, imago, stores["ADMIN_URL"])
        chromium.goto(url=url(imago))
        chromium.click(on=".account button")
        assert chromium.cookies() == [] and text(chromium, "label").strip().endswith("Your API key")


def without_database(chromium, imago, admin_url):
    """An empty gallery is not the same as one that cannot be read."""
    name = imago.sql("select current_database()")[0][0]
    admin = psycopg2.connect(admin_url)
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f"alter database {name} allow_connections false")
        cursor.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
        try:
            for theme in THEMES:
                began = time.monotonic()
                assert chromium.open(url=url(imago), cookies=chromium.cookies(), theme=theme) == 503
                assert time.monotonic() - began < 5
                assert set(counts(chromium).values()) == {"–"} and text(chromium, ".balance") == ""
                assert "could not be loaded" in text(chromium, ".notice p") and text(chromium, ".notice a") == "Try again"
                assert_good(chromium, status=503)
            chromium.fill(on="#prompt", text="written meanwhile")
            assert chromium.click(on=".create button") == 503
            assert "Nothing was charged" in text(chromium, ".error")
            assert chromium.evaluate(expression="document.querySelector('#prompt').value") == "written meanwhile"
            assert chromium.evaluate(expression="document.querySelector('.notice a')") is None, "it would lose what was typed"
        finally:
            cursor.execute(f"alter database {name} allow_connections true")
    admin.close()
    end = time.monotonic() + 10
    while chromium.goto(url=url(imago)) != 200:
        assert time.monotonic() < end, "not back"
