"""Virtual PBXs on Asterisk: the console and the on-node services of their hosters."""
