"""The page's forms without a browser: whose they are, who may send them, and that what was typed comes back."""
import concurrent.futures
import html
import re
import signal
import time
import urllib.parse

import pytest

from contract import Books, assert_error
from fal_sim import FalSim
from imago_server import Imago

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FOREIGN = ["http://evil.example", "null", "https://localhost", "http://localhost.evil.example"]
HOSTILE = ['<img src=x onerror="alert(1)">', '"><script>alert(1)</script>', "</textarea><b>", "a & b &lt; c", "'; --", "{{prompt}}",
           "javascript:alert(1)", "\u202egnirts", "قطة على القمر", "line one\nline two", "\nstarts with a new line", "é" * 4000]


@pytest.fixture(scope="module")
def imago(new_database, stores):
    """Nobody without a key."""
    with Imago(new_database(), stores["REDIS_URL"], IMAGO_DEMO="on", IMAGO_ANONYMOUS="off") as server:
        yield server


@pytest.fixture(scope="module")
def local(new_database, stores):
    """Anybody on this machine."""
    with Imago(new_database(), stores["REDIS_URL"], IMAGO_DEMO="on") as server:
        yield server


@pytest.fixture
def books(imago):
    books = Books(imago.environment["DATABASE_URL"])
    yield books
    books.close()


class Visitor:
    """A browser's manners: one cookie, its own Origin."""

    def __init__(self, imago, host="localhost", language="en"):
        self.imago = imago
        self.headers = {"Host": f"{host}:{imago.port}", "Accept-Language": language}
        self.origin = f"http://{host}:{imago.port}"
        self.cookie = None

    def _call(self, method, path, body=None, **more):
        headers = {**self.headers, **({"Cookie": self.cookie} if self.cookie else {}), **more}
        answer = self.imago.call(method, path, body, headers=headers)
        if "set-cookie" in answer.headers:
            value = answer.headers["set-cookie"].split(";")[0]
            self.cookie = None if value.endswith("=") else value
        return answer

    def get(self, path="/"):
        return self._call("GET", path)

    def send(self, path, origin=None, **fields):
        return self._call("POST", path, urllib.parse.urlencode(fields).encode(), Origin=origin or self.origin, **FORM)

    def sign_in(self, user):
        answer = self.send("/sign-in", key=user["Authorization"].split()[1])
        assert answer.status == 303 and answer.headers["location"] == "/", answer
        return answer

    def create(self, prompt, **fields):
        return self.send("/", prompt=prompt, **fields)


def text_of(answer):
    assert answer.headers["content-type"] == "text/html; charset=utf-8", answer
    return answer.body.decode()


def typed(answer):
    """What the form brings back, as a browser reads it."""
    text = re.search(r"<textarea[^>]*>\n(.*)</textarea>", text_of(answer), re.S)[1]
    assert "<" not in text
    return html.unescape(text)


def token(answer):
    return re.search(r'name="once" value="(one_\w+)"', text_of(answer))[1]


def error(answer):
    found = re.search(r'<p class="error"[^>]*>.*?</span> (.*?)</p>', text_of(answer))
    return html.unescape(found[1]) if found else None


# ---- headers ----

def test_policy_and_caches(imago, local):
    for answer in (imago.get("/"), local.get("/")):
        policy = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
        assert policy == {"default-src": "'none'", "img-src": "'self'", "style-src": "'self'", "form-action": "'self'",
                          "base-uri": "'none'", "frame-ancestors": "'none'"}
        assert answer.headers["cache-control"] == "no-store" and "Cookie" in answer.headers["vary"]
        assert not re.search(r"<script|<style|style=|\son\w+=|http-equiv|javascript:", text_of(answer))
        for path in re.findall(r'"(/assets/[^"]+)"', text_of(answer)):
            asset = imago.get(path)
            assert asset.status == 200 and "immutable" in asset.headers["cache-control"]
            assert imago.get(path, headers={"If-None-Match": asset.headers["etag"]}).status == 304
            assert "immutable" not in imago.get(path.split("?")[0] + "?v=other").headers["cache-control"]


# ---- signing in and out ----

