"""The drivers by name."""

from __future__ import annotations

from firewall.iptables import IptablesKernel
from firewall.kernel import UNKNOWN_DRIVER, Kernel
from firewall.nftables import NftablesKernel


def kernel_of(driver: str) -> Kernel:
    """The driver of that name. Refuses ``kernel.unknown_driver``."""
    if driver == "nftables":
        return NftablesKernel()
    if driver == "iptables":
        return IptablesKernel()
    raise UNKNOWN_DRIVER.refuse(field="driver", driver=driver)
