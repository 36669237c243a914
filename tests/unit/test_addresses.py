"""Which addresses are fetched from: a public one in any honest spelling, nothing else in any spelling at all."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from chatserver.hosts import HostRule
from chatserver.knowledge.web.addresses import Guard, is_public
from chatserver.knowledge.web.errors import Refused

PUBLIC = """
    8.8.8.8 93.184.215.14 100.63.255.255 172.32.0.1 2606:2800:21f:cb07:6820:80da:af6b:8b2c 2400:cb00::1
    ::ffff:8.8.8.8 64:ff9b::808:808
""".split()
THIS_MACHINE_AND_PRIVATE_NETS = """
    127.0.0.1 127.255.255.254 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.127.255.255
    ::1 fc00::1 fec0::1
""".split()
METADATA = """
    169.254.169.254 100.100.100.200 168.63.129.16 192.0.0.192 fd00:ec2::254
""".split()
NOBODY = """
    0.0.0.0 0.1.2.3 198.18.0.1 192.0.2.1 198.51.100.1 203.0.113.1 224.0.0.1 239.1.2.3 240.0.0.1 255.255.255.255
    192.88.99.1 :: fe80::1 fe80::1%eth0 ff02::1 2001:db8::1 100::1 3fff::1 5f00::1 2606:2800::1%1
""".split()
IPV4_WITHIN_IPV6 = """
    ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 ::ffff:0:7f00:1 2002:7f00:1::
    2002:a9fe:a9fe::1 2001:0:7f00:1:: 2001::1 64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b:1::808:808 fe80::5efe:7f00:1