def test_signing_in_and_out(imago):
    user, visitor = imago.user("Anna; Müller | \"x\"", 7), Visitor(imago)
    assert 'name="key"' in text_of(visitor.get())
    cookie = visitor.sign_in(user).headers["set-cookie"]
    name, *attributes = cookie.split("; ")
    assert re.fullmatch(r"imago_session=[\w.-]+", name), cookie
    assert {"Path=/", "HttpOnly", "SameSite=Strict"} <= set(attributes) and "Secure" not in attributes
    page = text_of(visitor.get())
    assert "Signed in as Anna; Müller | &quot;x&quot;" in page and "You have 7 credits" in page
    assert_error(visitor._call("GET", "/sign-out"), 405, "method_not_allowed")
    assert visitor.cookie
    gone = visitor.send("/sign-out")
    assert gone.status == 303 and "Max-Age=0" in gone.headers["set-cookie"] and "HttpOnly" in gone.headers["set-cookie"]
    assert 'name="key"' in text_of(visitor.get())


def test_cookies_go_by_tls_alone_where_there_is_tls(new_database):
    with Imago(new_database(), IMAGO_DEMO="on", IMAGO_ANONYMOUS="off", IMAGO_PUBLIC_URL="https://images.example.org") as imago:
        visitor = Visitor(imago)
        visitor.headers["Host"], visitor.origin = "images.example.org", "https://images.example.org"
        assert "; Secure" in visitor.sign_in(imago.user("anna")).headers["set-cookie"]
        assert "Signed in as anna" in text_of(visitor.get())


@pytest.mark.parametrize("key", ["", "x", "imago_sk_" + "a" * 38, "имаго", "a" * 3000])
def test_a_wrong_key(imago, key):
    visitor = Visitor(imago)
    answer = visitor.send("/sign-in", key=key)
    assert answer.status == 401 and "set-cookie" not in answer.headers
    assert error(answer).startswith("This key is not valid here")
    assert len(key) < 5 or key not in text_of(answer)


def test_forged_sessions_are_none(imago):
    user, visitor = imago.user("forged"), Visitor(imago)
    visitor.sign_in(user)
    name, value = visitor.cookie.split("=", 1)
    payload, mac = value.split(".")
    for forged in (payload, payload + ".", f"{payload}x.{mac}", f"{payload[:-2]}.{mac}", f"{payload}.{mac[::-1]}", "." + mac, "x" * 3000):
        answer = imago.get("/", headers={"Cookie": f"{name}={forged}"})
        assert answer.status == 200 and 'name="key"' in text_of(answer), forged


def test_a_session_ends_with_its_key(imago):
    user, visitor = imago.user("revoked"), Visitor(imago)
    visitor.sign_in(user)
    assert visitor.get("/api/v1/me").status == 200
    imago.sql("update api_keys set revoked_at = now() from users where user_id = users.id and name = 'revoked'")
    end = time.monotonic() + 15             # a key is known for ten seconds
    while visitor.get("/api/v1/me").status != 401:
        assert time.monotonic() < end, "its cookie still counts"
        time.sleep(0.2)
    assert 'name="key"' in text_of(visitor.get())


def test_the_session_of_a_user_who_is_gone(imago):
    user, visitor = imago.user("leaver"), Visitor(imago)
    visitor.sign_in(user)
    imago.sql("update users set disabled_at = now() where name = 'leaver'")
    answer = visitor.get()
    assert answer.status == 401 and error(answer).startswith("You have been signed out") and visitor.cookie is None
    assert 'name="key"' in text_of(visitor.get())


# ---- who may send forms ----

@pytest.mark.parametrize("origin", FOREIGN)
def test_foreign_pages_send_nothing(imago, local, books, origin):
    user, visitor = imago.user("victim" + str(FOREIGN.index(origin))), Visitor(imago)
    visitor.sign_in(user)
    before = books.read()
    for path, fields in (("/", {"prompt": "a cat"}), ("/sign-out", {}), ("/sign-in", {"key": "x"})):
        answer = visitor.send(path, origin=origin, **fields)
        assert_error(answer, 403, "forbidden")
        assert "set-cookie" not in answer.headers
    assert_error(Visitor(local).send("/", origin=origin, prompt="a cat"), 403, "forbidden")
    assert books.read() == before and local.sql("select count(*) from image_generation_jobs") == [(0,)]


