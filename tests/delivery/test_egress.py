"""The egress policy: URLs that are denied, each with an allowed counterpart, and the addresses of host names."""

import asyncio
import socket

import pytest

from corehr.delivery.egress import EgressDenied, EgressPolicy, EgressResolver

NOTHING_ALLOWED = EgressPolicy.from_hosts([], loopback=False)
SANDBOX = EgressPolicy.from_hosts([], loopback=True)
NAMED = EgressPolicy.from_hosts(
    ["hooks.example.com", "*.inner.example", "one.example:8443", "10.1.0.0/16", "192.0.2.7:9000", "[fd00:1::/32]:443"],
    loopback=False,
)


def denial(policy: EgressPolicy, url: str) -> str:
    """Return the reason why the policy denies the URL."""
    reason = policy.denial_reason(url)
    assert reason is not None
    assert "\n" not in reason
    return reason


# ---------------------------------------------------------------------------------------------------- URLs, without DNS


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.0.0.1:8080/hook?x=1",
        "https://127.255.255.254/",
        "http://[::1]:3000/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://127。0。0。1/",  # full-width dots
        "http://①②⑦.0.0.1/",
        "http://localhost:8080/",  # names: DNS decides
        "http://LOCALHOST./",
        "http://hooks.example.com/",
    ],
)
def test_a_sandbox_may_call_its_own_machine_and_production_may_not(url):
    assert SANDBOX.denial_reason(url) is None
    host = denial(NOTHING_ALLOWED, url).split()[0]
    reason = f"{host} may not be called; the operator allows it with --allow-webhook-host {host}"
    assert denial(NOTHING_ALLOWED, url) == reason
    assert EgressPolicy.from_hosts([host], loopback=False).denial_reason(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://126.255.255.255/",
        "http://128.0.0.1/",
        "http://0.0.0.0/",  # this machine, to some systems
        "http://[::]/",
        "http://[::127.0.0.1]/",
        "http://[::2]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",  # an IPv4 address behind a translator
        "http://[2002:7f00:1::]/",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://192.168.0.1/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://8.8.8.8/",
    ],
)
def test_a_sandbox_may_call_no_other_address(url):
    assert "--allow-webhook-host" in denial(SANDBOX, url)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "127.1",
        "127.0.1",
        "0",
        "0177.0.0.1",
        "127.0.0.01",
        "127.0.0.256",
        "127.0.0.1.",
        "0x7f.1",
        "0x7f000001",
        "0x7f.0x0.0x0.0x1",
        "0x",
        "1.2.3.0xff",
        "٣.0.0.1",
        "%31%32%37.0.0.1",
        "[::1%25lo]",
        "[fe80::1%eth0]",
        "[v1.127]",
        "127.0.0.1%00.example.com",
        "a..b",
        ".a",
        "-a.example",
        "*.inner.example",
        "a" * 64 + ".example",
        "a." * 130 + "example",
    ],
)
def test_an_address_is_written_in_its_usual_spelling(host):
    anywhere = EgressPolicy.from_hosts(["0.0.0.0/0", "::/0"], loopback=True)
    reason = denial(anywhere, f"http://{host}/")
    assert reason.startswith("write the host as a name or as a plain IP address, not as ")
    for plain in ("127.0.0.1", "[::1]", "0x7f.example", "7.example", "0xfg", "a_b", "bücher.example"):
        assert anywhere.denial_reason(f"http://{plain}/") is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "localhost:80/",
        "//localhost/",
        "/path",
        "http:localhost",
        "http:///localhost",
        "http://",
        "http://:80/",
        "ftp://localhost/",
        "file:///etc/passwd",
        "ws://localhost/",
        "http+unix://localhost/",
        "unix:/run/x",
        "http://localhost:65536/",
        "http://localhost:x/",
        "http://localhost\\@example.com/",
        "http://[::1/",
        "http://[::1]x/",
        "http://local host/",
        " http://localhost/",
        "http://localhost/\r\nX-Header: y",
        "http://localhost\t/",
        "http://localhost/\0",
        "http://localhost/\u2028",
        "http://local\u00adhost/",
        "http://localhost/\ud800",
    ],
)
def test_a_url_that_cannot_be_called(url):
    assert SANDBOX.denial_reason(url) == "write the URL as http://host/path or https://host/path, without spaces"


