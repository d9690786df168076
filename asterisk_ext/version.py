"""The version that is installed; apart, because looking it up takes longer than to start all else of a scan."""

from importlib.metadata import version

VERSION = version("asterisk-ext")
