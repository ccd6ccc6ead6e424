"""What callers hand to the index, made into the arrays its kernels take, or refused with a sentence."""

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.int64]


def are_codes(array: object) -> bool:
    """Say whether an array is (n, 32) bytes as the kernels take them, so that nothing need be copied."""
    return (
        type(array) is np.ndarray
        and array.ndim == 2
        and array.shape[1] == 32
        and array.dtype == np.uint8
        and array.flags.c_contiguous
    )


def codes_of(hashes: object) -> Codes:
    """Return hashes as (n, 32) bytes; one hash may be (32,). Raises ValueError with a sentence."""
    array = np.asarray(hashes)
    if array.dtype != np.uint8:
        raise ValueError(f"Hashes must be bytes (uint8), not {array.dtype}.")
    if array.ndim == 1 and array.size == 32:
        array = array.reshape(1, 32)
    if array.ndim != 2 or array.shape[1] != 32:
        raise ValueError(f"Hashes must have the shape (n, 32), not {array.shape}.")
    return np.ascontiguousarray(array)


def ids_of(ids: object, count: int | None = None) -> Ids:
    """Return ids as (n,) 64-bit integers, ``count`` of them if given. Raises ValueError with a sentence."""
    array = np.atleast_1d(np.asarray(ids))
    if array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise ValueError("Ids must be a list of whole numbers.")
    if array.dtype.kind == "u" and array.size and int(array.max()) > np.iinfo(np.int64).max:
        raise ValueError("Ids must fit into 63 bits and a sign.")
    if count is not None and len(array) != count:
        raise ValueError(f"As many ids as hashes are needed: there are {len(array)} ids and {count} hashes.")
    return np.ascontiguousarray(array, np.int64)