@pytest.mark.parametrize("user", ["me@", "me:secret@", ":secret@", "hooks.example.com@", "127.0.0.1%2f@"])
def test_a_url_may_not_contain_a_user(user):
    assert SANDBOX.denial_reason(f"http://{user}localhost/") == "leave user and password out of the URL"
    assert SANDBOX.denial_reason("http://localhost/@me?to=me@example.com#me@") is None


# --------------------------------------------------------------------------------------------- named hosts and networks


@pytest.mark.parametrize(
    ("allowed", "elsewhere"),
    [
        ("http://10.1.255.255:99/", "http://10.2.0.0/"),
        ("http://[::ffff:10.1.0.1]/", "http://[::ffff:10.2.0.1]/"),
        ("http://192.0.2.7:9000/", "http://192.0.2.7/"),
        ("http://192.0.2.7:9000/", "http://192.0.2.6:9000/"),
        ("https://[fd00:1::5]/", "http://[fd00:1::5]/"),
        ("https://[fd00:1::5]/", "https://[fd00:2::5]/"),
    ],
)
def test_an_address_counts_by_its_network_and_port(allowed, elsewhere):
    assert NAMED.denial_reason(allowed) is None
    assert "--allow-webhook-host" in denial(NAMED, elsewhere)


@pytest.mark.parametrize(
    ("allowed", "elsewhere"),
    [
        ("https://hooks.example.com/", "https://example.com/"),
        ("http://HOOKS.Example.Com.:8080/x", "http://a.hooks.example.com/"),
        ("https://hooks.example.com/", "https://xhooks.example.com/"),
        ("https://hooks.example.com/", "https://hooks.example.com.evil.example/"),
        ("https://a.inner.example/", "https://inner.example/"),
        ("https://a.b.inner.example/", "https://ainner.example/"),
        ("https://one.example:8443/", "https://one.example/"),
        ("https://one.example:8443/", "https://two.example:8443/"),
    ],
)
def test_a_host_counts_by_its_name_and_port(allowed, elsewhere):
    hosts = EgressPolicy(hosts=NAMED.hosts)
    assert hosts.denial_reason(allowed) is None
    assert "--allow-webhook-host" in denial(hosts, elsewhere)


def test_a_name_may_resolve_into_a_named_network():
    to_one_port = EgressPolicy.from_hosts(["10.1.0.0/16:8443"], loopback=False)
    assert to_one_port.denial_reason("https://elsewhere.example:8443/") is None
    assert "--allow-webhook-host" in denial(to_one_port, "https://elsewhere.example/")


def test_hosts_are_parsed_as_operators_write_them():
    def parsed(name):
        policy = EgressPolicy.from_hosts([name], loopback=False)
        return policy.hosts + tuple((str(network), port) for network, port in policy.networks)

    assert parsed("Hooks.Example.com.") == (("hooks.example.com", None),)
    assert parsed("localhost:8080") == (("localhost", 8080),)
    assert parsed("*.Bücher.example:443") == ((".xn--bcher-kva.example", 443),)
    assert parsed("10.1.2.3") == (("10.1.2.3/32", None),)
    assert parsed("10.1.0.0/16:8443") == (("10.1.0.0/16", 8443),)
    assert parsed("::1") == parsed("[::1]") == (("::1/128", None),)
    assert parsed("fd00::/8") == (("fd00::/8", None),)
    assert parsed("[fd00::/8]:443") == (("fd00::/8", 443),)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("", "name a host"),
        ("*", "name a host"),
        ("*.", "name a host"),
        ("a.*.example", "name a host"),
        ("*.10.0.0.0", "name a host"),
        ("https://hooks.example.com", "name a host"),
        ("hooks.example.com/path", "name a host"),
        ("me@hooks.example.com", "name a host"),
        ("hooks.example.com,other.example", "name a host"),
        (" hooks.example.com", "name a host"),
        ("127.1", "name a host"),
        ("0x7f.1", "name a host"),
        ("10.0.0.0/33", "name a host"),
        ("hooks.example.com:", "name a host"),
        ("hooks.example.com:https", "name a host"),
        (":8080", "name a host"),
        ("[::1", "name a host"),
        ("hooks.example.com:0", "a port is a number from 1 to 65535"),
        ("hooks.example.com:65536", "a port is a number from 1 to 65535"),
        ("10.1.2.3/16", "or the whole network as 10.1.0.0/16"),
        ("fd00::1/8", "or the whole network as fd00::/8"),
        ("::ffff:10.1.2.3", "write an IPv4 address as one"),
        ("[::ffff:10.1.0.0/112]:80", "write an IPv4 address as one"),
        ("fe80::1%eth0", "leave out a zone"),
    ],
)
def test_an_invalid_host_is_refused_with_advice(name, advice):
    with pytest.raises(ValueError, match=advice) as error:
        EgressPolicy.from_hosts(["hooks.example.com", name], loopback=True)
    assert "\n" not in str(error.value)


