"""The drivers by name."""

from __future__ import annotations

from firewall.kernel.iptables.driver import IptablesKernel
from firewall.kernel.nft.driver import NftablesKernel
from firewall.kernel.port import UNKNOWN_DRIVER, Kernel


def kernel_of(driver: str) -> Kernel:
    """The driver of that name. Refuses ``kernel.unknown_driver``."""
    if driver == "nftables":
        return NftablesKernel()
    if driver == "iptables":
        return IptablesKernel()
    raise UNKNOWN_DRIVER.refuse(field="driver", driver=driver)
