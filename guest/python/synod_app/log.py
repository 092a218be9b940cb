"""The app's log: bounded, kept inside the TEE, for members and the app's owner."""

from __future__ import annotations

from . import host

_LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")


class Log:
    """Lines, of which the first 1,024 bytes are kept."""

    @property
    def admitted(self) -> bool:
        """Whether the app's manifest admits `log`."""
        return host.admitted(host.log)

    def debug(self, message: str) -> None:
        """Adds a line that only its developer needs."""
        self._write("DEBUG", message)

    def info(self, message: str) -> None:
        """Adds a line about the ordinary run of things."""
        self._write("INFO", message)

    def warn(self, message: str) -> None:
        """Adds a line about what should not be."""
        self._write("WARN", message)

    def error(self, message: str) -> None:
        """Adds a line about what went wrong."""
        self._write("ERROR", message)

    def _write(self, level: str, message: str) -> None:
        host.log.write(getattr(host.log.Level, level), message)


log = Log()
