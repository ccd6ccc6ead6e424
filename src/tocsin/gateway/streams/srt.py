"""SRT, through a command that speaks it (ffmpeg with libsrt, or srt-live-transmit), piped to us as MPEG-TS."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlencode

from tocsin.gateway.streams.addresses import Address, AddressError, pinned
from tocsin.gateway.streams.source import Mark, SourceError, Ways

_CHUNK = 64 << 10
_KNOWN = frozenset({"streamid", "passphrase", "pbkeylen", "latency", "mode"})


class SrtSource:
    """One SRT address: called, or (``mode=listener``) waited at."""

    paced = True

    def __init__(self, address: Address, ways: Ways) -> None:
        self._address, self._ways = address, ways

    async def chunks(self) -> AsyncIterator[bytes | Mark]:
        """Give the transport stream. Raises SourceError where no command is there, or when it ends early."""
        process = await asyncio.create_subprocess_exec(
            *self._command(await self._url()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdout is not None
        any_came = False
        try:
            while True:
                try:
                    async with asyncio.timeout(self._ways.silence):
                        data = await process.stdout.read(_CHUNK)
                except TimeoutError:
                    said = f"Nothing came by SRT for {self._ways.silence:.0f} seconds."
                    raise SourceError("time-out", said) from None
                if not data:
                    break
                any_came = True
                yield data
            if await process.wait() or not any_came:
                raise SourceError("unreadable", "The SRT connection could not be made, or broke.")
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.communicate()  # ``wait`` alone never ends while bytes are left that nobody reads

    async def _url(self) -> str:
        """Return the address with its name looked up once, and only the options that are understood."""
        address = self._address
        host = address.host
        if not address.listen:
            try:
                host, _ = await pinned(address.host, address.port, self._ways.rules)
            except AddressError as error:
                raise SourceError("unsupported", str(error), final=True) from None
        query = parse_qsl(address.parts.query if address.parts else "")
        options = [(name, value) for name, value in query if name in _KNOWN and name != "mode"]
        options.append(("mode", "listener" if address.listen else "caller"))
        host = f"[{host}]" if ":" in host else host or "0.0.0.0"  # noqa: S104 - a listener may be called at any address
        return f"srt://{host}:{address.port}?{urlencode(options)}"

    def _command(self, url: str) -> list[str]:
        if transmit := shutil.which("srt-live-transmit"):
            return [transmit, "-q", "-loglevel:fatal", url, "file://con"]
        if ffmpeg := shutil.which(self._ways.ffmpeg):
            quiet = ["-nostdin", "-loglevel", "quiet", "-protocol_whitelist", "srt,pipe"]
            return [ffmpeg, *quiet, "-f", "mpegts", "-i", url, "-map", "0", "-c", "copy", "-f", "mpegts", "pipe:1"]
        said = "SRT needs a command that speaks it: install srt-tools, or an ffmpeg with SRT."
        raise SourceError("unsupported", said, final=True)