def test_a_session_alone_is_not_enough(imago):
    """Browsers say where a form comes from; what does not say so, with a cookie, is not one."""
    user, visitor = imago.user("silent"), Visitor(imago)
    visitor.sign_in(user)
    assert_error(visitor._call("POST", "/", b"prompt=a+cat", **FORM), 403, "forbidden")


@pytest.mark.parametrize("host", ["evil.example", "imago.lan"])
def test_other_names(imago, local, host):
    for path in ("/", "/tiles/img_000000000000000000000000"):
        problem = assert_error(Visitor(local, host).get(path), 421, "misdirected")
        assert "IMAGO_PUBLIC_URL" in problem["detail"]
    visitor = Visitor(imago, host)
    for answer in (visitor.get(), visitor.send("/sign-in", key=imago.user("on-" + host)["Authorization"].split()[1])):
        assert answer.status == 421 and "IMAGO_PUBLIC_URL" in error(answer) and "set-cookie" not in answer.headers


def test_everybody_sees_their_own(imago):
    anna, boris = Visitor(imago), Visitor(imago)
    anna.sign_in(imago.user("anna")), boris.sign_in(imago.user("boris"))
    made = anna.create("only for me")
    assert made.status == 303, made
    job = re.fullmatch(r"/\?made=(img_\w{24})#pictures", made.headers["location"])[1]
    tile = anna.get(f"/tiles/{job}")
    assert tile.status == 303 and tile.headers["location"].startswith(f"/generated_images/{job}/"), tile
    assert anna.get(tile.headers["location"]).headers["content-type"] == "image/png"
    assert "only for me" in text_of(anna.get()) and "Your picture is ready" in text_of(anna.get(f"/?made={job}"))
    for path in (tile.headers["location"], f"/tiles/{job}"):
        assert_error(boris.get(path), 404, "not_found")
    assert "only for me" not in text_of(boris.get()) and "only for me" not in text_of(boris.get(f"/?made={job}"))


# ---- nothing that was typed is lost ----

@pytest.mark.parametrize("prompt", HOSTILE, ids=range(len(HOSTILE)))
def test_an_error_brings_the_description_back(imago, prompt):
    poor = Visitor(imago)
    poor.sign_in(imago.user("poor" + str(HOSTILE.index(prompt)), 0))
    answer = poor.create(prompt.replace("\n", "\r\n"))
    assert answer.status == 402 and typed(answer) == prompt
    assert error(answer) == "This costs 1 credit, and you have 0 credits left"


def test_a_description_survives_signing_in(imago):
    user, visitor = imago.user("forgetful"), Visitor(imago)
    for prompt in HOSTILE:
        form = visitor.create(prompt)
        assert form.status == 401 and 'name="key"' in text_of(form)
        kept = html.unescape(re.search(r'name="prompt" value="([^"]*)"', text_of(form))[1])
        assert kept == prompt
        wrong = visitor.send("/sign-in", key="x", prompt=kept)
        assert wrong.status == 401 and html.escape(kept, quote=True).replace("&#x27;", "&#39;") in text_of(wrong)
        page = visitor.send("/sign-in", key=user["Authorization"].split()[1], prompt=kept)
        assert page.status == 200 and typed(page) == prompt and "Signed in as forgetful" in text_of(page)
        visitor.cookie = None
    assert imago.get("/api/v1/me", headers=user).json()["credits"] == 100


def test_what_is_no_description(local):
    for prompt in ("", "   ", "\r\n\t", "\u00a0\u2003"):
        answer = Visitor(local).create(prompt)
        assert answer.status == 400 and error(answer) == "Please describe the picture first."
    long = Visitor(local).create("я" * 4001)
    assert long.status == 400 and typed(long) == "я" * 4001 and "4001" in error(long)
    fits = Visitor(local).create(("ж" * 99 + "\r\n") * 40)     # a line end is one character, as it was when typed
    assert fits.status == 303, fits
    for body in (b"prompt=%00", b"prompt=%ff%fe", b"prompt", b"", b"other=1"):
        answer = local.post("/", body, headers=FORM)
        assert answer.status == 400 and error(answer), body
    assert_error(local.post("/", b'{"prompt":"a cat"}', headers={"Content-Type": "application/json"}), 415)


