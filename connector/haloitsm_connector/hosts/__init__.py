"""At home in other hosts: what each of them needs of the same incoming and outgoing.

`settings`, `selection`, `streams`, `schemas` and `sink` are what all hosts share. Every other module or package here
is one host: an extra of its own, which alone imports its SDK, and which nothing imports.
"""
