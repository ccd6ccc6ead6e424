"""The demonstration: a virtual desktop, a harmless scripted chat, and the real product watching it."""
