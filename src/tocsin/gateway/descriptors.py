"""How many connections are held at once, so that a flood of them leaves files for lists, logs and the store."""

from typing import Final

MOST: Final = 4096
"""Connections of one process, where the system allows as many."""


def most_connections() -> int:
    """Let this process open as many files as the system allows it, and return how many may be connections: half."""
    try:
        import resource
    except ImportError:  # a system without such limits
        return MOST
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and (hard == resource.RLIM_INFINITY or hard > soft):
        wanted = 4 * MOST if hard == resource.RLIM_INFINITY else min(hard, 4 * MOST)
        if wanted > soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return MOST if soft == resource.RLIM_INFINITY else max(16, min(MOST, soft // 2))
