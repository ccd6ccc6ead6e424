"""Mutated pictures, videos' heads and archives through the limited workers: nothing may escape, nothing may look clean.

    python tests/fuzz/fuzz_decoding.py --seconds 60 --seed 1

Every answer must be a value of the agreed form; a crash of a decoder is counted and its file kept in ``--keep``, and
is a finding about the decoder, not about us. The owner's own memory and descriptors must not grow.
"""

import argparse
import collections
import importlib.util
import io
import random
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import psutil

from tocsin.media.limited import Limited, Limits
from tocsin.media.options import Options
from tocsin.model.media import Fingerprints
from tocsin.model.observation import NotScanned

OPTIONS = Options(turns=True, fast=True)


def seeds():
    """Small sound files of every kind that is decoded."""
    path = Path(__file__).parents[1] / "media" / "pictures.py"
    spec = importlib.util.spec_from_file_location("odd_pictures", path)
    odd = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(odd)
    y, x = np.mgrid[0:96, 0:128]
    rgb = np.stack([x * 2, y * 2, (x * y) // 64], -1).astype(np.uint8)
    found = [
        odd.encoded(rgb, kind) for kind in ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "ICO", "JPEG2000")
    ]
    found += [
        odd.encoded(rgb, "JPEG", progressive=True, exif=odd.exif(6)),
        odd.encoded(rgb, "TIFF", compression="tiff_lzw"),
    ]
    found.append(odd.encoded(rgb, "WEBP", lossless=True))
    try:
        found.append(odd.heic(rgb))
    except ImportError:
        print("without PyAV no HEIC is fuzzed")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", found[1])
    found.append(made.getvalue())
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        info = tarfile.TarInfo("a.jpg")
        info.size = len(found[0])
        archive.addfile(info, io.BytesIO(found[0]))
    return [*found, made.getvalue()]


def mutated(data, chance):
    """Return the data with a few bytes, a stretch or a length field changed, or cut."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = int(len(made) * chance.random() ** chance.choice((1, 3)))
        at = min(at, len(made) - 1)
        match chance.randrange(6):
            case 0:
                made[at] ^= 1 << chance.randrange(8)
            case 1:
                made[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4)))
            case 2:
                made[at : at + chance.randrange(1, 40)] = b""
            case 3:
                made[at:at] = made[at : at + chance.randrange(1, 60)]
            case 4:
                made[at : at + 8] = chance.randbytes(8)
            case 5 if chance.random() < 0.2:
                del made[max(at, 40) :]
        if len(made) < 2:
            return bytes(data)
    return bytes(made)


def main():
    """Fuzz for a while and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    wanted = parser.parse_args()
    chance = random.Random(wanted.seed)
    known = seeds()
    counts: collections.Counter[str] = collections.Counter()
    me = psutil.Process()
    end = time.monotonic() + wanted.seconds
    with Limited(1, Limits(memory=512 << 20, pixels=20_000_000, seconds=10)) as pool:
        pool.fingerprint(known[0], OPTIONS)
        before = me.num_fds(), me.memory_info().rss
        while time.monotonic() < end:
            data = mutated(chance.choice(known), chance)
            results = [pool.fingerprint(data, OPTIONS), *(one.result for one in pool.members(data))]
            for result in results:
                assert isinstance(result, Fingerprints | NotScanned), result
                counts[f"{result.reason or 'examined'}"] += 1
                if result.reason in ("failed", "time-out"):
                    counts[result.detail] += 1
                    if wanted.keep:
                        wanted.keep.mkdir(exist_ok=True)
                        (wanted.keep / f"{wanted.seed}-{sum(counts.values())}").write_bytes(data)
        fds, memory = me.num_fds(), me.memory_info().rss
    assert fds == before[0], f"{fds - before[0]} descriptors were left open"
    print(f"{sum(counts.values()):,} answers: " + ", ".join(f"{n:,} {what}" for what, n in counts.most_common()))
    print(f"memory of the owner grew by {(memory - before[1]) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
