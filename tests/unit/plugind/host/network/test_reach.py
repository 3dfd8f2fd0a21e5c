"""Names of the Internet do not lead to this machine and its neighbours; names of the local network do."""

import pytest

from plugind.host.network import reach


@pytest.mark.threat("Network", "address that is no host's name")
@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
     "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1",
     "::ffff:10.0.0.1", "2002:7f00:1::", "what?"],
)  # fmt: skip
def test_a_name_that_somebody_owns_leads_to_no_local_address(address: str) -> None:
    assert not reach.allowed("api.example.com", address)
    assert not reach.allowed("localhost.example.com", address)
    assert not reach.allowed("127.1", address), "no address, but what a resolver may take for one"


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:1.1.1.1"])
def test_it_leads_to_the_internet(address: str) -> None:
    assert reach.allowed("api.example.com", address)


@pytest.mark.parametrize(
    "host", ["localhost", "a.localhost", "nas", "nas.local", "nas.lan", "x.internal", "x.home.arpa", "127.0.0.1", "::1"]
)
def test_what_is_named_as_local_may_be_there(host: str) -> None:
    assert reach.allowed(host, "127.0.0.1")
    assert reach.allowed(host, "192.168.1.2")
    assert reach.allowed(host, "93.184.215.14")