""".split()


@pytest.mark.parametrize("address", PUBLIC)
def test_what_everybody_can_reach_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", THIS_MACHINE_AND_PRIVATE_NETS + METADATA + NOBODY + IPV4_WITHIN_IPV6)
def test_all_else_is_not(address: str) -> None:
    assert not is_public(ip_address(address))


REFUSED = [
    # spellings of 127.0.0.1 and of the metadata address
    "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://017700000001/",
    "http://0177.0.0.1/", "http://127.0.0.1./", "http://127.0x0.0.1/", "http://0/", "http://[::1]/", "http://[::]/",
    "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://[fe80::1%25lo]/", "http://[fd00:ec2::254]/",
    "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/",
    "http://100.64.0.1/", "http://10.0.0.1/", "http://192.168.0.1/", "http://8.8.8/", "http://08.8.8.8/", "http://134744072/",
    # other digits and dots for the same
    "http://１２７.0.0.1/", "http://127。0。0。1/", "http://①②⑦.0.0.1/", "http://127%2e0%2e0%2e1/", "http://127.0.0.1%00.example/",
    # who the user is does not matter, nor what a careless reader would take for the host
    "http://public.example@127.0.0.1/", "http://user:pass@public.example/", "http://public.example:80@127.0.0.1/",
    "http://public.example\\@127.0.0.1/", "http://127.0.0.1\\@public.example/",
    # names of no public host
    "http://localhost/", "http://LOCALHOST./", "http://a.localhost/", "http://printer.local/", "http://db.internal/",
    "http://metadata.google.internal/", "http://router.home.arpa/", "http://intranet/", "http://redis/",
    # other schemes and ports, and what is no URL
    "file:///etc/passwd", "file://public.example/etc/passwd", "ftp://public.example/", "gopher://public.example:6379/_x",
    "data:text/html,x", "javascript:alert(1)", "unix:///run/redis.sock", "dict://public.example:11211/stats",
    "http://public.example:22/", "http://public.example:6379/", "https://public.example:8443/",
    "http://public.example:99999/", "http://public.example:x/", "//public.example/", "public.example", "", "http://",
    "http:///x", "http://[::1", "http://a b/", "http://-public.example/", "http://public..example/",
    "http://" + "a" * 64 + ".example/", "http://public.example/" + "x" * 2000,
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_a_url_that_names_anything_else_is_refused(url: str) -> None:
    with pytest.raises(Refused) as refused:
        Guard().check_url(url)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://public.example/a?b=c#d", "https://public.example/a?b=c"),
        ("HTTP://Public.Example:80", "http://public.example/"),
        ("http://93.184.215.14/", "http://93.184.215.14/"),
        ("http://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/", "http://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/"),
        ("https://例子.example/路", "https://xn--fsqu00a.example/%E8%B7%AF"),
        ("https://public.example./", "https://public.example./"),
    ],
)
def test_a_public_url_is_kept_in_one_form(url: str, kept: str) -> None:
    assert str(Guard().check_url(url)) == kept


def guard(*addresses: str, allowed: tuple[str, ...] = ()) -> tuple[Guard, list[str]]:
    asked: list[str] = []

    async def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return list(addresses)

    return Guard(map(HostRule.parse, allowed), resolver), asked


async def test_a_name_stands_for_all_its_addresses() -> None:
    one, asked = guard("93.184.215.14", "2400:cb00::1", "93.184.215.14")
    assert await one.addresses("public.example", 443) == ["93.184.215.14", "2400:cb00::1"]
    assert asked == ["public.example"]


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["93.184.215.14", "10.0.0.1"], ["169.254.169.254", "8.8.8.8"], ["8.8.8.8", "::1"], ["fe80::1%2"]],
)
async def test_a_name_with_one_private_address_is_refused(addresses: list[str]) -> None:
    one, _ = guard(*addresses)
    with pytest.raises(Refused):
        await one.addresses("rebind.example", 80)


async def test_a_name_without_address_is_no_host() -> None:
    one, _ = guard()
    with pytest.raises(OSError, match="no address"):
        await one.addresses("public.example", 80)


async def test_an_address_is_not_looked_up() -> None:
    one, asked = guard("93.184.215.14")
    assert await one.addresses("8.8.8.8", 80) == ["8.8.8.8"]
    with pytest.raises(Refused):
        await one.addresses("::1", 80)
    assert asked == []


async def test_what_the_operator_allows_is_fetched_from() -> None:
    one, _ = guard("10.1.2.3", allowed=("wiki", "intranet.example:8080", "10.2.0.0/16", "[fd00::/8]:81"))
    for url in (
        "http://wiki/",
        "https://wiki/",
        "http://intranet.example:8080/",
        "http://10.2.3.4/",
        "http://[fd00::1]:81/",
    ):
        assert one.check_url(url)
    for url in (
        "http://wiki:8080/",
        "http://intranet.example:82/",
        "http://10.3.0.1/",
        "http://10.2.3.4:8080/",
        "http://b/",
    ):
        with pytest.raises(Refused):
            one.check_url(url)
    assert await one.addresses("wiki", 80) == ["10.1.2.3"]
    for host, port in (("wiki.example", 80), ("intranet.example", 80), ("x.intranet.example", 8080)):
        with pytest.raises(Refused):
            await one.addresses(host, port)


@pytest.mark.parametrize(
    ("entry", "host", "ports"),
    [
        ("Wiki.Example", "wiki.example", (80, 443)),
        ("wiki:8080", "wiki", (8080,)),
        ("10.0.0.0/8", "10.0.0.0/8", (80, 443)),
        ("127.0.0.1:81", "127.0.0.1/32", (81,)),
        ("::1", "::1/128", (80, 443)),
        ("[::1]:81", "::1/128", (81,)),
    ],
)
def test_a_rule_is_a_host_or_a_network_on_some_ports(entry: str, host: str, ports: tuple[int, ...]) -> None:
    rule = HostRule.parse(entry)
    assert (str(rule.host), rule.ports) == (host, ports)


@pytest.mark.parametrize(
    "entry", ["", "*", "*.example", "10.0.0.1/8", "wiki:0", "wiki:99999", "wiki:x", "http://wiki", "127.1"]
)
def test_a_rule_that_names_nothing_is_refused(entry: str) -> None:
    with pytest.raises(ValueError):
        HostRule.parse(entry)
