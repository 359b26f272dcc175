"""What stands in front: examples that their programs understand, and that log nothing."""

import json
import re
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from intake_server.reachable import missing_for_public
from intake_server.settings import DeskSettings, MirrorSettings, Settings, WebSettings
from tests.operation.place import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
PACKAGES = {"nginx": "nginx-light", "openssl": "openssl"}
CANARY = "canary-7f3a"


def program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        pytest.fail(f"{name} is missing. As root: apt-get install {PACKAGES.get(name, name)}")
    return found


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


# --- tor ------------------------------------------------------------------------------------


def test_tor_takes_the_configuration_with_its_defence_by_work(short_dir):
    torrc = short_dir / "torrc"
    text = (DEPLOY / "tor/torrc").read_text()
    torrc.write_text(text.replace("/var/lib/tor/", f"{short_dir}/"))
    done = run(
        program("tor"), "--verify-config", "-f", str(torrc), "--DataDirectory", f"{short_dir}"
    )
    assert "Configuration was valid" in done.stdout
    services = text.split("HiddenServiceDir ")[1:]
    assert len(services) == 2
    assert all("HiddenServicePoWDefensesEnabled 1" in service for service in services)
    ports = [re.findall(r"^HiddenServicePort 80 (\S+)", each, re.MULTILINE) for each in services]
    assert ports == [["127.0.0.1:8080"], ["127.0.0.1:8081"]]


# --- Caddy ----------------------------------------------------------------------------------


def test_caddy_takes_the_configuration_and_logs_nothing_by_it():
    file = str(DEPLOY / "caddy/Caddyfile")
    done = run(program("caddy"), "validate", "--adapter", "caddyfile", "--config", file)
    assert done.returncode == 0, done.stderr
    assert "not formatted" not in done.stderr
    adapted = run(program("caddy"), "adapt", "--adapter", "caddyfile", "--config", file)
    config = json.loads(adapted.stdout)
    assert config["logging"]["logs"] == {"default": {"writer": {"output": "discard"}}}
    assert config["admin"] == {"disabled": True}
    servers = config["apps"]["http"]["servers"].values()
    assert servers
    assert not [server for server in servers if "logs" in server]
    assert "encode" not in adapted.stdout
    assert sorted(set(re.findall(r'"dial": ?"([^"]+)"', adapted.stdout))) == [
        "127.0.0.1:8080",
        "127.0.0.1:8081",
    ]


# --- nginx ----------------------------------------------------------------------------------


@pytest.fixture
def nginx_conf(short_dir) -> tuple[Path, int]:
    """The example between the lines of a whole configuration, on a port of its own."""
    run(
        *(program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt"),
        *("ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=talk.example.org"),
        *("-keyout", f"{short_dir}/talk.key", "-out", f"{short_dir}/talk.crt"),
    )
    port = free_port()
    text = (DEPLOY / "nginx/havenline.conf").read_text()
    text = re.sub(r"/etc/ssl/havenline/\w+\.(key|crt)", rf"{short_dir}/talk.\1", text)
    text = re.sub(r"listen \[::\].*\n", "", text)
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}")
    text = text.replace("listen 80", f"listen 127.0.0.1:{free_port()}")
    text = text.replace("127.0.0.1:8080;", f"127.0.0.1:{free_port()};")  # where nobody answers
    temporary = "".join(
        f"{each}_temp_path {short_dir}/{each};"
        for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf = short_dir / "nginx.conf"
    conf.write_text(
        f"pid {short_dir}/pid; error_log /dev/null crit; daemon off; worker_processes 1;\n"
        f"events {{}}\nhttp {{ {temporary}\n{text}\n}}\n"
    )
    return conf, port


def test_nginx_takes_the_configuration(nginx_conf, short_dir):
    done = run(program("nginx"), "-t", "-p", str(short_dir), "-c", str(nginx_conf[0]))
    assert "test is successful" in done.stderr, done.stderr
    assert "[warn]" not in done.stderr


def test_nginx_writes_nothing_of_who_came_not_even_when_all_fails(nginx_conf, short_dir):
    conf, port = nginx_conf
    said = short_dir / "said"
    with said.open("wb") as output:
        server = subprocess.Popen(
            [program("nginx"), "-p", str(short_dir), "-c", str(conf)], stdout=output, stderr=output
        )
    try:
        answers = [_asked(port, name, CANARY) for name in ("talk.example.org", "desk.example.org")]
    finally:
        server.terminate()
        server.wait(10)
    assert [answer.split()[1] for answer in answers] == ["502", "502"]
    assert not [answer for answer in answers if "nginx/" in answer]  # no version
    written = [file for file in short_dir.rglob("*") if file.is_file() and file != conf]
    assert said in written
    for file in written:
        content = file.read_text(errors="replace")
        assert CANARY not in content, file.name
        assert "127.0.0.1" not in content, file.name


def _asked(port: int, host: str, path: str) -> str:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for attempt in range(100):
        try:
            raw = socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            assert attempt < 99, "nginx does not listen"
            time.sleep(0.05)
            continue
        break
    body = CANARY * 100
    request = (
        f"POST /{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {CANARY}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    )
    with raw, context.wrap_socket(raw, server_hostname=host) as secured:
        secured.sendall(request.encode())
        answer = b""
        while piece := secured.recv(65536):
            answer += piece
    return answer.decode(errors="replace")


def test_neither_example_lets_the_page_be_compressed_or_passes_addresses_on():
    nginx = (DEPLOY / "nginx/havenline.conf").read_text()
    assert "gzip off;" in nginx
    at_the_top = re.findall(r"^proxy_set_header", nginx, re.MULTILINE)
    assert len(at_the_top) == nginx.count("proxy_set_header")
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
        assert f'proxy_set_header {name} "";' in nginx
    assert "$remote_addr" not in nginx
    assert "$proxy_add_x_forwarded_for" not in nginx


def test_both_examples_let_forms_with_files_stream_through_to_the_client_page_alone():
    nginx = (DEPLOY / "nginx/havenline.conf").read_text()
    for needed in ("proxy_request_buffering off;", "proxy_max_temp_file_size 0;"):
        assert re.search(rf"^{needed}", nginx, re.MULTILINE)
    assert nginx.count("client_max_body_size 120m;") == 1
    talk = nginx.index("server_name talk.example.org;\n    ssl")
    assert (
        talk < nginx.index("location = / {") < nginx.index("server_name desk.example.org;\n    ssl")
    )
    assert (DEPLOY / "caddy/Caddyfile").read_text().count("max_size 120MB") == 1


# --- one setting, and what is missing -------------------------------------------------------


def found(web: str | None, desk: str | None) -> set[str]:
    settings = Settings(
        web=WebSettings(public_url=web),
        desk=DeskSettings(public_url=desk),
        mirror=MirrorSettings(folder=Path("/media/mirror")),
    )
    return {each.name for each in missing_for_public(settings)}


def test_check_says_what_is_missing_until_people_can_come():
    assert found(None, None) == {"web_not_public", "desk_not_public"}
    assert found("https://talk.example.org", "https://desk.example.org") == set()
    assert found(f"http://{'a' * 56}.onion", f"http://{'b' * 56}.onion") == set()
    assert found("http://talk.example.org", "https://desk.example.org") == {"web_unencrypted"}
    assert found("https://x.example.org", "https://x.example.org:8443") == {"one_host_name"}
    assert found("http://127.0.0.1:8080", "http://localhost:8081") == set()