# ---- one click, one picture ----

def test_a_form_is_taken_once(local):
    visitor = Visitor(local)
    once = token(visitor.get())
    assert once != token(visitor.get())
    first, second = (visitor.create("twice", once=once).headers["location"] for _ in range(2))
    assert first == second
    other = visitor.create("twice, in other words", once=once).headers["location"]
    again = visitor.create("twice", once=token(visitor.get())).headers["location"]
    assert len({first, other, again}) == 3
    assert local.sql("select count(*) from image_generation_jobs where prompt = 'twice'") == [(2,)]


def test_a_form_that_was_refused_may_be_sent_again(imago):
    user, visitor = imago.user("saver", 0), Visitor(imago)
    visitor.sign_in(user)
    once = token(visitor.get())
    assert visitor.create("a cat", once=once).status == 402
    imago.command("credits", "add", "saver", 1, "--reason", "a test")
    assert visitor.create("a cat", once=once).status == 303


# ---- a slow picture ----

def test_a_tile_waits_and_a_failure_is_told(new_database):
    with FalSim("--run-ms", 20) as sim, Imago(new_database(), FAL_KEY="id:secret", FAL_QUEUE_URL=sim.url) as imago:
        visitor = Visitor(imago)
        sim.process.send_signal(signal.SIGSTOP)
        path = visitor.create("slow").headers["location"].split("#")[0]
        page = text_of(visitor.get(path))
        tile = re.search(r'src="(/tiles/[^"]+)"', page)[1]
        assert "is being made" in page and "You have 995 credits" in page
        assert "is being made" not in text_of(visitor.get("/?type=video")) and "/tiles/" not in text_of(visitor.get())
        with concurrent.futures.ThreadPoolExecutor() as browser:
            arriving = browser.submit(visitor.get, tile)
            time.sleep(0.3)
            assert not arriving.done()
            sim.process.send_signal(signal.SIGCONT)
            arrived = arriving.result(20)
        assert arrived.status == 303 and arrived.headers["location"].startswith("/generated_images/")
        sim.process.send_signal(signal.SIGSTOP)
        path = visitor.create("[[fail:content_policy_violation]] bad").headers["location"].split("#")[0]
        tile = re.search(r'src="(/tiles/[^"]+)"', text_of(visitor.get(path)))[1]
        sim.process.send_signal(signal.SIGCONT)
        assert visitor.get(tile).headers["location"].startswith("/assets/failed.svg")
        page = visitor.get(path)
        assert "The picture could not be made. The provider refused the content. Nothing was charged" in text_of(page)
        assert typed(page) == "[[fail:content_policy_violation]] bad" and "You have 995 credits" in text_of(page)


def test_odd_addresses(local):
    for path in ("/?made=x", "/?made=img_000000000000000000000000", "/?type=x", "/?cursor=x", "/?cursor=", "/?look=-1&type=all", "/?made=%ff"):
        answer = local.get(path)
        assert answer.status == 200 and 'id="prompt"' in text_of(answer), path
    for job in ("x", "img_000000000000000000000000", "img_" + "x" * 500):
        assert_error(local.get(f"/tiles/{job}"), 404, "not_found")


# ---- language ----

@pytest.mark.parametrize("credits,english,french", [(0, "You have 0 credits", "Il vous reste 0 crédit"),
                                                   (1, "You have 1 credit", "Il vous reste 1 crédit"),
                                                   (2, "You have 2 credits", "Il vous reste 2 crédits"),
                                                   (1234567, "You have 1,234,567 credits", "Il vous reste 1\u202f234\u202f567 crédits")])
def test_numbers_and_their_nouns(imago, credits, english, french):
    user = imago.user(f"counts-{credits}", credits)
    for language, words, button in (("en", english, "Create, 1 credit"), ("fr", french, "Créer, 1 crédit")):
        visitor = Visitor(imago, language=language)
        visitor.sign_in(user)
        answer = visitor.get()
        assert f">{words}</p>" in text_of(answer) and f">{button}</button>" in text_of(answer)
        assert f'<html lang="{language}">' in text_of(answer) and answer.headers["content-language"] == language
