"""The drivers by name: rules and ban sets, and address lists."""

from __future__ import annotations

from firewall.address_lists import AddressLists
from firewall.ipset_swap import IpsetLists
from firewall.iptables import IptablesKernel
from firewall.kernel import UNKNOWN_DRIVER, Kernel
from firewall.nft_intervals import NftLists
from firewall.nftables import NFT, NftablesKernel
from firewall.ruleset import TABLE


def kernel_of(driver: str) -> Kernel:
    """The driver of that name. Refuses ``kernel.unknown_driver``."""
    if driver == "nftables":
        return NftablesKernel()
    if driver == "iptables":
        return IptablesKernel()
    raise UNKNOWN_DRIVER.refuse(field="driver", driver=driver)


def lists_of(driver: str) -> AddressLists:
    """The same for address lists."""
    return IpsetLists() if driver == "iptables" else NftLists(TABLE, NFT)
