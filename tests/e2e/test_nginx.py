"""The console and the webhooks behind Debian's nginx, with the configuration that deploy/ has."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from werkzeug.security import generate_password_hash

from tests.certificates import Certificate
from tests.e2e.running import ROOT

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
PASSWORD, TOKEN = "correct horse battery staple", "a-token-of-sixteen-characters"
CONFIG = """\
platform: {{url: "http://127.0.0.1:9", api_key: env:KEY}}
webhook: {{tokens: env:TOKEN}}
destinations: {{soc: {{type: slack, webhook_url: env:SLACK}}}}
default: soc
console: {{users: {{ada: {{password_hash: "{hash}", role: administrator}}}}}}
"""
PLACES = """\
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/huntbridge.conf;
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of nginx, in front of a running `serve`, and what verifies its certificate."""
    if not NGINX:
        pytest.skip("there is no nginx here")
    folder = tmp_path_factory.mktemp("nginx")
    behind, front = free_port(), free_port()
    made = Certificate(folder, "hunt", host="localhost")
    certificate, key = made.path, folder / "hunt-key.pem"
    (folder / "huntbridge.yaml").write_text(CONFIG.format(hash=generate_password_hash(PASSWORD)))
    text = (ROOT / "deploy/nginx.conf").read_text()
    for before, after in (
        ("listen 443 ssl", f"listen 127.0.0.1:{front} ssl"),
        ("127.0.0.1:8080", f"127.0.0.1:{behind}"),
        ("/etc/nginx/tls/huntbridge.pem", str(certificate)),
        ("/etc/nginx/tls/huntbridge.key", str(key)),
        ("Host $host;", "Host $host:$server_port;"),  # the test does not listen on 443
    ):
        assert before in text
        text = text.replace(before, after)
    (folder / "huntbridge.conf").write_text(text)
    (folder / "nginx.conf").write_text(PLACES.format(folder=folder))
    environ = {
        **os.environ,
        "KEY": "k",
        "TOKEN": TOKEN,
        "SLACK": "http://127.0.0.1:9/x",
        "HUNTBRIDGE_DATA": str(folder / "data"),
        "HUNTBRIDGE_CONFIG": str(folder / "huntbridge.yaml"),
    }
    command = [sys.executable, "-m", "cli.main", "serve", "--port", str(behind)]
    serve = subprocess.Popen([*command, "--trusted-proxy", "127.0.0.1"], cwd=ROOT, env=environ)
    command = [NGINX, "-c", str(folder / "nginx.conf"), "-g", "daemon off;", "-p", str(folder)]
    nginx = subprocess.Popen(command)
    url = f"https://localhost:{front}"
    try:
        for _ in range(100):
            try:
                if requests.get(f"{url}/health", verify=str(certificate), timeout=5).status_code == 200:
                    break
            except requests.ConnectionError:
                pass
            time.sleep(0.2)
        yield url, str(certificate)
    finally:
        nginx.terminate()
        serve.terminate()
        nginx.wait(20)
        serve.wait(30)


@pytest.fixture
def browser_like(site):
    session = requests.Session()
    session.trust_env = False  # REQUESTS_CA_BUNDLE would come before `verify`
    session.verify = site[1]
    session.headers["Sec-Fetch-Site"] = "same-origin"
    return session


def test_webhooks_pass_and_large_bodies_do_not(site, browser_like):
    url = f"{site[0]}/webhooks/cado"
    body = {"token": TOKEN, "event": "processing_with_alarms", "title": "ALARMS", "message": "project id 3"}
    assert browser_like.post(url, json=body, timeout=10).status_code == 202
    assert browser_like.post(url, data="x" * 300_000, timeout=10).status_code == 413


def test_a_user_signs_in_with_a_cookie_for_tls_alone(site, browser_like):
    away = browser_like.get(f"{site[0]}/cases", allow_redirects=False, timeout=10)
    assert away.status_code in (302, 303)
    form = {"name": "ada", "password": PASSWORD}
    page = browser_like.get(f"{site[0]}/sign-in", timeout=10).text
    action = re.search(r'<form[^>]*action="([^"]+)"', page)
    assert action
    answer = browser_like.post(f"{site[0]}{action[1]}", data=form, allow_redirects=False, timeout=10)
    assert answer.status_code == 303, answer.text[:500]
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-huntbridge")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert browser_like.get(f"{site[0]}/cases", timeout=10).status_code == 200


def test_a_user_header_from_outside_is_not_believed(site, browser_like):
    headers = {"X-Forwarded-User": "root", "X-Forwarded-For": "127.0.0.1"}
    answer = browser_like.get(f"{site[0]}/cases", headers=headers, allow_redirects=False, timeout=10)
    assert answer.status_code in (302, 303)


def test_the_answers_carry_the_headers_of_both(site, browser_like):
    answer = browser_like.get(f"{site[0]}/sign-in", timeout=10)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_nothing_names_the_version_of_nginx(site, browser_like):
    answer = browser_like.get(f"{site[0]}/sign-in", timeout=10)
    assert answer.headers["Server"] == "nginx"


def test_a_sender_without_pause_is_slowed_down(site, browser_like):
    """The console is limited to 20 requests a second from one address, after 100 at once."""

    def status(_: int) -> int:
        return int(browser_like.get(f"{site[0]}/health", timeout=10).status_code)

    with ThreadPoolExecutor(8) as pool:
        assert 429 in set(pool.map(status, range(400)))
