"""How many machines a number of calls needs: a simulation fed with the figures of `vdx bench turn`.

`costs` reads what one call costs, `cores` and `station` are what calls share, `calls` simulates
so many on one machine, `fleet` says how many machines that makes.
"""