# ------------------------------------------------------------------------------------------------- host names, with DNS


def resolved(monkeypatch, policy, host, *addresses, port=80):
    """Return those of the addresses, which DNS has for the host, that a call may connect to."""

    def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
        kinds = [
            (socket.AF_INET6, (text, port, 0, 0)) if ":" in text else (socket.AF_INET, (text, port))
            for text in addresses
        ]
        return [(kind, socket.SOCK_STREAM, 6, "", address) for kind, address in kinds]

    async def resolve():
        return [result["host"] for result in await EgressResolver(policy).resolve(host, port)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asyncio.run(resolve())


def test_a_named_host_may_have_any_address(monkeypatch):
    anywhere = "127.0.0.1", "169.254.169.254", "10.9.9.9", "::1"
    assert resolved(monkeypatch, NAMED, "hooks.example.com", *anywhere) == list(anywhere)
    assert resolved(monkeypatch, NAMED, "a.inner.example.", *anywhere) == list(anywhere)
    assert resolved(monkeypatch, NAMED, "one.example", *anywhere, port=8443) == list(anywhere)
    with pytest.raises(EgressDenied, match=r"^one\.example may not be called"):
        resolved(monkeypatch, NAMED, "one.example", *anywhere, port=443)


def test_of_any_other_name_only_addresses_in_a_named_network_count(monkeypatch):
    assert resolved(monkeypatch, NAMED, "other.example", "10.1.0.9", "10.2.0.9", "127.0.0.1") == ["10.1.0.9"]
    assert resolved(monkeypatch, NAMED, "other.example", "::ffff:10.1.0.9", "::ffff:10.2.0.9") == ["::ffff:10.1.0.9"]
    assert resolved(monkeypatch, NAMED, "other.example", "fd00:1::9", port=443) == ["fd00:1::9"]
    for elsewhere in ("10.2.0.9", "fd00:1::9", "127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0"):
        with pytest.raises(EgressDenied, match=r"the operator allows it with --allow-webhook-host other\.example$"):
            resolved(monkeypatch, NAMED, "other.example", elsewhere)


def test_in_a_sandbox_a_name_may_be_called_if_all_its_addresses_are_loopback(monkeypatch):
    for own in (["127.0.0.1"], ["::1", "127.0.0.1"], ["127.9.9.9"], ["::ffff:127.0.0.1"]):
        assert resolved(monkeypatch, SANDBOX, "mine.example", *own) == own
        with pytest.raises(EgressDenied):
            resolved(monkeypatch, NOTHING_ALLOWED, "mine.example", *own)
    for mixed in (["127.0.0.1", "10.0.0.1"], ["93.184.215.14"], ["0.0.0.0"], ["fe80::1"], []):
        with pytest.raises(EgressDenied):
            resolved(monkeypatch, SANDBOX, "mine.example", *mixed)
