"""Reports to an authority: drafted and approved by people, filed by a worker of its own, preserved for a year.

The hub never speaks to the authority and cannot open the evidence. What it holds is the order of things: who decided
what, and the one permission to submit that exists at a time, so that nothing is ever sent twice.
"""
