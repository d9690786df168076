"""Virtual PBXs on Asterisk: the console and the on-node services of their hosters."""

from importlib.metadata import version

VERSION = version("asterisk-ext")
