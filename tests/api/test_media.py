"""Pictures by HTTP: whoever has the link or owns them, whole or in part, and nobody else."""
import base64
import hashlib
import hmac
import io
import os
import re
import time

import pytest
from PIL import Image

from contract import assert_error
from edge_client import Client
from imago_server import Imago

GARBLED = ("", "?", "?exp={exp}", "?sig={sig}", "?exp={exp}&sig=", "?exp=&sig={sig}", "?exp={later}&sig={sig}", "?exp={exp}&sig={other}",
           "?exp={exp}0&sig={sig}", "?exp=0{exp}&sig={sig}", "?exp={exp}&sig={sig}A", "?exp={exp}&sig={short}", "?exp=-{exp}&sig={sig}",
           "?exp={exp}%20&sig={sig}", "?sig={sig}&exp=99999999999999999999", "?exp={exp}&sig={sig}%00", "?EXP={exp}&SIG={sig}")


@pytest.fixture(scope="module")
def imago(new_database, stores):
    with Imago(new_database(), stores["REDIS_URL"], IMAGO_DEMO="on", IMAGO_ANONYMOUS="off") as server:
        yield server


@pytest.fixture(scope="module")
def owner(imago):
    return imago.user("owner")


@pytest.fixture(scope="module")
def other(imago):
    return imago.user("other")


@pytest.fixture(scope="module")
def image(imago, owner):
    image = imago.made("a picture", headers=owner, num_images=2)["images"][0]
    image["link"] = "/" + image["url"].split("/", 3)[3]
    image["path"] = image["link"].split("?")[0]
    return image


@pytest.fixture(scope="module")
def data(imago, image):
    return imago.get(image["link"]).body


def test_whole(imago, owner, image, data):
    for path, headers in ((image["link"], {}), (image["path"], owner), (image["link"], owner)):
        answer = imago.get(path, headers=headers)
        assert answer.status == 200 and answer.body == data and len(data) == image["size_bytes"]
        assert answer.headers["content-type"] == "image/png" and answer.headers["content-length"] == str(len(data))
        assert answer.headers["etag"] == '"%s"' % hashlib.sha256(data).hexdigest()
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert answer.headers["accept-ranges"] == "bytes" and answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
    assert Image.open(io.BytesIO(data)).size == (1024, 1024)


def test_head(imago, image, data):
    with Client(("127.0.0.1", imago.port)) as client:
        for extra, status, length in (("", 200, len(data)), ("Range: bytes=0-9\r\n", 206, 10), ("If-None-Match: *\r\n", 304, None)):
            client.send(f"HEAD {image['link']} HTTP/1.1\r\nHost: localhost\r\n{extra}\r\n")
            answer = client.answer("HEAD")
            assert answer.status == status and (length is None or answer.field("content-length") == str(length))


def test_conditional(imago, image, data):
    etag = imago.get(image["link"]).headers["etag"]
    for value in (etag, "W/" + etag, f'"x", {etag}', "*", f'"x",{etag},"y"'):
        answer = imago.get(image["link"], headers={"If-None-Match": value})
        assert answer.status == 304 and answer.body == b"" and answer.headers["etag"] == etag
        assert answer.headers["cache-control"].startswith("private")
    for value in (etag.replace('"', ""), '"x"', etag.upper()[:-2] + '0"', "W/x"):
        assert imago.get(image["link"], headers={"If-None-Match": value}).body == data


def test_ranges(imago, image, data):
    size = len(data)
    for value, first, last in (("0-0", 0, 0), ("0-99", 0, 99), ("100-", 100, size - 1), ("-1", size - 1, size - 1), ("-100", size - 100, size - 1),
                               (f"-{size}", 0, size - 1), (f"-{size + 5}", 0, size - 1), (f"{size - 1}-{size + 99}", size - 1, size - 1),
                               ("0-", 0, size - 1), (f"0-{size - 1}", 0, size - 1)):
        for spelling in (f"bytes={value}", f"Bytes= {value} "):
            answer = imago.get(image["link"], headers={"Range": spelling})
            assert answer.body == data[first:last + 1], value
            if answer.status == 206:
                assert answer.headers["content-range"] == f"bytes {first}-{last}/{size}"
            else:       # a range of everything may be answered in full
                assert answer.status == 200 and answer.body == data
    for value in (f"{size}-", f"{size}-{size + 1}", "99999999-", "-0"):
        answer = imago.get(image["link"], headers={"Range": f"bytes={value}"})
        assert_error(answer, 416, "range_not_satisfiable", legacy=False)
        assert answer.headers["content-range"] == f"bytes */{size}"
    for value in ("0-0,5-9", "0-0, -1", ",".join(["0-"] * 2000), "9-1", "x"):
        answer = imago.get(image["link"], headers={"Range": f"bytes={value}"})
        assert answer.status == 200 and answer.body == data, value


