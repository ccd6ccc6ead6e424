"""NCMEC's CyberTipline Reporting API: what a report says (facts), its XML, the schema, and the five calls.

Everything here is a pure function or a plain client. Who may send what, and what was sent, is decided elsewhere.
"""
