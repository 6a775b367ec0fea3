"""Attacks: each is tried twice, on the product as it is and with its defence taken away.

The second try, called *bare* in a test's name, must succeed: an attack that fails for another
reason proves nothing. ``docs/security.md`` says which threat each of them stands for.
"""
