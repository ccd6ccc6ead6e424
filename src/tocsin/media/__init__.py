"""Pictures and video: decoding what is hostile, PDQ and vPDQ, digests."""
