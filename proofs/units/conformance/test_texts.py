"""Addresses in a recording: what is refused, and that everything recorded passes."""

from typing import Any

import pytest

from proofs.conformance.texts import check_texts


@pytest.mark.parametrize(
    "value",
    [
        {"ip": "10.0.0.1", "phys": {"ether": "A8:40:25:00:00:01", "ip": "fd00::1"}},
        {"prefix": "0.0.0.0/0", "endpoints": [{"ip": "::1", "vni": 9}]},
        {"floating_ips": ["10.0.0.1", "::"], "ephemeral_ip": None},
        {"result": {"ip": "whatever was recorded"}},
        {"dest": "10.0.0.1/8"},
    ],
)
def test_right_texts_pass(value: Any) -> None:
    check_texts(value)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"phys": {"ether": "A8-40-25-00-00-01"}}, "ether: 'A8-40-25-00-00-01' is not a MAC address"),
        ([{"floating_ips": ["10.0.0.1", "10.0.0.256"]}], "floating_ips: '10.0.0.256' is not an IP address"),
        ({"cidr": "fd00::/129"}, "cidr: 'fd00::/129' is not an IP prefix"),
        ({"flow": {"src": ""}}, "src: '' is not an IP address"),
    ],
)
def test_wrong_texts_are_refused_by_name(value: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        check_texts(value)