def test_range_with_condition(imago, image, data):
    etag = imago.get(image["link"]).headers["etag"]
    assert imago.get(image["link"], headers={"Range": "bytes=0-9", "If-Range": etag}).body == data[:10]
    assert imago.get(image["link"], headers={"Range": "bytes=0-9", "If-Range": '"old"'}).body == data
    assert imago.get(image["link"], headers={"Range": "bytes=0-9", "If-None-Match": etag}).status == 304


def test_pieces_make_the_whole(imago, image, data):
    connection = imago.connection()
    step = len(data) // 7 + 1
    pieces = [imago.get(image["link"], headers={"Range": f"bytes={at}-{at + step - 1}"}, connection=connection).body
              for at in range(0, len(data), step)]
    assert b"".join(pieces) == data


def test_a_link_is_for_one_picture(imago, image):
    query = image["link"].split("?")[1]
    assert imago.get(f"{image['path'].replace('image_1', 'image_2')}?{query}").status == 401
    assert re.search(r"[?&]exp=\d+&sig=[\w-]{22}$", image["link"])
    until = int(re.search(r"exp=(\d+)", image["link"])[1])
    assert 7 * 86400 <= until - time.time() <= 7 * 86400 + 3601


@pytest.mark.parametrize("query", GARBLED)
def test_a_link_that_is_wrong(imago, image, other, query):
    exp, sig = re.search(r"exp=(\d+)&sig=(.+)$", image["link"]).groups()
    query = query.format(exp=exp, sig=sig, later=int(exp) + 1, short=sig[:-1], other=("A" if sig[0] != "A" else "B") + sig[1:])
    for path in (image["path"], image["path"].replace("image_1", "image_9"), "/generated_images/img_" + "0" * 24 + "/image_1.png"):
        assert_error(imago.get(path + query), 401, "unauthorized", legacy=False)       # there or not: the same
        assert_error(imago.get(path + query, headers=other), 404, "not_found", legacy=False)


def signed(imago, path, exp):
    """A link as imago made it some time ago: by the key in its data directory."""
    with open(f"{imago.data_dir}/.encryption_key") as file:
        root = bytes.fromhex(file.read().strip())
    key = hmac.new(root, b"imago links 1", hashlib.sha256).digest()
    mac = hmac.new(key, f"link\n{path}\n{exp}".encode(), hashlib.sha256).digest()[:16]
    return f"{path}?exp={exp}&sig={base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def test_a_link_that_has_expired(imago, image, data, owner, other):
    exp = int(re.search(r"exp=(\d+)", image["link"])[1])
    assert signed(imago, image["path"], exp) == image["link"], "the test does not make links as imago does"
    assert imago.get(signed(imago, image["path"], int(time.time()) + 60)).body == data
    for old in (int(time.time()) - 1, 1, 0):
        link = signed(imago, image["path"], old)
        assert_error(imago.get(link), 401, "unauthorized")
        assert_error(imago.get(link, headers=other), 404, "not_found")
        assert imago.get(link, headers=owner).body == data


def test_a_link_counts_whoever_asks(imago, image, data, other):
    for headers in (other, {"Authorization": "Bearer imago_sk_x"}, {"Cookie": "imago_session=x.y"}, {"Host": "images.example.org"}):
        assert imago.get(image["link"], headers=headers).body == data


def test_links_of_another_installation(imago, image, new_database, stores):
    with Imago(new_database(), stores["REDIS_URL"], IMAGO_DEMO="on", IMAGO_ANONYMOUS="off") as elsewhere:
        assert_error(elsewhere.get(image["link"]), 401)


def test_links_last(imago, image, data):
    """Over a restart: the key is in the data directory."""
    imago.stop()
    imago.start()
    assert imago.get(image["link"]).body == data


def test_files_that_are_gone(imago, owner):
    image = imago.made("to be lost", headers=owner, size="512x512")["images"][0]
    (path,) = imago.sql("select key from objects order by created_at desc limit 1")[0]
    os.unlink(os.path.join(imago.data_dir, path))
    assert_error(imago.get("/" + image["url"].split("/", 3)[3]), 404, "not_found")
    assert "media.gone" in imago.log_text()
