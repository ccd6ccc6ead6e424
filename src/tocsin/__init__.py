"""Tocsin recognises signs of child sexual exploitation and puts each before the right person."""

__version__ = "0.1.0"
