"""``pyrovae explore``: it answers the page of the person who started it, and nobody else."""

import asyncio
import io
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx2
import pytest
from exploring import TOKEN, explorer_of
from PIL import Image
from processes import signals_obeyed
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from pyrovae.cli import main
from pyrovae.cli.explore.server import MOST_IMAGE, PAGE, application
from pyrovae.cli.explore.serving import listen, serve

PORT = 8765
HOST = f"127.0.0.1:{PORT}"
ORIGIN = {"origin": f"http://{HOST}"}


@pytest.fixture(scope="module")
def explorer(trained):
    return explorer_of(trained)


@pytest.fixture
def client(explorer):
    app = application(explorer, token=TOKEN, port=PORT)
    return TestClient(app, base_url=f"http://{HOST}")


def png():
    content = io.BytesIO()
    Image.new("L", (28, 28), 200).save(content, "PNG")
    return content.getvalue()


def ask(client, path, body, **headers):
    return client.post(f"/{TOKEN}/{path}", json=body, headers=ORIGIN | headers)


def test_the_page_and_its_files(client):
    page = client.get(f"/{TOKEN}/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "script>" not in page.text.replace("></script>", "")  # nothing runs within the page
    named = set(re.findall(r'(?:href|src)="([\w.]+)"', page.text))
    named |= {n for f in PAGE.glob("*.js") for n in re.findall(r'from "\./(.+?)"', f.read_text())}
    assert {"style.css", "explore.css", "main.js", "map.js"} <= named
    for file in named:
        answer = client.get(f"/{TOKEN}/{file}")
        assert answer.status_code == 200, file
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(
        r"https?://(?!www\.w3\.org/2000/svg)", "".join(file.read_text() for file in PAGE.iterdir())
    )  # nothing from a network


def test_every_question(client):
    about = client.get(f"/{TOKEN}/about").json()
    knobs = {site["name"]: site["start"] for site in about["sites"]}
    assert about["attributes"][0]["name"] == "0"
    decoded = ask(client, "decode", {"knobs": knobs, "moved": "z"}).json()
    assert decoded["data"]["x"]["kind"] == "image"
    encoded = ask(client, "encode", {"index": 3}).json()
    assert encoded["numbers"].keys() >= {"elbo", "log_likelihood", "mc_se"}
    assert len(ask(client, "plane", {"site": "z", "axes": [0, 1]}).json()["points"]) == 180
    assert len(ask(client, "path", {"start": 0, "end": 1, "kind": "spherical"}).json()) == 9
    assert len(ask(client, "sample", {"n": 3, "seed": 1}).json()) == 3
    assert len(ask(client, "thumbnails", {"which": [0, 5]}).json()) == 2
    drawn = client.post(f"/{TOKEN}/draw?invert=1", content=png(), headers=ORIGIN)
    assert drawn.json()["numbers"].keys() == encoded["numbers"].keys()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:80", f"{HOST}.evil", ""])
def test_another_host_is_refused(host, client):
    """A name of somebody else's that leads here, as in DNS rebinding."""
    answer = client.get(f"/{TOKEN}/about", headers={"host": host})
    assert answer.status_code == 421
    assert answer.text == (
        "This server answers to 127.0.0.1:8765 or localhost:8765 alone; where its port is forwarded, "
        "the local port has to be the same."
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:80"])
def test_browsers_leave_out_the_port_of_http(host, explorer):
    client = TestClient(application(explorer, token=TOKEN, port=80))
    headers = {"host": host, "origin": f"http://{host}"}
    answer = client.post(f"http://{host}/{TOKEN}/encode", json={"index": 0}, headers=headers)
    assert answer.status_code == 200


def test_the_name_localhost_will_do(client):
    assert client.get(f"/{TOKEN}/about", headers={"host": f"localhost:{PORT}"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/about", "/wrong/about", f"/{TOKEN}x/", f"/{TOKEN}", "//"])
def test_without_the_token_nothing_is_said(path, client):
    answer = client.get(f"http://{HOST}{path}", follow_redirects=False)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "https://127.0.0.1:8765", f"http://{HOST}0"]
)
def test_another_origin_is_refused(origin, client):
    headers = {} if origin is None else {"origin": origin}
    answer = client.post(f"/{TOKEN}/encode", json={"index": 0}, headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["draw", "decode"])
def test_uploads_are_bounded(path, client):
    content = bytes(MOST_IMAGE + 1)
    answer = client.post(f"/{TOKEN}/{path}", content=content, headers=ORIGIN)
    assert answer.status_code == 413


def test_an_endless_upload_is_cut(explorer):
    """One that does not say how long it is: no more of it is taken than there may be."""
    app, taken, answers = application(explorer, token=TOKEN, port=PORT), [], []

    async def receive():
        taken.append(2**20)
        assert sum(taken) < 2 * MOST_IMAGE
        return {"type": "http.request", "body": bytes(2**20), "more_body": True}

    async def send(message):
        answers.append(message)

    headers = [(b"host", HOST.encode()), (b"origin", ORIGIN["origin"].encode())]
    scope = {"type": "http", "method": "POST", "path": f"/{TOKEN}/draw", "headers": headers}
    asyncio.run(app(scope | {"query_string": b"", "http_version": "1.1"}, receive, send))
    assert answers[0]["status"] == 413


def test_an_image_that_is_a_bomb_is_refused(client):
    content = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(content, "PNG")
    assert len(content.getvalue()) < MOST_IMAGE
    answer = client.post(f"/{TOKEN}/draw", content=content.getvalue(), headers=ORIGIN)
    assert answer.status_code == 400
    assert "pixels" in answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{", b"[" * 100_000, b'{"index": "0"}', b'{"index": true}', b'{"index": 1e9}',
        b'{"index": 99999999999999999999}', b'{"other": 1}', b'{"index": null}', b"\xff",
    ],
)  # fmt: skip
def test_wrong_questions_are_answered_in_a_sentence(body, client):
    answer = client.post(f"/{TOKEN}/encode", content=body, headers=ORIGIN)
    assert answer.status_code == 400
    assert "expected" in answer.json()["error"]


@pytest.mark.parametrize(
    "z", [[1], ["a"] * 3, [None] * 3, [[1]] * 3, 3, [1e400] * 3, [10**400] * 3]
)
def test_wrong_positions(z, client):
    body = b'{"knobs": {"z": %s}}' % str(z).replace("'", '"').replace("None", "null").encode()
    answer = client.post(f"/{TOKEN}/decode", content=body, headers=ORIGIN)
    assert answer.status_code == 400


@pytest.mark.parametrize("condition", ["-1", "1000000", "9" * 400, "x", "1.5"])
def test_a_condition_that_there_is_not(condition, client):
    path = f"/{TOKEN}/draw?condition={condition}"
    answer = client.post(path, content=png(), headers=ORIGIN)
    assert answer.status_code == 400
    assert "expected a" in answer.json()["error"]


@pytest.mark.parametrize("seed", [-1, 2**63, 2**64, 10**400])
def test_a_seed_that_is_none(seed, client):
    answer = ask(client, "sample", {"n": 1, "seed": seed})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("seed: expected a whole number from 0")


def test_what_goes_wrong_is_said_here_and_there(explorer, monkeypatch, capsys):
    def fail(index):
        raise RuntimeError("it broke\nin two lines")

    monkeypatch.setattr(explorer, "encode", fail)
    app = application(explorer, token=TOKEN, port=PORT)
    answer = ask(TestClient(app, base_url=f"http://{HOST}"), "encode", {"index": 0})
    assert answer.status_code == 500
    assert "the terminal says why" in answer.json()["error"]
    assert capsys.readouterr().err == "pyrovae: /encode: RuntimeError: it broke in two lines\n"


def test_one_image_is_decoded_at_a_time(explorer, monkeypatch):
    running, most = [], []

    def draw(content, **_):
        running.append(content)
        most.append(len(running))
        time.sleep(0.02)
        running.pop()
        return {}

    monkeypatch.setattr(explorer, "draw", draw)
    app = application(explorer, token=TOKEN, port=PORT)

    async def several():
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
            draw = f"/{TOKEN}/draw"
            return await asyncio.gather(
                *(client.post(draw, content=b"x", headers=ORIGIN) for _ in range(3))
            )

    assert [answer.status_code for answer in asyncio.run(several())] == [200] * 3
    assert max(most) == 1


def test_a_port_in_use_is_said(trained, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        assert main(["explore", str(trained), "--port", port, "--no-browser"]) == 2
    assert f"expected a port that is not in use (0 takes any that is free), got {port}" in (
        capsys.readouterr().err
    )


def test_a_browser_is_opened_once_the_page_is_there(monkeypatch, capsys):
    """By a file that nobody else can read: arguments of a process are seen by all users."""
    seen = []

    def browse(url):
        file = Path(url2pathname(urlsplit(url).path))
        found = re.search(r'href="(.+?)"', file.read_text())[1]
        with urllib.request.urlopen(found) as answer:
            seen.append((url, file, stat.S_IMODE(file.stat().st_mode), found, answer.read()))
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("webbrowser.open", browse)
    with listen(0) as listener:
        serve(lambda *_: PlainTextResponse("the page"), listener, browser=True)
    address = capsys.readouterr().out.splitlines()[0]
    ((url, file, mode, found, page),) = seen
    assert (found, mode, page) == (address, 0o600, b"the page")
    assert urlsplit(address).path.strip("/") not in url
    assert not file.exists()


def test_ctrl_c_ends_it(trained):
    """The real command: it prints the address, answers there, and ends without a word too many."""
    command = [sys.executable, "-m", "pyrovae", "explore", str(trained), "--port", "0"]
    with (
        signals_obeyed(),
        subprocess.Popen(
            [*command, "--no-browser"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
        ) as process,
    ):
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", address)
        with urllib.request.urlopen(address) as answer:
            assert b"Latent map" in answer.read()
        process.send_signal(signal.SIGINT)
        said, complained = process.communicate(timeout=60)
    assert (process.returncode, complained) == (0, "")
    assert said.endswith("stopped\n")
