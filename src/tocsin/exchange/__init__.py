"""Formats to and from others: feeds of hash lists, CyberTipline reports, sealed referrals."""
